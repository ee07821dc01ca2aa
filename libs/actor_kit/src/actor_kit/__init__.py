"""What every service stands on: the bus over NATS, the actor loop, lifecycle, health and telemetry."""
