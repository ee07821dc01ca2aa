"""Conversations become trees: a turn follows another one, and a conversation knows the branch that one is on."""

from alembic import op

revision = "0010"
down_revision = "0012"

COLUMNS = (
    "alter table chat.conversation add column path int8multirange default '{(,)}'::int8multirange not null",
    "alter table chat.conversation add column last_turn integer",
    "alter table chat.run add column parent_turn integer",
)

# A turn follows the one before it where nothing else is said, also one that the release before stores meanwhile. Only
# where a message was retried it is not so: that release deleted what came after the message, which stayed where it was.
# So a turn whose message stands in another turn's positions is a retry and follows what that turn followed; and the
# turns from that one up to the retry have lost their items, and are on no branch.
RETRIED = """
with turn as (
    select r.run_id, r.conversation_id, r.turn, coalesce(m.position / 1000000, r.turn) as place
    from chat.run r left join chat.message m on m.message_id = r.user_message_id and m.type = 'user_message'
), retry as (
    select conversation_id, turn, place from turn where place < turn
), touched as (
    select t.*, exists (
        select from retry where retry.conversation_id = t.conversation_id
            and t.turn >= retry.place and t.turn < retry.turn
    ) as is_dead
    from turn t where t.conversation_id in (select conversation_id from retry)
)
update chat.run r set parent_turn = case when a.is_dead then -1 else coalesce((
    select max(before.turn) from touched before
    where before.conversation_id = a.conversation_id and not before.is_dead and before.turn < a.place
), 0) end
from touched a where a.run_id = r.run_id
"""


def upgrade() -> None:
    op.execute("select set_config('app.system', 'on', true)")  # past the policies of row-level security
    for statement in (*COLUMNS, RETRIED):
        op.execute(statement)


def downgrade() -> None:
    """What is on other branches than the one that is shown is deleted: the release before cannot tell them apart."""
    op.execute("select set_config('app.system', 'on', true)")
    op.execute(
        "delete from chat.message m using chat.conversation c"
        " where c.conversation_id = m.conversation_id and not c.path @> m.position"
    )
    op.execute(
        "delete from chat.session_item s using chat.conversation c"
        " where c.conversation_id = s.conversation_id and not c.path @> (s.position / 1000000 * 1000000 + 1)"
    )
    op.execute("alter table chat.run drop column parent_turn")
    op.execute("alter table chat.conversation drop column last_turn, drop column path")
