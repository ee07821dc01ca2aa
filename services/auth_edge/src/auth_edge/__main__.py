"""`python -m auth_edge` runs the service; `python -m auth_edge openapi FILE` writes the interface's description."""

import gc
import sys

gc.disable()  # what is imported stays: to look for garbage in it is a sixth of a start; `run_until_stopped` enables it

from auth_edge.cli import run, write_openapi

if __name__ == "__main__":
    if sys.argv[1:2] == ["openapi"]:
        write_openapi(sys.argv[2])
    else:
        run()
