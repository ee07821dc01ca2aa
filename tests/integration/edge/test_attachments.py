"""Files through the whole path: auth_edge, conversation_store and the object store of NATS, as they are."""

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from auth_edge.testing import RunningEdge, running_edge
from PIL import Image

from tests.s3_server.server import BUCKET, is_installed, s3_server

TEXT = "ä, ß\n".encode() * 40_000
SECRET_PLACE = b"47.3769 N 8.5417 E"


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **more: Any) -> bytes:
    """A picture that says where it was taken, and that it lies on its side."""
    image = Image.effect_noise(size, 60).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = SECRET_PLACE.decode()
    exif[0x0112] = 6
    output = io.BytesIO()
    image.save(output, kind, exif=exif, **more)
    return output.getvalue()


async def created(edge: RunningEdge, content: bytes, name: str, **more: Any) -> dict[str, Any]:
    sent = {"name": name, "size": len(content), "mime_type": "application/octet-stream"}
    answer = await edge.call("POST", "/attachments", json=sent, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def put(edge: RunningEdge, attachment: dict[str, Any], content: bytes) -> httpx.Response:
    """As a page does that knows nothing but the descriptor: without a token of its own."""
    descriptor = attachment["upload_descriptor"]
    return await edge.client.request(
        descriptor["method"], descriptor["url"], content=content, headers=descriptor["headers"]
    )


async def uploaded(edge: RunningEdge, content: bytes = TEXT, name: str = "notes.md") -> dict[str, Any]:
    answer = await put(edge, await created(edge, content, name), content)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_text_is_read_as_it_was_written_whole_and_in_parts(edge: RunningEdge) -> None:
    stored = await uploaded(edge)
    assert (stored["state"], stored["mime_type"], stored["size_bytes"]) == ("stored", "text/markdown", len(TEXT))
    assert stored["sha256"] == hashlib.sha256(TEXT).hexdigest()
    whole = await edge.client.get(stored["url"])
    assert whole.content == TEXT
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.headers["content-disposition"] == 'attachment; filename="notes.md"'
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cache-control"].startswith("private")
    part = await edge.client.get(stored["url"], headers={"Range": "bytes=200000-"})
    assert (part.status_code, part.content) == (206, TEXT[200_000:])
    assert part.headers["content-range"] == f"bytes 200000-{len(TEXT) - 1}/{len(TEXT)}"
    last = await edge.client.get(stored["url"], headers={"Range": "bytes=-3"})
    assert last.content == TEXT[-3:]
    beyond = await edge.client.get(stored["url"], headers={"Range": f"bytes={len(TEXT)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(TEXT)}")
    same = await edge.client.get(stored["url"], headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    head = await edge.client.head(stored["url"])
    assert (head.headers["content-length"], head.content) == (str(len(TEXT)), b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_is_turned_upright_and_tells_no_more_where_it_was_taken(edge: RunningEdge, kind: str) -> None:
    content = picture(kind)
    assert SECRET_PLACE in content
    stored = await uploaded(edge, content, "holiday")
    assert (stored["type"], stored["width"], stored["height"]) == ("image", 20, 40)
    shown = await edge.client.get(stored["preview_url"])
    assert SECRET_PLACE not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (20, 40)
    assert shown.headers["content-type"] == f"image/{kind.lower()}"
    assert shown.headers["content-disposition"].startswith("inline")
    saved = await edge.client.get(stored["preview_url"] + "&download=true")
    assert saved.headers["content-disposition"].startswith("attachment")


async def test_what_could_run_in_a_browser_is_a_text_whatever_it_is_called(edge: RunningEdge) -> None:
    for content, name in ((b"<svg onload='alert(1)'/>", "a.png"), (b"<script>alert(1)</script>", "a.html")):
        stored = await uploaded(edge, content, name)
        assert (stored["type"], stored["mime_type"]) == ("file", "text/plain")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"MZ\x90\x00" + bytes(500), 415, "attachment_type_not_allowed"),
        (b"PK\x03\x04" + bytes(500), 415, "attachment_type_not_allowed"),
        (picture()[:300], 422, "attachment_unreadable"),
        (picture("PNG", (9_000, 9_000), compress_level=1)[:100_000], 422, "attachment_unreadable"),
    ],
    ids=["a program", "an archive", "half a picture", "a picture of too many pixels"],
)
async def test_what_is_not_taken_is_refused_for_what_it_is(
    edge: RunningEdge, content: bytes, status: int, code: str
) -> None:
    attachment = await created(edge, content, "notes.txt")
    answer = await put(edge, attachment, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    refused = await edge.call("POST", "/chat", json={"message": "look", "attachments": [attachment["id"]]})
    assert (refused.status_code, refused.json()["code"]) == (409, "attachment_unfinished")


async def test_a_bomb_is_refused_before_it_goes_off(edge: RunningEdge) -> None:
    """Ninety million pixels in a few hundred kilobytes."""
    output = io.BytesIO()
    Image.new("1", (30_000, 3_000)).save(output, "PNG")
    answer = await put(edge, await created(edge, output.getvalue(), "bomb.png"), output.getvalue())
    assert (answer.status_code, answer.json()["detail"]) == (422, "The picture has too many pixels.")


async def test_a_form_is_kept_at_once_and_one_that_is_refused_leaves_nothing(edge: RunningEdge) -> None:
    kept = await edge.call("POST", "/attachments", files={"note": (None, "x"), "file": ("ä b.csv", b"a,b\n1,2\n")})
    assert kept.status_code == 201, kept.text
    assert (kept.json()["name"], kept.json()["mime_type"]) == ("ä b.csv", "text/csv")
    read = await edge.client.get(kept.json()["url"])
    assert read.content == b"a,b\n1,2\n"
    assert read.headers["content-disposition"] == "attachment; filename=\"_ b.csv\"; filename*=UTF-8''%C3%A4%20b.csv"
    refused = await edge.call("POST", "/attachments", files={"file": ("x", b"\x7fELF" + bytes(99))})
    assert (refused.status_code, refused.json()["code"]) == (415, "attachment_type_not_allowed")
    listed = (await edge.call("GET", "/attachments")).json()
    assert [attachment["id"] for attachment in listed["data"]] == [kept.json()["id"]]


async def test_a_form_that_does_not_say_its_length_counts_for_what_came(
    nats_url: str, tmp_path: Path, store: Any
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'

    async def form(size: int) -> AsyncIterator[bytes]:
        yield head
        for _ in range(0, size, 65_536):
            yield b"a" * 65_536
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with running_edge(nats_url, tmp_path, upload_bytes_max=2 * 1024**3) as edge:  # the quota is half of it
        kept = await edge.call("POST", "/attachments", content=form(1024**2), headers=headers)
        assert (kept.status_code, kept.json().get("size_bytes")) == (201, 1024**2), kept.text
        refused = await edge.call("POST", "/attachments", content=form(1024**2 + 1), headers=headers)
        assert refused.json()["code"] == "quota_exceeded"


async def test_chatkit_s_two_phases_and_a_message_that_shows_what_came_of_them(edge: RunningEdge) -> None:
    content = picture()
    made = await edge.chatkit(
        "attachments.create", {"name": "cat.jpg", "size": len(content), "mime_type": "image/jpeg"}
    )
    attachment = made.json()
    assert (made.status_code, attachment["type"], attachment["upload_descriptor"]["method"]) == (200, "file", "PUT")
    assert (await put(edge, attachment, content)).status_code == 200
    message = {"content": [], "attachments": [attachment["id"]], "inference_options": {}}
    begun = await edge.chatkit("threads.create", {"input": message})
    assert begun.status_code == 303, begun.text
    items = await edge.chatkit("items.list", {"thread_id": begun.headers["natter-conversation"]})
    [shown] = items.json()["data"][0]["attachments"]
    assert (shown["type"], shown["name"]) == ("image", "cat.jpg")
    assert (await edge.client.get(shown["preview_url"])).status_code == 200  # its address is all that is needed
    other = await edge.chatkit("attachments.create", {"name": "b", "size": 1, "mime_type": ""})
    gone = await edge.chatkit("attachments.delete", {"attachment_id": other.json()["id"]})
    assert (gone.status_code, gone.json()) == (200, {})
    assert (await edge.call("GET", f"/attachments/{other.json()['id']}")).status_code == 404


async def test_an_export_has_the_bytes_of_all_files_and_an_erasure_counts_them(edge: RunningEdge) -> None:
    large, small = TEXT * 4, b"a,b\n1,2\n"
    one, two = await uploaded(edge, large, "ä.md"), await uploaded(edge, small, "numbers.csv")
    lost = await uploaded(edge, small, "lost.csv")
    await created(edge, small, "never sent.csv")
    await edge.call("POST", "/tasks", json={"title": "buy milk"})
    files = edge.edge.uploads.files
    async for key in files.all_keys():
        if key.startswith(lost["id"]):
            await files.delete(key)
    answer = await edge.call("GET", "/export?format=zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="natter-export.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        document = json.loads(archive.read("natter-export.json"))
        assert len(document["tasks"]) == 1
        assert len(document["attachments"]) == 4
        found = {name: archive.read(name) for name in archive.namelist() if name.startswith("files/")}
    assert found == {
        f"files/{one['id']}/ä.md": large,
        f"files/{two['id']}/numbers.csv": small,
        "files/not-found.txt": f"{lost['id']}/lost.csv\n".encode(),
    }
    receipt = (await edge.call("DELETE", "")).json()
    bytes_of_all = len(large) + 3 * len(small)
    assert (receipt["counts"]["attachments"], receipt["counts"]["attachment_bytes"]) == (4, bytes_of_all)


async def test_an_address_is_of_one_user_for_one_file_and_one_purpose(edge: RunningEdge) -> None:
    one, two = await uploaded(edge), await uploaded(edge)
    token = one["url"].partition("?token=")[2]
    for path in (f"/api/alice/attachments/{two['id']}/content", f"/api/bob/attachments/{one['id']}/content"):
        assert (await edge.client.get(f"{path}?token={token}")).status_code in {401, 403}
    mine = f"/api/alice/attachments/{one['id']}/content"
    assert (await edge.client.put(f"{mine}?token={token}", content=b"x")).status_code == 401
    assert (await edge.client.get(mine, headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await edge.client.get(mine)).status_code == 401
    theirs = await edge.call("GET", f"/attachments/{one['id']}/content", user_id="bob")
    assert (theirs.status_code, theirs.json()["code"]) == (403, "forbidden")
    sent = await edge.call("POST", "/chat", json={"message": "x", "attachments": [one["id"]]}, user_id="bob")
    assert (sent.status_code, sent.json()["code"]) == (403, "forbidden")


async def test_of_two_tabs_that_upload_the_same_the_first_counts(edge: RunningEdge) -> None:
    attachment = await created(edge, b"first", "a.txt")
    assert (await put(edge, attachment, b"first")).json()["sha256"] == hashlib.sha256(b"first").hexdigest()
    again = await put(edge, attachment, b"other")
    assert again.json()["sha256"] == hashlib.sha256(b"first").hexdigest()


async def test_no_more_bytes_come_in_than_were_announced(edge: RunningEdge) -> None:
    answer = await put(edge, await created(edge, b"four", "a.txt"), b"a little more")
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    huge = await edge.call("POST", "/attachments", json={"name": "a", "size": 2**36})
    assert (huge.status_code, huge.json()["code"]) == (413, "payload_too_large")


async def test_a_scanner_has_the_last_word(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path, scanner_url="http://127.0.0.1:9/scan") as edge:
        answer = await put(edge, await created(edge, TEXT, "a.txt"), TEXT)
        assert (answer.status_code, answer.json()["code"]) == (503, "scanner_unavailable")
    seen = []

    async def scan(request: httpx.Request) -> httpx.Response:
        seen.append(await request.aread())
        return httpx.Response(406 if b"EICAR" in seen[-1] else 204)

    async with running_edge(nats_url, tmp_path, scanner_url="http://scanner") as edge:
        scanner = edge.edge.uploads.intake.scanner
        assert scanner is not None
        scanner.client._transport = httpx.MockTransport(scan)
        assert (await uploaded(edge, TEXT, "a.txt"))["state"] == "stored"
        assert seen == [TEXT]
        answer = await put(edge, await created(edge, b"EICAR!", "a.txt"), b"EICAR!")
        assert (answer.status_code, answer.json()["code"]) == (422, "attachment_refused")


@pytest.fixture
async def edge_with_s3(nats_url: str, tmp_path: Path, store: Any) -> AsyncIterator[RunningEdge]:
    """Browsers reach the bucket themselves."""
    if not is_installed():
        pytest.skip("moto is not installed: make test-tools")
    with s3_server() as url:
        values = {
            "file_store_url": f"s3://{BUCKET}?endpoint={url}",
            "file_store_public_url": f"{url}/{BUCKET}",
            "file_store_access_key_id": "test",
            "file_store_secret_access_key": "test",
        }
        async with running_edge(nats_url, tmp_path, **values) as edge:
            yield edge


async def put_elsewhere(attachment: dict[str, Any], content: bytes) -> int:
    """As a browser that is at the store itself; its status."""
    descriptor = attachment["upload_descriptor"]
    async with httpx.AsyncClient() as browser:
        answer = await browser.put(descriptor["url"], content=content, headers=descriptor["headers"])
    return answer.status_code


async def keys_of(edge: RunningEdge) -> list[str]:
    return [key async for key in edge.edge.uploads.files.all_keys()]


async def test_a_browser_sends_a_file_to_s3_and_it_is_one_when_it_was_looked_at(edge_with_s3: RunningEdge) -> None:
    edge, content = edge_with_s3, picture("JPEG")
    attachment = await created(edge, content, "holiday.jpg")
    finish_url = attachment["upload_descriptor"]["finish_url"]
    early = await edge.client.post(finish_url)
    assert (early.status_code, early.json()["code"]) == (409, "attachment_unfinished")
    assert await put_elsewhere(attachment, content + b"more") == 403  # not what was announced
    assert await put_elsewhere(attachment, content) == 200
    stored = (await edge.client.post(finish_url)).json()
    assert (stored["state"], stored["mime_type"], stored["width"], stored["height"]) == ("stored", "image/jpeg", 20, 40)
    assert await put_elsewhere(attachment, picture("JPEG")[: len(content)].ljust(len(content), b" ")) == 200  # too late
    assert (await edge.client.post(finish_url)).json()["sha256"] == stored["sha256"]
    elsewhere = await edge.client.get(stored["url"])
    assert elsewhere.status_code == 307
    saved = await edge.client.get(stored["url"] + "&download=true")
    async with httpx.AsyncClient() as browser:
        shown = await browser.get(elsewhere.headers["location"])
        download = await browser.get(saved.headers["location"])
    assert SECRET_PLACE not in shown.content
    assert hashlib.sha256(shown.content).hexdigest() == stored["sha256"]
    assert (shown.headers["content-type"], shown.headers["content-disposition"]) == (
        "image/jpeg",
        'inline; filename="holiday.jpg"',
    )
    assert download.headers["content-disposition"] == 'attachment; filename="holiday.jpg"'


async def test_what_is_not_taken_is_not_left_in_s3_either(edge_with_s3: RunningEdge) -> None:
    program = b"MZ\x90\x00" + bytes(500)
    attachment = await created(edge_with_s3, program, "notes.txt")
    assert await put_elsewhere(attachment, program) == 200
    refused = await edge_with_s3.client.post(attachment["upload_descriptor"]["finish_url"])
    assert (refused.status_code, refused.json()["code"]) == (415, "attachment_type_not_allowed")
    assert await keys_of(edge_with_s3) == []
    other = await edge_with_s3.client.post(attachment["upload_descriptor"]["finish_url"].replace("alice", "bob"))
    assert other.status_code == 403


async def test_a_page_that_knows_no_finishing_sends_its_message_and_the_file_is_looked_at_then(
    edge_with_s3: RunningEdge,
) -> None:
    """A stock page of ChatKit knows the two phases, and no third."""
    edge = edge_with_s3
    made = await edge.chatkit("attachments.create", {"name": "a.md", "size": len(TEXT), "mime_type": "text/markdown"})
    assert await put_elsewhere(made.json(), TEXT) == 200
    message = {"content": [], "attachments": [made.json()["id"]], "inference_options": {}}
    begun = await edge.chatkit("threads.create", {"input": message})
    assert begun.status_code == 303, begun.text
    items = await edge.chatkit("items.list", {"thread_id": begun.headers["natter-conversation"]})
    assert [one["name"] for one in items.json()["data"][0]["attachments"]] == ["a.md"]
    assert len(await keys_of(edge)) == 1
    never = await edge.chatkit("attachments.create", {"name": "b.md", "size": 1, "mime_type": ""})
    message["attachments"] = [never.json()["id"]]
    refused = await edge.chatkit("threads.create", {"input": message})
    assert (refused.status_code, refused.json()["code"]) == (409, "attachment_unfinished")
