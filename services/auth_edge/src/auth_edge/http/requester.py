"""What is known of the person who calls, beside their id: from their token, and from what their browser says."""

from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

import structlog
from contracts.assistants import Requester
from fastapi import Depends, Header
from pydantic import ValidationError

from auth_edge.http.call import UserCall

log = structlog.get_logger()


async def _requester(
    call: UserCall,
    accept_language: Annotated[
        str | None, Header(description="The languages of the person; the assistant is told the first one.")
    ] = None,
    time_zone: Annotated[
        str | None,
        Header(
            alias="Natter-Time-Zone",
            description="The time zone of the person, as IANA names it; one that is not known is ignored.",
            examples=["Europe/Zurich"],
        ),
    ] = None,
) -> Requester:
    known: dict[str, Any] = {
        "name": _short(call.principal.claims.get("name")) if "name" in call.edge.settings.claims_passed else None,
        "locale": first_language(accept_language),
        "time_zone": time_zone if time_zone in _time_zones() else None,
    }
    claims = {name: call.principal.claims[name] for name in call.passed_claims if name != "name"}
    try:
        return Requester(**known, claims=claims)
    except ValidationError:
        # Of the two evils: an assistant that knows less, and a person who cannot write to it at all.
        log.warning("requester.claims_too_large", claims=sorted(claims))
        return Requester(**known)


KnownRequester = Annotated[Requester, Depends(_requester)]


def first_language(accept_language: str | None) -> str | None:
    """The language tag that is liked best (RFC 9110, 12.5.4), None where there is none that can be read."""
    best, best_weight = None, 0.0
    for entry in (accept_language or "")[:1_000].split(","):
        tag, _, parameter = entry.strip().partition(";")
        weight = _weight(parameter)
        if weight > best_weight and _is_language(tag.strip()):
            best, best_weight = tag.strip(), weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0


def _is_language(tag: str) -> bool:
    try:
        Requester(locale=tag)
    except ValidationError:
        return False
    return True


def _short(name: object) -> str | None:
    return name[:200] if isinstance(name, str) and name.strip() else None


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
