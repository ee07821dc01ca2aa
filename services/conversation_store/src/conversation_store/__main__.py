"""Start of the store."""

import gc

gc.disable()  # what is imported stays: to look for garbage in it is a sixth of a start; `run_until_stopped` enables it

from conversation_store.app import main

if __name__ == "__main__":
    main()
