"""Claims runs, runs the agent with its MCP tools, publishes deltas."""
