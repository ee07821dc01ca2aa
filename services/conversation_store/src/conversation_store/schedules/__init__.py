"""Schedules: turns that begin at a time instead of with a message."""
