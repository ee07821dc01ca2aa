"""The built-in MCP server of task tools; its data lives in conversation_store."""
