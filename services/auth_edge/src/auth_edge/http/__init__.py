"""The routes of auth_edge, one module for each thing that they are about."""
