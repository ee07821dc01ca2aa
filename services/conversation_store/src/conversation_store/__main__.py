"""Start of the store."""

from conversation_store.app import main

if __name__ == "__main__":
    main()
