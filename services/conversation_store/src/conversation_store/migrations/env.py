"""Alembic's environment: runs on the connection that `conversation_store.migrate` hands over."""

from alembic import context
from sqlalchemy import text

from conversation_store.models import METADATA, SCHEMA


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Only the schema `chat`: the web app's tables in `auth` are not ours."""
    return name == SCHEMA if kind == "schema" else True


connection = context.config.attributes["connection"]
connection.execute(text(f"create schema if not exists {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=METADATA,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=include_name,
)
with context.begin_transaction():
    context.run_migrations()
