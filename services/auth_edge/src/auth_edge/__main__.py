"""`python -m auth_edge` runs the service; `python -m auth_edge openapi FILE` writes the interface's description."""

import sys

from auth_edge.cli import run, write_openapi

if __name__ == "__main__":
    if sys.argv[1:2] == ["openapi"]:
        write_openapi(sys.argv[2])
    else:
        run()
