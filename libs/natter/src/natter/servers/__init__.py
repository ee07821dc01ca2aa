"""The servers that come as Python wheels, so that Natter runs with nothing installed: NATS and Postgres."""
