"""Turns: what a user says, and what is done about it."""
