"""From when on a user's tokens hold: raised by a sign-out everywhere, a new password, an erasure."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0013"

# An erased user's floor stays for a day, until no token of theirs is left: under a hash, not under their id.
OWN_KEY = "encode(sha256(convert_to(current_setting('app.user_id', true), 'UTF8')), 'hex')"
RULE = f"case when (select current_setting('app.system', true)) = 'on' then true else user_key = (select {OWN_KEY}) end"

# Volatile, so that what it reads is what was committed while it waited for the lock.
CHECK_TOKEN = f"""
create function chat.check_token(issued_at bigint) returns void language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(hashtextextended(current_setting('app.user_id'), 0));
    if exists (
        select from chat.token_floor where user_key = {OWN_KEY} and valid_from > to_timestamp(issued_at)
    ) then
        raise exception 'token_revoked' using errcode = 'NT001';
    end if;
end $$
"""

# The role of the policies, where the database's user needs one (0005).
GRANT = """
do $$
begin
    if exists (select from pg_roles where rolname = 'natter_store') then
        grant select, insert, update, delete on chat.token_floor to natter_store;
    end if;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "token_floor",
        sa.Column("user_key", sa.Text(), primary_key=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        schema="chat",
    )
    op.execute("alter table chat.token_floor enable row level security")
    op.execute("alter table chat.token_floor force row level security")
    op.execute(f"create policy owner on chat.token_floor using ({RULE}) with check ({RULE})")
    op.execute(GRANT)
    op.execute(CHECK_TOKEN)


def downgrade() -> None:
    op.execute("drop function chat.check_token(bigint)")
    op.drop_table("token_floor", schema="chat")
