"""Pytest plugin: a real NATS server and a real Postgres for tests, on free ports."""
