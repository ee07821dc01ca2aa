"""Verification of the JWT that says who a caller is."""
