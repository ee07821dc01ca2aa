"""How often a user took everything along in this hour."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute(
        "alter table chat.request_budget add column exports_since timestamptz,"
        " add column exports_count integer default 0 not null"
    )


def downgrade() -> None:
    op.execute("alter table chat.request_budget drop column exports_since, drop column exports_count")
