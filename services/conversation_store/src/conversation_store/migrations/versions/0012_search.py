"""Conversations are pinned and archived, and search finds words of any script, by an index, under the policies."""

from alembic import op

revision = "0012"
down_revision = "0009"

# From Postgres 17 on, letters are Unicode's whatever the database's locale is; before, the database's locale decides.
UNICODE = """
do $$
begin
    if current_setting('server_version_num')::int >= 170000 then
        execute $f$create function chat.search_text(content text) returns text
            language sql immutable strict parallel safe as
            $b$ select lower(normalize(content, NFKC) collate pg_c_utf8) collate pg_c_utf8 $b$ $f$;
    else
        execute $f$create function chat.search_text(content text) returns text
            language sql immutable strict parallel safe as $b$ select lower(normalize(content, NFKC)) $b$ $f$;
    end if;
end $$
"""
# Chinese, Japanese, Thai, Lao, Khmer, Burmese: no blanks between words, so two characters at a time are a word.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
# A word is at most 64 characters; a tsvector at most 1 MiB, which the bounds on the text keep far away.
WORDS = rf"""
create function chat.search_words(content text) returns text[] language sql immutable strict parallel safe as $$
    select coalesce(array_agg(left(word, 64)), '{{}}') from regexp_split_to_table(
        regexp_replace(
            regexp_replace(chat.search_text(left(content, 100000)), '([{UNSPACED}]+)', ' \1 ', 'g'),
            '[^[:alnum:]{UNSPACED}]+', ' ', 'g'),
        ' ') word where word <> ''
$$
"""  # noqa: S608 - nothing in it comes from outside
PAIRS = rf"""
create function chat.search_pairs(word text, is_query boolean) returns text[]
language sql immutable strict parallel safe as $$
    select case when word !~ '^[{UNSPACED}]' then array[word] else array(
        select substr(word, at, 2)
        from generate_series(1, greatest(1, length(word) - case when is_query then 1 else 0 end)) at
    ) end
$$
"""  # noqa: S608
# Each word begins with its owner's mark: so one index serves everybody, and reads nothing of others' words.
MARK = """
create function chat.search_mark(user_id text) returns text language sql immutable strict parallel safe as $$
    select left(md5(user_id), 10) || '/'
$$
"""
TERMS = """
create function chat.search_terms(user_id text, content text) returns tsvector
language sql immutable strict parallel safe as $$
    select array_to_tsvector(array(
        select distinct chat.search_mark(user_id) || term
        from unnest(chat.search_words(content)) word, unnest(chat.search_pairs(word, false)) term limit 30000
    ))
$$
"""
# All words must be there; the last one may be the beginning of a word, as it is still being typed.
QUERY = """
create function chat.search_query(user_id text, words text) returns tsquery
language sql immutable strict parallel safe as $$
    select string_agg(
        quote_literal(chat.search_mark(user_id) || term) || case
            when place = last_place and (length(term) = 1 or cardinality(terms) = 1) then ':*' else '' end,
        ' & ')::tsquery
    from (
        select term, place, terms, max(place) over () as last_place
        from unnest(chat.search_words(left(words, 200))) with ordinality as w(word, place),
            lateral (select chat.search_pairs(word, true) as terms) p, unnest(p.terms) term
        limit 64
    ) all_terms
$$
"""
# A policy keeps Postgres from using an index for `@@`, which is not leakproof. This function belongs to a role that
# the policies do not hold and that may read messages and nothing else: it finds by the index, and only for the
# transaction's own user, whom it takes from where the policies take it. It gives ids; their rows are then read under
# the policies. Where there can be no such role it finds the same, by looking through the user's messages.
MESSAGES = """
create function chat.search_messages(words text, hits_max integer) returns setof text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    mine constant text := current_setting('app.user_id', true);
    query constant tsquery := chat.search_query(mine, words);
    few_max constant integer := 500;
    found text[];
begin
    if coalesce(mine, '') = '' or query is null then
        return;
    end if;
    perform set_config('enable_seqscan', 'off', true);
    execute 'select array_agg(message_id order by created_at desc) from (
        select message_id, created_at from chat.message
        where search @@ $1 and user_id = $2 and type in (''user_message'', ''assistant_message'') limit $3) few'
        into found using query, mine, few_max + 1;
    if coalesce(cardinality(found), 0) > few_max then
        -- Many hold it, so the newest that do are near the end.
        perform set_config('enable_bitmapscan', 'off', true);
        execute 'select array_agg(message_id) from (
            select message_id from chat.message
            where search @@ $1 and user_id = $2 and type in (''user_message'', ''assistant_message'')
            order by created_at desc limit $3) many'
            into found using query, mine, hits_max;
        perform set_config('enable_bitmapscan', 'on', true);
    end if;
    perform set_config('enable_seqscan', 'on', true);
    return query select unnest(found[:hits_max]);
end $$
"""
# The embedded Postgres has the role already; elsewhere whoever migrates may make it, or may not.
GIVE_TO_ROLE = """
do $$
begin
    if not exists (select from pg_roles where rolname = 'natter_search') then
        begin
            create role natter_search nologin bypassrls;
        exception
            when duplicate_object or unique_violation or insufficient_privilege then null;
        end;
    end if;
    if exists (select from pg_roles where rolname = 'natter_search' and rolbypassrls)
       and pg_has_role(current_user, 'natter_search', 'member') then
        begin
            grant usage, create on schema chat to natter_search;
            grant select on chat.message to natter_search;
            alter function chat.search_messages(text, integer) owner to natter_search;
            revoke create on schema chat from natter_search;
        exception
            when insufficient_privilege then null;
        end;
    end if;
end $$
"""
TAKE_FROM_ROLE = """
do $$
begin
    if exists (select from pg_roles where rolname = 'natter_search') then
        revoke all on chat.message from natter_search;
        revoke all on schema chat from natter_search;
    end if;
end $$
"""
FUNCTIONS = (
    "text(text)",
    "words(text)",
    "pairs(text, boolean)",
    "mark(text)",
    "terms(text, text)",
    "query(text, text)",
)
OLD_SEARCH = "tsvector generated always as (to_tsvector('simple', left(content, 200000))) stored"


def upgrade() -> None:
    op.execute("alter table chat.conversation add column pinned_at timestamptz, add column archived_at timestamptz")
    as_written = op.get_bind().exec_driver_sql  # in SQLAlchemy's own text a colon begins a parameter
    for function in (UNICODE, WORDS, PAIRS, MARK, TERMS, QUERY):
        as_written(function)
    op.execute("drop index chat.message_user_id_index")
    op.execute("alter table chat.message drop column search")
    for table, source in (("message", "content"), ("conversation", "coalesce(title, '')")):
        terms = f"generated always as (chat.search_terms(user_id, {source})) stored"
        op.execute(f"alter table chat.{table} add column search tsvector {terms}")
    op.execute("create index message_user_id_created_at_index on chat.message (user_id, created_at desc)")
    op.execute("create index message_search_index on chat.message using gin (search)")
    as_written(MESSAGES)
    op.execute(GIVE_TO_ROLE)


def downgrade() -> None:
    op.execute("drop function chat.search_messages(text, integer)")
    op.execute(TAKE_FROM_ROLE)
    for index in ("message_search_index", "message_user_id_created_at_index"):
        op.execute(f"drop index chat.{index}")
    for table in ("message", "conversation"):
        op.execute(f"alter table chat.{table} drop column search")
    op.execute(f"alter table chat.message add column search {OLD_SEARCH}")
    op.execute("create index message_user_id_index on chat.message (user_id)")
    for function in reversed(FUNCTIONS):
        op.execute(f"drop function chat.search_{function}")
    op.execute("alter table chat.conversation drop column pinned_at, drop column archived_at")
