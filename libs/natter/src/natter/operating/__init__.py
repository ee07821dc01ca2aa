"""Commands for whoever operates a stack that runs: what it does, for whom, and at what cost."""
