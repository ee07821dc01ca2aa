"""Runs: claimed by a runner, written by it, ended once."""
