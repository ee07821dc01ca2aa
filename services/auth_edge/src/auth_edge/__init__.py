"""The HTTP edge: verifies the caller, validates, sends on NATS."""
