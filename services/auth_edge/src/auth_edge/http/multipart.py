"""A file out of a form (multipart/form-data), as it comes: the framework's own parser has it on the disk first."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from contracts.errors import Code, TerminalError
from fastapi import Request
from python_multipart.multipart import MultipartParser, parse_options_header

HEADERS_BYTES_MAX: Final = 8_192


@dataclass
class FormFile:
    """The first file of a form: its name, and its bytes, which are there once."""

    name: str
    chunks: AsyncIterator[bytes]


async def file_of(request: Request) -> FormFile:
    """Read a form as far as its first file begins. Raises TerminalError (invalid_request)."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if not boundary:
        raise _no_file()
    parts = _Parts(boundary)
    stream = request.stream()
    async for piece in stream:
        parts.feed(piece)
        if parts.name is not None:
            return FormFile(parts.name, _chunks(parts, stream))
    raise _no_file()


async def _chunks(parts: "_Parts", stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file's bytes; what comes after it in the form is read and forgotten."""
    for chunk in parts.take():
        yield chunk
    async for piece in stream:
        parts.feed(piece)
        for chunk in parts.take():
            yield chunk
    if not parts.is_complete:
        raise TerminalError(Code.INVALID_REQUEST, "The form ends in the middle of its file.", field="file")


class _Parts:
    """What the parser calls, as it goes: keeps the bytes of the first part that is a file."""

    def __init__(self, boundary: bytes) -> None:
        self.name: str | None = None
        self.is_complete = False
        self._data: list[bytes] = []
        self._is_file = False
        self._header = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Raises TerminalError (invalid_request)."""
        try:
            self._parser.write(piece)
        except ValueError as error:  # MultipartParseError is one
            raise TerminalError(Code.INVALID_REQUEST, "The form cannot be read.", field="body") from error

    def take(self) -> list[bytes]:
        data, self._data = self._data, []
        return data

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._check_length()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_length()

    def _check_length(self) -> None:
        if len(self._header) + len(self._value) > HEADERS_BYTES_MAX:
            raise TerminalError(Code.INVALID_REQUEST, "A header of the form is too long.", field="body")

    def _on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename")
        if self.name is None and name is not None:
            self.name = name.decode("utf-8", "replace")
            self._is_file = True

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._data.append(data[start:end])

    def _on_part_end(self) -> None:
        self.is_complete = self.is_complete or self._is_file
        self._is_file = False


def _no_file() -> TerminalError:
    return TerminalError(Code.INVALID_REQUEST, "The form has no file.", field="file")
