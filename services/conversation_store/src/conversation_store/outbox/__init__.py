"""The outbox: words for the bus, stored with what they speak of, published after the commit."""
