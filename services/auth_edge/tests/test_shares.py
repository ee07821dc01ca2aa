"""Links to conversations at the door: their tokens, who may read them, and how often."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from auth_edge.secret_uses import SecretUses
from auth_edge.testing import RunningEdge
from contracts.commands import AddTask, ShareConversation
from contracts.errors import Code, RetryableError, TerminalError
from contracts.queries import GetShared, ListTasks
from contracts.replies import AttachmentView, SharedPage, SharedPicture

TOKEN = "A" * 43
NOW = datetime(2026, 12, 1, tzinfo=UTC)


async def test_a_link_s_token_is_told_once_and_only_its_hash_goes_on(edge: RunningEdge, store: Any) -> None:
    made = await edge.call("POST", "/conversations/conv_1/shares")
    assert made.status_code == 201
    body = made.json()
    assert body["path"] == f"/shared/{body['token']}"
    assert len(body["token"]) == 43
    asked = store.only(ShareConversation)
    assert asked.token_hash == hashlib.sha256(body["token"].encode()).hexdigest()
    assert body["token"] not in repr(store.asked)
    again = (await edge.call("POST", "/conversations/conv_1/shares")).json()
    assert again["token"] != body["token"]
    listed = (await edge.call("GET", "/conversations/conv_1/shares")).json()["data"]
    assert set(listed[0]) == {"share_id", "conversation_id", "title", "created_at"}


async def test_whoever_has_a_link_reads_it_and_no_search_engine_keeps_it(edge: RunningEdge, store: Any) -> None:
    answer = await edge.client.get(f"/api/shared/{TOKEN}", params={"after": "7"})
    assert answer.status_code == 200
    assert answer.json()["title"] == "Groceries"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert store.only(GetShared).after == "7"
    store.answers["GetShared"] = TerminalError.not_found("link")
    gone = await edge.client.get(f"/api/shared/{TOKEN}")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert gone.headers["x-robots-tag"] == "noindex, nofollow, noarchive"


async def test_a_picture_that_a_link_shows_has_an_address_by_the_link_and_names_nobody(
    edge: RunningEdge, store: Any
) -> None:
    known = AttachmentView(
        attachment_id="atc_1", name="a.png", mime_type="image/png", size_bytes=3, state="stored", created_at=NOW,
        sha256="0" * 64, file_key="atc_1/1",
    )  # fmt: skip
    image: Any = {"id": "image", "url": "", "name": "A fox"}
    store.answers["GetShared"] = SharedPage(
        shared_at=NOW,
        items=({"id": "item_8", "type": "generated_image", "image": image},),
        pictures=(SharedPicture(position=8, attachment=known),),
    )
    address = f"/api/shared/{TOKEN}/pictures/8"
    read = await edge.client.get(f"/api/shared/{TOKEN}")
    assert read.json()["items"][0]["image"] == {**image, "url": address}
    assert "atc_1" not in read.text
    picture = await edge.client.get(address, headers={"if-none-match": "*"})
    assert (picture.status_code, picture.headers["x-content-type-options"]) == (304, "nosniff")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert (store.asked[-1].after, store.asked[-1].limit) == ("7", 1)
    assert (await edge.client.get(address.replace("/8", "/9"))).json()["code"] == "not_found"


async def test_a_user_who_is_called_shared_keeps_their_routes(edge: RunningEdge, store: Any) -> None:
    assert (await edge.call("GET", "/tasks", user_id="shared")).status_code == 200
    assert store.only(ListTasks).principal.user_id == "shared"
    assert (await edge.call("POST", "/tasks", user_id="shared", json={"title": "t"})).status_code == 201
    assert store.only(AddTask).principal.user_id == "shared"
    malformed = await edge.client.get("/api/shared/short")
    assert malformed.status_code == 404
    assert [message for message in store.asked if isinstance(message, GetShared)] == []


def reads(now: list[float]) -> SecretUses:
    return SecretUses(uses_max=3, guesses_max=2, clock=lambda: now[0])


def is_admitted(counted: SecretUses, token_hash: str) -> bool:
    try:
        counted.admit(token_hash)
    except RetryableError as error:
        return error.code != Code.RATE_LIMITED
    return True


def test_a_link_is_read_so_often_in_a_minute() -> None:
    now = [0.0]
    counted = reads(now)
    assert is_admitted(counted, "a")
    counted.found("a")
    assert [is_admitted(counted, "a") for _ in range(3)] == [True, True, False]
    now[0] = 60.0
    assert is_admitted(counted, "a")


def test_who_guesses_links_is_stopped_and_holds_up_nobody_who_has_one() -> None:
    now = [0.0]
    counted = reads(now)
    counted.admit("a")
    counted.found("a")
    assert [is_admitted(counted, guess) for guess in ("x", "y", "z")] == [True, True, False]
    assert is_admitted(counted, "a")
    counted.lost("a")
    assert not is_admitted(counted, "a")
