"""Text that every part can store: Postgres holds no NUL, JSON no lone surrogate."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

MESSAGE_CHARACTERS_MAX = 32_000
TITLE_CHARACTERS_MAX = 200
FILE_NAME_CHARACTERS_MAX = 255


def refuse_nul(text: str) -> str:
    """Return the text. Raises ValueError if it holds NUL or a lone surrogate."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode") from error
    return text


def storable(text: str) -> str:
    """Return the text with NUL removed and lone surrogates replaced: for what models and tools say."""
    return text.replace("\x00", "").encode(errors="replace").decode()


Text = Annotated[str, AfterValidator(refuse_nul)]
MessageText = Annotated[str, StringConstraints(max_length=MESSAGE_CHARACTERS_MAX), AfterValidator(refuse_nul)]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_CHARACTERS_MAX),
    AfterValidator(refuse_nul),
]


def file_name(text: str) -> str:
    """A file's name as it may be shown and offered: no path, nothing that is not printed, no end that hides its kind.

    It is a label: nothing is ever opened by it.
    """
    last = text.replace("\\", "/").rpartition("/")[2]
    plain = "".join(character for character in last if character.isprintable()).strip(" .")
    return plain[:FILE_NAME_CHARACTERS_MAX] or "file"


FileName = Annotated[str, BeforeValidator(lambda text: file_name(text) if isinstance(text, str) else text)]
