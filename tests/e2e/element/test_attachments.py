"""Files in the composer and in messages."""

import json
import struct
import zlib
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server
from tests.e2e.element.test_accessibility import FOCUSED_NAME, axe

ATTACHMENTS = {"composer": {"attachments": {"enabled": True}}}
TEXT: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"buy milk"}

DROP = """([kind, files]) => {
    const transfer = new DataTransfer();
    for (const { name, type, text } of files) transfer.items.add(new File([text], name, { type }));
    const target = chat.shadowRoot.querySelector(kind === "paste" ? "textarea" : ".chat");
    const init = { bubbles: true, cancelable: true, composed: true };
    if (kind === "paste") target.dispatchEvent(new ClipboardEvent(kind, { ...init, clipboardData: transfer }));
    else target.dispatchEvent(new DragEvent(kind, { ...init, dataTransfer: transfer }));
}"""


def png(width: int, height: int, colour: bytes = b"\x20\x80\x40") -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\x00" + colour * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(name: str, width: int = 60, height: int = 40) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": png(width, height)}


def choose(chat: Chat, *files: FilePayload) -> None:
    """By the picker, as its button opens it."""
    with chat.page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(list(files))


def chips(chat: Chat) -> Locator:
    return chat.root.locator(".composer .attachment")


def statuses(chat: Chat) -> list[str]:
    return [str(chip.get_attribute("data-status")) for chip in chips(chat).all()]


def wait_until_ready(chat: Chat, count: int) -> None:
    expect(chat.root.locator(".composer .attachment.ready")).to_have_count(count)


def dropped(kind: str, *names: str) -> list[Any]:
    return [kind, [{"name": name, "type": "text/csv", "text": "a,b"} for name in names]]


def sent(server: Server, operation: str) -> list[Any]:
    """What the element has asked for by that operation."""
    return [request["params"] for request in server.requests() if request["type"] == operation]


def test_files_are_chosen_pasted_and_dropped_sent_and_shown(server: Server, page: Page, chat: Chat) -> None:
    server.control("uploads", seconds=0.4)
    page.goto(server.url(ATTACHMENTS))
    page.evaluate("value => chat.setAttribute('data-attachment-url', value)", server.download)
    choose(chat, picture("one.png"), picture("two.png", 30, 90), TEXT)
    page.evaluate(DROP, dropped("paste", "pasted.csv"))
    page.evaluate(DROP, dropped("dragenter", "dropped.csv"))
    expect(chat.root.get_by_text("Drop files to attach them")).to_be_visible()
    page.evaluate(DROP, dropped("drop", "dropped.csv"))
    expect(chat.root.get_by_text("Drop files to attach them")).to_have_count(0)
    expect(chat.root.get_by_role("progressbar", name="Uploading one.png")).to_be_visible()
    chat.composer.fill("say thanks")
    expect(chat.root.get_by_role("button", name="Send")).to_be_disabled()
    chat.composer.press("Enter")  # nothing is sent without a file that was meant to go with it
    wait_until_ready(chat, 5)
    assert axe(page) == []
    chat.ask("say thanks")
    expect(chips(chat)).to_have_count(0)
    (begun,) = sent(server, "threads.create")
    assert len(begun["input"]["attachments"]) == 5
    for _ in range(2):
        message = chat.root.locator(".message.user")
        expect(message.locator(".picture img")).to_have_count(2)
        assert message.locator(".picture img").first.evaluate("image => image.naturalWidth") == 60
        assert message.locator(".attachment-name").all_text_contents() == ["notes.txt", "pasted.csv", "dropped.csv"]
        assert axe(page) == []
        with page.expect_download() as download:
            message.get_by_role("button", name="Download notes.txt").click()
        assert download.value.suggested_filename == "notes.txt"
        assert download.value.path().read_bytes() == TEXT["buffer"]
        thread_id = chat.thread_id()
        page.reload()  # what history shows is the same
        page.evaluate("value => chat.setAttribute('data-attachment-url', value)", server.download)
        page.evaluate("id => chat.setThreadId(id)", thread_id)
    look_at_pictures(page, chat)


def look_at_pictures(page: Page, chat: Chat) -> None:
    """The viewer, by the keyboard alone."""
    button = chat.root.get_by_role("button", name="Open one.png")
    button.focus()
    button.press("Enter")
    viewer = chat.root.get_by_role("dialog")
    expect(viewer.get_by_role("status")).to_have_text("1 of 2")
    assert axe(page) == []
    page.keyboard.press("ArrowRight")
    expect(viewer.get_by_role("img")).to_have_attribute("alt", "two.png")
    expect(viewer.get_by_role("button", name="Next picture")).to_be_disabled()
    with page.expect_download():
        viewer.get_by_role("button", name="Download two.png").click()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    assert page.evaluate(FOCUSED_NAME) == "Open one.png"


def test_what_the_chosen_model_cannot_look_at_is_said_before_it_is_sent(stock: Server, page: Page, chat: Chat) -> None:
    models = [{"id": "seeing", "label": "Seeing", "default": True}, {"id": "reading", "label": "Reading"}]
    page.goto(stock.url({"composer": {**ATTACHMENTS["composer"], "models": models}}))
    files = json.dumps({"seeing": {"image/*": [], "text/*": []}, "reading": {"text/*": []}})
    page.evaluate("value => chat.setAttribute('data-model-files', value)", files)
    choose(chat, picture("cat.png"), TEXT)
    wait_until_ready(chat, 2)
    send = chat.root.get_by_role("button", name="Send")
    expect(send).to_be_enabled()
    chat.root.get_by_role("button", name="Choose a model: Seeing").click()
    chat.root.get_by_role("menuitemradio", name="Reading").click()
    told = "cat.png: who is to answer cannot look at files of this kind. Remove it, or choose another model."
    expect(chips(chat).get_by_role("alert")).to_have_text(told)
    expect(send).to_be_disabled()
    chat.composer.press("Enter")
    expect(chips(chat)).to_have_count(2)
    chat.root.get_by_role("button", name="Remove cat.png").click()
    expect(send).to_be_enabled()
    page.evaluate(DROP, ["drop", [{"name": "dog.png", "type": "image/png", "text": "x"}]])
    expect(chat.root.locator(".refusals p")).to_have_text(told.replace("cat", "dog"))
    expect(chips(chat)).to_have_count(1)
    assert axe(page) == []


def test_what_may_not_be_attached_is_said(stock: Server, page: Page, chat: Chat) -> None:
    limits = {"maxSize": {"image/*": 2_000, "*": 100}, "maxCount": 2, "accept": {"image/*": [], "text/plain": [".txt"]}}
    options = {"composer": {"attachments": {"enabled": True, **limits}}, "locale": "ar", "theme": "dark"}
    page.goto(stock.url(options))
    with page.expect_file_chooser() as chooser:
        chat.root.get_by_role("button", name="إرفاق ملفات").click()
    files = [
        picture("a.png"),
        {"name": "big.txt", "mimeType": "text/plain", "buffer": b"x" * 101},
        {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""},
        {"name": "run.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"},
        TEXT,
        picture("b.png"),
    ]
    chooser.value.set_files(files)
    wait_until_ready(chat, 2)
    said = chat.root.locator(".refusals p").all_text_contents()
    for name in ("big.txt", "empty.txt", "run.exe", "b.png"):
        assert [line for line in said if name in line] != []
    assert axe(page) == []
    chat.root.get_by_role("button", name="إخفاء").click()
    expect(chat.root.locator(".refusals")).to_have_count(0)


def test_an_upload_is_cancelled_tried_again_and_found_after_a_refresh(server: Server, page: Page, chat: Chat) -> None:
    page.goto(server.url(ATTACHMENTS))
    server.control("uploads", statuses=[507])
    choose(chat, TEXT)
    expect(chat.root.get_by_role("alert")).to_have_text("The disk is full.")
    expect(chat.root.get_by_role("button", name="Send")).to_be_disabled()
    chat.root.get_by_role("button", name="Try again: notes.txt").click()
    wait_until_ready(chat, 1)
    server.control("uploads", seconds=20)
    choose(chat, picture("slow.png"))
    expect(chat.root.get_by_role("progressbar", name="Uploading slow.png")).to_be_visible()
    chat.root.get_by_role("button", name="Remove slow.png").click()
    expect(chips(chat)).to_have_count(1)
    expect(chat.composer).to_be_focused()
    choose(chat, picture("late.png"))
    expect(chat.root.get_by_role("progressbar", name="Uploading late.png")).to_be_visible()
    page.reload()
    expect(chips(chat)).to_have_count(2)
    assert statuses(chat) == ["ready", "failed"]
    expect(chat.root.get_by_role("alert")).to_contain_text("Choose it again")
    chat.root.get_by_role("button", name="Remove late.png").click()
    chat.root.get_by_role("button", name="Send").click()  # without a word
    expect(chat.root.locator(".message.user .attachment-name")).to_have_text("notes.txt")
    expect(chat.bubbles).to_have_count(0)
    # What was tried again or removed is deleted where it had begun; what was sent is not.
    assert len(sent(server, "attachments.delete")) == 2
    expect(chips(chat)).to_have_count(0)


def test_a_lost_connection_is_found_again(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(ATTACHMENTS))
    page.context.set_offline(True)
    choose(chat, TEXT)
    expect(chips(chat).get_by_role("alert")).to_have_text("The server could not be reached.")
    page.context.set_offline(False)
    wait_until_ready(chat, 1)


def test_a_page_uploads_at_once_and_brings_files_of_its_own(server: Server, page: Page, chat: Chat) -> None:
    page.goto(
        server.url(
            {
                **ATTACHMENTS,
                "api": {
                    "url": server.chatkit,
                    "domainKey": "none",
                    "uploadStrategy": {"type": "direct", "uploadUrl": server.upload},
                },
            }
        )
    )
    page.evaluate("""() => {
        const files = [new File(["a"], "mine.txt", { type: "text/plain" })];
        return chat.setComposerValue({ text: "say hello", files });
    }""")
    wait_until_ready(chat, 1)  # it resolves when they are there
    chat.ask("say hello")
    (begun,) = sent(server, "threads.create")
    assert sent(server, "attachments.create") == []
    attachment = {"type": "file", "id": begun["input"]["attachments"][0], "name": "mine.txt", "mime_type": "text/plain"}
    page.evaluate("attachment => chat.sendUserMessage({ text: 'say again', attachments: [attachment] })", attachment)
    expect(chat.root.locator(".message.user .attachment-name")).to_have_count(2)
    page.evaluate("attachment => chat.setComposerValue({ attachments: [attachment] })", attachment)
    wait_until_ready(chat, 1)
    chat.root.get_by_role("button", name="Remove mine.txt").click()
    assert sent(server, "attachments.delete") == []  # it is the page's
    page.goto(server.url())
    refused = "chat.setComposerValue({ files: [new File(['a'], 'a.txt')] }).catch((error) => error.message)"
    assert "composer.attachments" in page.evaluate(refused)
