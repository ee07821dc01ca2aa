"""The command line: the whole of Natter on one machine."""
