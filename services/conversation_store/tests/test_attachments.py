"""Attachments: whose they are, which message shows them, what they may come to, and that their bytes go with them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from contracts.assistants import AssistantCard, ComposerModel
from contracts.commands import (
    AddTask,
    CreateAttachment,
    DeleteAttachment,
    DeleteConversation,
    EraseUser,
    FinishAttachment,
    ItemToSave,
    KeepAttachment,
    RegisterAssistants,
    ShareConversation,
    UpdateTask,
    UserMessage,
)
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.identity import Principal
from contracts.ids import new_attachment_id, new_file_key
from contracts.message import Json
from contracts.queries import ExportUser, GetAttachment, GetShared, ListAttachments, ListItems, ListTasks
from contracts.replies import AttachmentView
from contracts.text import file_name
from conversation_store.testing import ALICE, BOB, Client, running_client, store_settings
from file_store.nats_store import NatsFileStore

SHA256 = "0" * 64


@pytest.fixture
async def client(nats_url: str, database_url: str) -> AsyncIterator[Client]:
    settings = store_settings(nats_url, database_url, user_attachments_bytes_max=1_000, user_attachments_max=5)
    async with running_client(settings, database_url) as running:
        yield running


async def created(client: Client, principal: Principal = ALICE, **more: Any) -> AttachmentView:
    values: dict[str, Any] = {"name": "cat.png", "mime_type": "image/png", "size_bytes": 100, **more}
    return (await client.ask(CreateAttachment(principal=principal, **values))).attachment


async def stored(client: Client, principal: Principal = ALICE, **more: Any) -> AttachmentView:
    view = await created(client, principal, **more)
    finish = FinishAttachment(
        principal=principal,
        attachment_id=view.attachment_id,
        file_key=new_file_key(view.attachment_id),
        mime_type=view.mime_type,
        size_bytes=view.size_bytes,
        sha256=SHA256,
    )
    return (await client.ask(finish)).attachment


def message(*attachments: AttachmentView, text: str = "look") -> UserMessage:
    content: Json = {"type": "input_text", "text": text}
    return UserMessage(text=text, content=(content,), attachments=tuple(a.attachment_id for a in attachments))


async def code_of(client: Client, request: Any) -> Code:
    with pytest.raises(NatterError) as refused:
        await client.ask(request)
    return refused.value.code


async def due(client: Client) -> set[str]:
    return {row["file_key"] for row in await client.rows("select file_key from chat.due_file_deletion")}


async def test_a_message_shows_what_was_uploaded_and_says_what_it_is(client: Client) -> None:
    picture, text = await stored(client), await stored(client, name="a/../notes.txt", mime_type="text/plain")
    turn = await client.begin(input=message(picture, text))
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    shown = page.data[0].item["attachments"]
    url = f"/api/alice/attachments/{picture.attachment_id}/content"
    assert [(a["type"], a["name"], a.get("preview_url")) for a in shown] == [
        ("image", "cat.png", url),
        ("file", "notes.txt", None),
    ]
    kept = (await client.ask(GetAttachment(principal=ALICE, attachment_id=picture.attachment_id))).attachment
    assert kept.conversation_id == turn.conversation_id


@pytest.mark.parametrize("kind", ["another's", "unfinished", "elsewhere", "unknown"])
async def test_a_message_with_an_attachment_that_is_not_to_be_had_is_refused(client: Client, kind: str) -> None:
    attachment: AttachmentView
    expected = {
        "another's": Code.FORBIDDEN,
        "unfinished": Code.ATTACHMENT_UNFINISHED,
        "elsewhere": Code.ATTACHMENT_IN_USE,
        "unknown": Code.NOT_FOUND,
    }[kind]
    match kind:
        case "another's":
            attachment = await stored(client, BOB)
        case "unfinished":
            attachment = await created(client)
        case "elsewhere":
            attachment = await stored(client)
            await client.begin(input=message(attachment))
        case _:
            attachment = (await stored(client)).model_copy(update={"attachment_id": "atc_unknown"})
    with pytest.raises(TerminalError) as refused:
        await client.begin(input=message(attachment))
    assert refused.value.code == expected
    begun = await client.rows("select 1 from chat.run where user_id = 'alice'")
    assert len(begun) == (1 if kind == "elsewhere" else 0)


async def test_what_who_answers_cannot_look_at_is_refused_before_it_is_stored(client: Client) -> None:
    """As its runner has told, of the model that is chosen; where none has told, nothing is refused."""
    seeing = ComposerModel(id="seeing", label="Seeing", attachment_types=("image/*",))
    card = AssistantCard(assistant_id="todo", name="Natter", models=(seeing,), attachment_types=("text/*",))
    picture, text = await stored(client), await stored(client, name="notes.txt", mime_type="text/plain")
    await client.ask(RegisterAssistants(cards=(card,)))
    with pytest.raises(TerminalError) as refused:
        await client.begin(input=message(picture))
    assert refused.value.code == Code.ATTACHMENT_NOT_READABLE
    assert await client.rows("select 1 from chat.message") == []
    chosen = message(picture).model_copy(update={"inference_options": {"model": "seeing"}})
    await client.begin(input=chosen)
    await client.begin(input=message(text))


async def test_nobody_gets_at_the_attachment_of_another(client: Client) -> None:
    attachment_id = (await stored(client)).attachment_id
    for request in (GetAttachment, DeleteAttachment):
        assert await code_of(client, request(principal=BOB, attachment_id=attachment_id)) == Code.FORBIDDEN
    assert (await client.ask(ListAttachments(principal=BOB))).data == ()
    bound = Principal(user_id="alice", scope="chat", conversation_id="conv_other")
    assert await code_of(client, GetAttachment(principal=bound, attachment_id=attachment_id)) == Code.FORBIDDEN


async def test_of_two_uploads_the_first_one_counts_and_the_other_is_deleted(client: Client) -> None:
    first = await stored(client)
    second = FinishAttachment(
        principal=ALICE,
        attachment_id=first.attachment_id,
        file_key=new_file_key(first.attachment_id),
        mime_type="text/plain",
        size_bytes=7,
        sha256="1" * 64,
    )
    assert (await client.ask(second)).attachment == first
    assert await due(client) == {second.file_key}


async def test_what_is_being_uploaded_counts_for_the_quota(client: Client) -> None:
    await created(client, size_bytes=900)
    too_much = CreateAttachment(principal=ALICE, name="x", mime_type="image/png", size_bytes=101)
    assert await code_of(client, too_much) == Code.QUOTA_EXCEEDED
    page = await client.ask(ListAttachments(principal=ALICE))
    assert (page.bytes_stored, page.bytes_max) == (900, 1_000)
    for _ in range(4):
        await created(client, size_bytes=1)
    one_more = too_much.model_copy(update={"size_bytes": 1})
    assert await code_of(client, one_more) == Code.QUOTA_EXCEEDED
    # What nobody has finished counts as long as it may take, and then no more.
    age = client.store.sweeper.files.settings.upload_seconds_max + 1
    await client.execute("update chat.attachment set created_at = now() - make_interval(secs => $1)", age)
    await client.store.sweeper.files.delete_unused()
    assert (await client.ask(too_much)).attachment.state == "pending"


async def test_however_an_attachment_is_deleted_its_bytes_are_due(client: Client) -> None:
    alone, sent, left = await stored(client), await stored(client), await stored(client)
    turn = await client.begin(input=message(sent))
    await client.ask(DeleteAttachment(principal=ALICE, attachment_id=alone.attachment_id))
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert await due(client) == {alone.attachment_id, sent.attachment_id}
    parts = []
    after = None
    while not parts or after is not None:
        page = await client.ask(ExportUser(principal=ALICE, after=after))
        parts.append(page)
        after = page.after
    [exported] = [page.data for page in parts if page.kind == "attachments"]
    assert [row["attachment_id"] for row in exported] == [left.attachment_id]
    receipt = await client.ask(EraseUser(principal=ALICE))
    assert (receipt.counts["attachments"], receipt.counts["attachment_bytes"]) == (1, 100)
    assert left.attachment_id in await due(client)


async def test_a_run_keeps_what_it_made_while_it_is_its_own(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    attachment_id = new_attachment_id()
    keep = KeepAttachment(
        principal=ALICE,
        run_id=turn.run_id,
        epoch=claimed.epoch,
        attachment_id=attachment_id,
        file_key=new_file_key(attachment_id),
        source="tool",
        name="chart.png",
        mime_type="image/png",
        size_bytes=9,
        sha256=SHA256,
        width=3,
        height=2,
    )
    kept = (await client.ask(keep)).attachment
    assert await used(client) == []  # no item shows it yet: where none ever does, it is swept
    assert (kept.source, kept.conversation_id, kept.run_id) == ("tool", turn.conversation_id, turn.run_id)
    again = keep.model_copy(update={"file_key": new_file_key(attachment_id)})
    assert (await client.ask(again)).attachment == kept
    assert await due(client) == {again.file_key}
    stale = keep.model_copy(update={"epoch": claimed.epoch - 1})
    token = client.run_tokens["alice", turn.run_id, claimed.epoch]
    with pytest.raises(NatterError):
        await client.ask(stale, run_token=token)
    # An item shows it: to strangers as well, who are not told its address, until it is deleted.
    await client.finish(claimed, items=(picture_item(kept),))
    assert await used(client) == [attachment_id]
    token_hash = "0" * 64
    await client.ask(ShareConversation(principal=ALICE, conversation_id=turn.conversation_id, token_hash=token_hash))
    shared = await client.bus.request(GetShared(token_hash=token_hash))
    assert shared.items[-1]["image"] == {"id": "image", "url": "", "name": "A fox"}
    assert [one.attachment.file_key for one in shared.pictures] == [kept.file_key]
    await client.ask(DeleteAttachment(principal=ALICE, attachment_id=attachment_id))
    without = await client.bus.request(GetShared(token_hash=token_hash))
    assert ([item["type"] for item in without.items], without.pictures) == (["user_message"], ())


async def used(client: Client) -> list[str]:
    return [
        one["attachment_id"] for one in await client.rows("select * from chat.attachment where used_at is not null")
    ]


def picture_item(kept: AttachmentView) -> ItemToSave:
    image = {"id": kept.attachment_id, "url": f"/api/alice/attachments/{kept.attachment_id}/content", "name": "A fox"}
    item: Any = {"id": "msg_1", "type": "generated_image", "image": image}
    return ItemToSave(message_id="msg_1", type="generated_image", item=item)


async def test_what_a_run_takes_back_is_to_be_had_by_no_address(client: Client) -> None:
    turn = await client.begin(input=message(mine := await stored(client)))
    claimed = await client.claim(turn.run_id)
    attachment_id = new_attachment_id()
    keep = KeepAttachment(
        principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, attachment_id=attachment_id, source="model",
        file_key=new_file_key(attachment_id), name="a.png", mime_type="image/png", size_bytes=9, sha256=SHA256,
    )  # fmt: skip
    kept = (await client.ask(keep)).attachment
    await client.finish(claimed, items=(picture_item(kept),), withdrawn_items=("msg_1",))
    page = await client.ask(ListAttachments(principal=ALICE))
    assert [one.attachment_id for one in page.data] == [mine.attachment_id]
    assert attachment_id in await due(client)


async def test_a_todo_has_files_of_its_owner_until_they_are_deleted(client: Client) -> None:
    picture, notes = await stored(client), await stored(client, name="notes.txt", mime_type="text/plain")
    of_another, pending = await stored(client, BOB), await created(client)

    def add(*attached: AttachmentView) -> AddTask:
        return AddTask(principal=ALICE, title="tax", attachment_ids=tuple(a.attachment_id for a in attached))

    assert await code_of(client, add(of_another)) == Code.FORBIDDEN
    assert await code_of(client, add(pending)) == Code.ATTACHMENT_UNFINISHED
    task = (await client.ask(add(notes, picture))).task
    assert [(a.attachment_id, a.name) for a in task.attachments] == [
        (notes.attachment_id, "notes.txt"),
        (picture.attachment_id, "cat.png"),
    ]
    # Renaming leaves them, and what a todo has is no longer unused.
    renamed = (await client.ask(UpdateTask(principal=ALICE, task_id=task.task_id, title="taxes"))).task
    assert renamed.attachments == task.attachments
    rows = await client.rows(
        "select used_at is not null as is_used from chat.attachment where attachment_id = $1", picture.attachment_id
    )
    assert rows[0]["is_used"]
    await client.ask(DeleteAttachment(principal=ALICE, attachment_id=notes.attachment_id))
    listed = (await client.ask(ListTasks(principal=ALICE))).data[0]
    assert [a.name for a in listed.attachments] == ["cat.png"]
    emptied = UpdateTask(principal=ALICE, task_id=task.task_id, attachment_ids=())
    assert (await client.ask(emptied)).task.attachments == ()


def test_a_file_s_name_is_a_label_and_no_path() -> None:
    assert file_name("../../etc/passwd") == "passwd"
    assert file_name("C:\\Users\\me\\cv.pdf ") == "cv.pdf"
    assert file_name("in\u202evoice\x00fdp.exe\n") == "invoicefdp.exe"
    assert file_name("///") == "file"
    assert len(file_name("x" * 999)) == 255


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_the_sweeper_deletes_what_nothing_speaks_of_and_no_file_that_is_known(
    nats_url: str, database_url: str
) -> None:
    settings = store_settings(nats_url, database_url, sweep_seconds=3600, upload_seconds_max=1)
    async with running_client(settings, database_url) as client:
        sweeper = client.store.sweeper.files
        kept, unsent, deleted = await stored(client), await stored(client), await stored(client)
        unfinished = await created(client)
        orphan, arriving = f"{old_id('atc')}/{old_id('x')[2:]}", new_file_key(new_attachment_id())
        half = new_file_key(unfinished.attachment_id)
        for key in (kept.file_key, unsent.file_key, deleted.file_key, orphan, arriving, half):
            assert key is not None
            await sweeper.files.put(key, pieces(b"x"), bytes_max=1)
        await client.begin(input=message(kept))
        await client.ask(DeleteAttachment(principal=ALICE, attachment_id=deleted.attachment_id))
        await client.execute(
            "update chat.attachment set created_at = now() - interval '2 days' where attachment_id = any($1)",
            [unsent.attachment_id, unfinished.attachment_id],
        )
        await sweeper.sweep()
        left = {key async for key in sweeper.files.all_keys()}
        assert left == {kept.file_key, arriving}
        rows = await client.rows("select attachment_id from chat.attachment")
        assert {row["attachment_id"] for row in rows} == {kept.attachment_id}


async def test_a_file_that_cannot_be_deleted_is_tried_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sweeper = client.store.sweeper.files
    attachment = await stored(client)
    assert attachment.file_key is not None
    await sweeper.files.put(attachment.file_key, pieces(b"x"), bytes_max=1)
    with monkeypatch.context() as away:
        away.setattr(NatsFileStore, "delete", refuse)
        receipt = await client.ask(EraseUser(principal=ALICE), timeout_seconds=5)
        assert receipt.counts["attachments"] == 1
        assert attachment.attachment_id in await due(client)
    await sweeper.delete_due()
    assert [key async for key in sweeper.files.all_keys()] == []


async def refuse(_store: NatsFileStore, _key: str) -> None:
    raise RetryableError(Code.FILE_STORE_UNAVAILABLE, "away")


def old_id(prefix: str) -> str:
    """As it was made on 1 January 2024."""
    return f"{prefix}_018cc251f4007000800000000000{0:04x}"
