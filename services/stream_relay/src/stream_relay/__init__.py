"""Server-sent events: what was before and what is live, joined by sequence."""
