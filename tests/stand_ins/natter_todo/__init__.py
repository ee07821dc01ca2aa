"""See stand_in.py."""
