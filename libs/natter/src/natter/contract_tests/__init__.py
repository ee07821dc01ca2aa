"""Contract tests for anyone: a running service against the examples, and a service played from the examples."""
