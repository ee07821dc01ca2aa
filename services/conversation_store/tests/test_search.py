# ruff: noqa: RUF001 - letters of other alphabets are what this is about
"""Search in what was said: in any script, with the sentence that matches, for oneself alone; pinned and archived."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from contracts.commands import UpdateConversation
from contracts.identity import Principal
from contracts.queries import ListConversations, SearchMessages
from contracts.replies import SearchHit
from conversation_store import conversations
from conversation_store.database import Database
from conversation_store.search import EXCERPT_CHARACTERS_MAX, excerpt
from conversation_store.search import sql as search_sql
from conversation_store.testing import ALICE, BOB, Client, running_client, store_settings

MALLORY = Principal(user_id="mallory")
SAID = {
    "english": "We met in Lisbon. The ferry to Cacilhas leaves at noon! Bring a coat.",
    "german": "Über die STRASSE geht es zum Bahnhof, dann links.",
    "greek": "Το πλοίο φεύγει το μεσημέρι.",
    "arabic": "غادرت العبّارة الميناء عند الظهر.",
    "hindi": "नाव दोपहर में निकलती है।",
    "chinese": "渡轮中午十二点开往对岸。请带上外套。",
    "japanese": "フェリーは正午に出発します。",
    "thai": "เรือข้ามฟากออกตอนเที่ยง",
    "code": "Call `snake_case_name(first, second)` of the module os.path, e-mail to ada@example.org",
    "quotes": "He said: “'milk' & !honey:*” (literally) \\ and went.",
}
FOUND_BY = [
    ("ferry noon", "english"),
    ("cacil", "english"),
    ("CACILHAS", "english"),
    ("über bahn", "german"),
    ("ÜBER", "german"),
    ("strasse", "german"),
    ("πλοιο", None),
    ("ΠΛΟΊΟ", "greek"),
    ("الميناء", "arabic"),
    ("दोपहर", "hindi"),
    ("中午", "chinese"),
    ("十二点", "chinese"),
    ("渡", "chinese"),
    ("正午に", "japanese"),
    ("フェリ", "japanese"),
    ("ข้ามฟาก", "thai"),
    ("snake_case", "code"),
    ("os.path", "code"),
    ("ada@example.org", "code"),
    ("milk honey", "quotes"),
    ("'milk' & !honey:*", "quotes"),
    ("\\ went", "quotes"),
    ("erry", None),
    ("ferry tomorrow", None),
    ("&|!():*'", None),
    ("   ", None),
]


async def said(client: Client, principal: Principal = ALICE) -> dict[str, str]:
    """A conversation for each text; returns whose text each message is."""
    turns = {name: await client.begin(text, principal=principal) for name, text in SAID.items()}
    return {turn.message_id: name for name, turn in turns.items()}


async def search(client: Client, words: str, principal: Principal = ALICE, limit: int = 20) -> list[SearchHit]:
    page = await client.ask(SearchMessages(principal=principal, search=words, limit=limit))
    return list(page.data)


async def test_words_of_any_script_are_found(client: Client) -> None:
    names = await said(client)
    for words, expected in FOUND_BY:
        found = [names[hit.message_id] for hit in await search(client, words) if hit.message_id]
        assert found == ([expected] if expected else []), words
        listed = await client.ask(ListConversations(principal=ALICE, search=words))
        if words.strip():
            assert len(listed.data) == len(found), words


WITHOUT_ITS_ROLE = "alter function chat.search_messages(text, integer) owner to current_user"
WAYS = pytest.mark.parametrize("way", ["by its role", "as the owner", "as a superuser"])


@WAYS
async def test_a_search_finds_only_ones_own_words_however_it_is_run(
    nats_url: str, database_url: str, way: str, prepare_superuser: Callable[[str], Awaitable[str]]
) -> None:
    url = await prepare_superuser(database_url) if way == "as a superuser" else database_url
    async with running_client(store_settings(nats_url, url), database_url) as client:
        if way == "as the owner":
            await client.execute(WITHOUT_ITS_ROLE)
        mine = await client.begin("the ferry leaves at noon")
        theirs = await client.begin("my secret ferry", principal=BOB)
        assert [hit.message_id for hit in await search(client, "ferry")] == [mine.message_id]
        assert [hit.message_id for hit in await search(client, "ferry", BOB)] == [theirs.message_id]
        assert await search(client, "ferry", MALLORY) == []
        bound = Principal(user_id="alice", conversation_id="conv_other")
        assert await search(client, "ferry", bound) == []
        async with Database.open(store_settings(nats_url, url)) as database:
            for user, expected in (("alice", [mine.message_id]), ("mallory", []), (None, [])):
                async with database.transaction(user) as transaction:
                    rows = await transaction.connection.fetch("select chat.search_messages('ferry', 9) as id")
                    assert [row["id"] for row in rows] == expected
            # Even where it is found, a row is read under the policies.
            async with database.transaction("mallory") as transaction:
                await transaction.connection.execute("select set_config('app.user_id', 'alice', true)")
                found = await transaction.connection.fetchval("select chat.search_messages('ferry', 9)")
                await transaction.connection.execute("select set_config('app.user_id', 'mallory', true)")
                sql = "select count(*) from chat.message where message_id = $1"
                assert await transaction.connection.fetchval(sql, found) == 0


@WAYS
async def test_of_a_word_that_everything_holds_the_newest_are_found(
    nats_url: str, database_url: str, way: str, prepare_superuser: Callable[[str], Awaitable[str]]
) -> None:
    url = await prepare_superuser(database_url) if way == "as a superuser" else database_url
    async with running_client(store_settings(nats_url, url), database_url) as client:
        if way == "as the owner":
            await client.execute(WITHOUT_ITS_ROLE)
        turn = await client.begin("first")
        await client.execute(
            "insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position,"
            " created_at) select 'm_' || n, $1, 'alice', 'user', 'user_message', 'again number' || n, '{}', 9 + n,"
            " now() + n * interval '1 second' from generate_series(1, 1500) n",
            turn.conversation_id,
        )
        assert [hit.message_id for hit in await search(client, "again", limit=3)] == ["m_1500", "m_1499", "m_1498"]
        assert [hit.message_id for hit in await search(client, "again number77", limit=2)] == ["m_779", "m_778"]
        page = await client.ask(SearchMessages(principal=ALICE, search="again", limit=3))
        assert page.has_more


async def test_titles_are_found_before_what_was_said(client: Client) -> None:
    turn = await client.begin("where does the ferry go")
    await client.ask(UpdateConversation(principal=ALICE, conversation_id=turn.conversation_id, title="Ferry to 渡轮"))
    first, second = await search(client, "ferry")
    assert (first.message_id, first.title) == (None, "Ferry to 渡轮")
    assert second.message_id == turn.message_id
    assert [part.text for part in second.excerpt if part.is_match] == ["ferry"]


def test_the_sentence_that_matches_is_shown_and_marked() -> None:
    text = " ".join(f"This is sentence {n}." for n in range(60)) + " The FERRY leaves at noon. " + "More. " * 90
    parts = excerpt(text, "ferry noo")
    assert [part.text for part in parts if part.is_match] == ["FERRY", "noo"]
    shown = "".join(part.text for part in parts)
    assert shown.startswith("…The FERRY leaves at noon.")
    assert len(shown) <= EXCERPT_CHARACTERS_MAX + 2
    chinese = excerpt(SAID["chinese"], "外套")
    assert [part.text for part in chinese] == ["…请带上", "外套", "。"]
    assert excerpt("plain", "((")[0].text == "plain"
    assert len("".join(part.text for part in excerpt("x" * 5_000, "y"))) <= EXCERPT_CHARACTERS_MAX + 2


async def test_a_large_text_is_stored_whatever_is_in_it(client: Client) -> None:
    for text in ("漢字かな" * 8_000, " ".join(f"w{n}" for n in range(6_000)), "x" * 32_000, "\u0300\u200d" * 9_000):
        await client.begin(text[:32_000], on_busy="enqueue")


async def test_what_is_pinned_or_archived_is_listed_apart_and_keeps_its_place(client: Client) -> None:
    first, second, third = [(await client.begin(text)).conversation_id for text in ("one", "two", "three")]
    before = await client.ask(ListConversations(principal=ALICE))

    async def change(conversation_id: str, **changes: bool) -> None:
        await client.ask(UpdateConversation(principal=ALICE, conversation_id=conversation_id, **changes))  # pyright: ignore[reportArgumentType]

    async def listed(**filters: bool) -> list[str]:
        page = await client.ask(ListConversations(principal=ALICE, **filters))  # pyright: ignore[reportArgumentType]
        return [view.conversation_id for view in page.data]

    await change(first, pinned=True)
    await change(second, archived=True)
    assert await listed(pinned=True, archived=False) == [first]
    assert await listed(pinned=False, archived=False) == [third]
    assert await listed(archived=True) == [second]
    assert await listed() == [third, second, first]
    after = await client.ask(ListConversations(principal=ALICE))
    assert [view.updated_at for view in after.data] == [view.updated_at for view in before.data]
    since = after.data[-1].pinned_at
    await change(first, pinned=True)
    await change(first, archived=True)
    again = (await client.ask(ListConversations(principal=ALICE, pinned=True))).data[0]
    assert (again.pinned_at, again.archived_at is not None) == (since, True)
    await change(first, pinned=False, archived=False)
    await change(second, archived=False)
    assert await listed(pinned=False, archived=False) == [third, second, first]


async def test_what_is_searched_for_is_read_once_and_not_for_each_row(client: Client) -> None:
    """A plan that is kept for any words does not know that they are the same for all rows, unless it is told."""
    for statement in (search_sql.titles, conversations.sql.newest_first, conversations.sql.oldest_first):
        values = ", ".join(["null"] * len(statement.parameters))
        async with client.store.database.transaction("alice") as transaction:
            connection = transaction.connection
            await connection.execute("set local plan_cache_mode = force_generic_plan")
            await connection.execute(f"prepare looked_at as {statement.text}")
            plan = [row[0] for row in await connection.fetch(f"explain execute looked_at ({values})")]
            await connection.execute("deallocate looked_at")
        assert any("@@" in line for line in plan)
        assert not [line for line in plan if "@@" in line and "search_query(" in line], plan


async def test_a_first_letter_is_looked_for_in_the_newest_before_all_words_that_begin_with_it(
    client: Client, database_url: str, prepare_superuser: Callable[[str], Awaitable[str]]
) -> None:
    turn = await client.begin("first")
    await client.execute(
        "insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position,"
        " created_at) select 'm_' || n, $1, 'alice', 'user', 'user_message', case when n > 20 then 'tea' else 'milk'"
        " end, '{}', 9 + n, now() + n * interval '1 second' from generate_series(1, 3000) n",
        turn.conversation_id,
    )
    connection = await asyncpg.connect(await prepare_superuser(database_url))

    async def found(words: str) -> tuple[list[str], int]:
        async with connection.transaction():
            await connection.execute("set local track_counts = on; set local app.user_id = 'alice'")
            rows = await connection.fetch("select chat.search_messages($1, 3)", words)
            read = "select pg_stat_get_xact_tuples_fetched('chat.message'::regclass)"
            return [row[0] for row in rows], await connection.fetchval(read)

    try:
        await connection.execute("analyze chat.message")
        newest, rows_read = await found("t")
        assert newest == ["m_3000", "m_2999", "m_2998"]
        assert rows_read < 50
        older, _ = await found("m")  # not in the newest ones: found all the same
        assert older == ["m_20", "m_19", "m_18"]
    finally:
        await connection.close()
