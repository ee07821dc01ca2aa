"""Several assistants side by side: whose a conversation is, who of an assistant answers a run, and who asked."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute(
        """
        create table chat.assistant (
            assistant_id text constraint assistant_pkey primary key,
            card jsonb not null constraint assistant_card_check check (jsonb_typeof(card) = 'object'),
            registered_at timestamptz not null default now()
        )
        """
    )
    # The default is for the conversations that are there, and for a replica that is one version behind.
    op.execute("alter table chat.conversation add column assistant_id text not null default 'todo'")
    op.execute("alter table chat.run add column agent_name text")
    op.execute("alter table chat.run add column requester jsonb not null default '{}'::jsonb")
    # What waits to be published goes where the runners of this version look.
    op.execute(
        "update chat.outbox set subject = 'run.todo.' || substr(subject, 5)"
        r" where subject ~ '^run\.[^.]+\.[^.]+\.requested$'"
    )


def downgrade() -> None:
    op.execute("update chat.outbox set subject = 'run.' || substr(subject, 10) where subject like 'run.todo.%'")
    op.execute("alter table chat.run drop column requester, drop column agent_name")
    op.execute("alter table chat.conversation drop column assistant_id")
    op.execute("drop table chat.assistant")
