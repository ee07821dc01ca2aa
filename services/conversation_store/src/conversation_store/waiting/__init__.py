"""Runs that wait for a person: how they begin to, what is decided, and how they go on."""
