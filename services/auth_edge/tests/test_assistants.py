"""To whom a person writes, and what the assistant is told of the person."""

from pathlib import Path
from typing import Any

import jwt
import pytest
from auth_edge.http.requester import first_language
from auth_edge.testing import CHAT_TOKEN_SECRET, RunningEdge, running_edge
from contracts.assistants import AssistantCard, Requester, StartPrompt
from contracts.commands import BeginTurn
from contracts.errors import Code, TerminalError
from contracts.replies import AssistantList

INPUT = {"content": [{"type": "input_text", "text": "hello"}], "attachments": [], "inference_options": {}}
CREATE = {"type": "threads.create", "params": {"input": INPUT}}
SUPPORT = AssistantCard(
    assistant_id="support",
    name="Support desk",
    greeting="How can we help?",
    start_prompts=(StartPrompt(label="My order", prompt="Where is my order?"),),
)


async def test_the_assistants_are_listed_with_their_cards(edge: RunningEdge, store: Any) -> None:
    store.answers["ListAssistants"] = AssistantList(data=(SUPPORT, AssistantCard(assistant_id="todo", name="Natter")))
    listed = (await edge.call("GET", "/assistants")).json()["data"]
    assert [one["assistant_id"] for one in listed] == ["support", "todo"]
    assert listed[0]["start_prompts"] == [{"label": "My order", "prompt": "Where is my order?", "icon": None}]
    token = edge.edge.verifier.chat.mint("alice").client_secret
    assert (await edge.call("GET", "/assistants", token=token)).status_code == 200


async def test_a_message_names_its_assistant(edge: RunningEdge, store: Any) -> None:
    await edge.call("POST", "/chat", json={"message": "hi", "assistant_id": "support"})
    assert store.only(BeginTurn).assistant_id == "support"
    conversation = (await edge.call("GET", "/conversations/conv_1")).json()
    assert conversation["assistant_id"] == "todo"


@pytest.mark.parametrize(
    ("headers", "metadata", "asked_for"),
    [
        ({"Natter-Assistant": "support"}, {}, "support"),
        ({}, {"assistant_id": "support", "more": 1}, "support"),
        ({"Natter-Assistant": "support"}, {"assistant_id": "todo"}, "support"),
        ({}, {"more": 1}, None),
    ],
)
async def test_chatkit_names_its_assistant_in_a_header_or_in_its_metadata(
    edge: RunningEdge, store: Any, headers: dict[str, str], metadata: dict[str, Any], asked_for: str | None
) -> None:
    answer = await edge.call("POST", "/chatkit", json={**CREATE, "metadata": metadata}, headers=headers)
    assert answer.status_code == 303
    assert store.only(BeginTurn).assistant_id == asked_for


@pytest.mark.parametrize("wrong", ["run.>", "Support", "x" * 33, 7, {"a": 1}])
async def test_what_is_no_id_of_an_assistant_never_reaches_a_subject(edge: RunningEdge, store: Any, wrong: Any) -> None:
    answer = await edge.call("POST", "/chatkit", json={**CREATE, "metadata": {"assistant_id": wrong}})
    assert (answer.status_code, answer.json()["code"]) == (422, "assistant_unknown")
    assert answer.json()["field"] == "metadata.assistant_id"
    rest = await edge.call("POST", "/chat", json={"message": "hi", "assistant_id": wrong})
    assert (rest.status_code, rest.json()["field"]) == (422, "body.assistant_id")
    if isinstance(wrong, str):
        answer = await edge.call("POST", "/chatkit", json=CREATE, headers={"Natter-Assistant": wrong})
        assert (answer.status_code, answer.json()["field"]) == (422, "Natter-Assistant")
    assert [asked for asked in store.asked if isinstance(asked, BeginTurn)] == []


@pytest.mark.parametrize(
    ("code", "status"), [(Code.ASSISTANT_UNKNOWN, 422), (Code.ASSISTANT_NOT_SERVED, 409)], ids=["unknown", "gone"]
)
async def test_an_assistant_that_is_not_offered_is_said_so(
    edge: RunningEdge, store: Any, code: Code, status: int
) -> None:
    store.answers["BeginTurn"] = TerminalError(code, "There is no such assistant.", field="assistant_id")
    answer = await edge.call("POST", "/chat", json={"message": "hi", "assistant_id": "other"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_key_is_not_used_again_for_another_assistant(edge: RunningEdge, store: Any) -> None:
    def hashes() -> set[str]:
        return {asked.body_hash for asked in store.asked if isinstance(asked, BeginTurn) and asked.body_hash}

    key = {"Idempotency-Key": "k"}
    for assistant in ("support", "todo"):
        await edge.call("POST", "/chatkit", json=CREATE, headers={**key, "Natter-Assistant": assistant})
    assert len(hashes()) == 2
    await edge.call("POST", "/chat", json={"message": "hi"}, headers=key)
    plain = hashes()
    await edge.call("POST", "/chat", json={"message": "hi", "assistant_id": "todo"}, headers=key)
    assert len(hashes()) == len(plain) + 1


async def test_what_the_browser_says_of_a_person_goes_with_the_turn(edge: RunningEdge, store: Any) -> None:
    headers = {"Accept-Language": "de-CH, en;q=0.5", "Natter-Time-Zone": "Europe/Zurich"}
    await edge.call("POST", "/chat", json={"message": "hi"}, headers=headers)
    assert store.only(BeginTurn).requester == Requester(locale="de-CH", time_zone="Europe/Zurich")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "é", ""])
async def test_a_time_zone_that_nobody_knows_is_ignored(edge: RunningEdge, store: Any, zone: str) -> None:
    headers = [(b"Natter-Time-Zone", zone.encode())]
    token = edge.token()
    answer = await edge.client.post(
        "/api/alice/chat",
        json={"message": "hi"},
        headers=[(b"Authorization", f"Bearer {token}".encode()), *headers],
    )
    assert answer.status_code == 202
    assert store.only(BeginTurn).requester == Requester()


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("en;q=0.3, ar-EG;q=0.8, fr;q=0", "ar-EG"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("en_US, ../etc;q=1, de;q=0.1", "de"),
        ("de;q=high, fr;q=0.2", "fr"),
        ("de;level=1", "de"),
        ("x" * 100_000, None),
    ],
)
def test_the_language_that_is_liked_best_is_told(header: str | None, language: str | None) -> None:
    assert first_language(header) == language


def claimed(edge: RunningEdge, **claims: Any) -> str:
    """A token of Alice that says more of her."""
    token = edge.issuer.mint("alice", **claims)
    assert jwt.decode(token, options={"verify_signature": False}).items() >= claims.items()
    return token


async def test_only_claims_that_the_operator_lets_through_are_told(nats_url: str, tmp_path: Path, store: Any) -> None:
    claims = {"name": "Alice", "plan": "team", "email": "alice@example.org", "groups": ["a", "b"]}
    async with running_edge(nats_url, tmp_path, claims_passed="name, plan groups") as edge:
        await edge.call("POST", "/chat", json={"message": "hi"}, token=claimed(edge, **claims))
        told = Requester(name="Alice", claims={"plan": "team", "groups": ["a", "b"]})
        assert store.only(BeginTurn).requester == told
        store.asked.clear()
        session = await edge.call("POST", "/chatkit/session", token=claimed(edge, **claims))
        chat_token = session.json()["client_secret"]
        said = jwt.decode(chat_token, CHAT_TOKEN_SECRET, ["HS256"], audience="natter-chat")
        assert said["claims"] == {name: claims[name] for name in ("name", "plan", "groups")}
        await edge.call("POST", "/chatkit", json=CREATE, token=chat_token)
        assert store.only(BeginTurn).requester == told


async def test_without_being_told_the_operator_lets_a_persons_name_through_alone(edge: RunningEdge, store: Any) -> None:
    await edge.call("POST", "/chat", json={"message": "hi"}, token=claimed(edge, name="Alice", plan="team"))
    assert store.only(BeginTurn).requester == Requester(name="Alice")


async def test_claims_that_are_too_large_keep_nobody_from_writing(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path, claims_passed="name groups") as edge:
        token = claimed(edge, name="Alice", groups=["x" * 100] * 45)
        assert (await edge.call("POST", "/chat", json={"message": "hi"}, token=token)).status_code == 202
        assert store.only(BeginTurn).requester == Requester(name="Alice")
