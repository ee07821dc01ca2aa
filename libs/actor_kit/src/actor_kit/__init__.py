"""The bus over NATS, the actor loop, lifecycle, health and telemetry."""
