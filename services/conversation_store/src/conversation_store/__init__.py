"""Owner of every table: conversations, runs, tasks, the outbox."""
