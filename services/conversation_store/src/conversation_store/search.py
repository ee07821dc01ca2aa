"""Search in what was said: the messages and titles that hold some words, each with the sentence that does."""

import re

from contracts.queries import SearchMessages
from contracts.replies import ExcerptPart, SearchHit, SearchPage

from conversation_store.database import Transaction
from conversation_store.statements import Statements

sql = Statements.beside(__file__)

EXCERPT_CHARACTERS_MAX = 240
BEFORE_MATCH_CHARACTERS_MAX = 90
SENTENCE_END = re.compile(r"[.!?…]\s|[。！？\n]")  # noqa: RUF001 - the full stops of Chinese and Japanese


async def search_messages(transaction: Transaction, query: SearchMessages) -> SearchPage:
    """The newest messages that hold all words, behind the titles that do. A bound principal finds in its own one."""
    only_this = query.principal.conversation_id
    titles = await transaction.rows(sql.titles, query, only_this=only_this)
    messages = await transaction.rows(sql.messages, query, only_this=only_this, limit=query.limit + 1)
    rows = [*titles, *messages]
    hits = tuple(
        SearchHit(
            conversation_id=row["conversation_id"],
            title=row["title"],
            message_id=row["message_id"],
            role=row["role"],
            created_at=row["created_at"],
            excerpt=excerpt(row["content"], query.search),
        )
        for row in rows[: query.limit]
    )
    return SearchPage(data=hits, has_more=len(rows) > query.limit)


def excerpt(content: str, search: str) -> tuple[ExcerptPart, ...]:
    """The sentence around the first match, bounded, in pieces that say what matched. Without a match, the beginning.

    Postgres folds characters that this does not (half-width letters): then nothing is marked.
    """
    words = re.findall(r"\w+", search)
    if not words:
        return (ExcerptPart(text=_shortened(content, 0)),)
    # Where words have no blanks between them, a match may begin anywhere.
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(word)}" if word[0] < "\u0e00" else re.escape(word) for word in words),
        re.IGNORECASE,
    )
    first = pattern.search(content)
    if first is None:
        return (ExcerptPart(text=_shortened(content, 0)),)
    return _marked(_shortened(content, _sentence_start(content, first.start())), pattern)


def _sentence_start(content: str, at: int) -> int:
    earliest = max(0, at - BEFORE_MATCH_CHARACTERS_MAX)
    ends = [end.end() for end in SENTENCE_END.finditer(content, earliest, at)]
    if ends:
        return ends[-1]
    blank = content.find(" ", earliest, at)
    return earliest if earliest == 0 or blank < 0 else blank + 1


def _shortened(content: str, start: int) -> str:
    rest = content[start : start + EXCERPT_CHARACTERS_MAX]
    end = SENTENCE_END.search(rest, min(len(rest), BEFORE_MATCH_CHARACTERS_MAX * 2))
    text = " ".join((rest[: end.end()] if end else rest).split())
    is_cut = start + (end.end() if end else len(rest)) < len(content)
    return f"{'…' if start else ''}{text}{'…' if is_cut and end is None else ''}"


def _marked(text: str, pattern: re.Pattern[str]) -> tuple[ExcerptPart, ...]:
    parts: list[ExcerptPart] = []
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            parts.append(ExcerptPart(text=text[at : match.start()]))
        parts.append(ExcerptPart(text=match[0], is_match=True))
        at = match.end()
    if at < len(text):
        parts.append(ExcerptPart(text=text[at:]))
    return tuple(parts)
