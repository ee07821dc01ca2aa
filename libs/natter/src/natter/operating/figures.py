"""The figures at /metrics of the processes of a stack, added up."""

import asyncio
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

ANSWER_SECONDS_MAX = 2.0
_without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Figures:
    """Values by name and process; a metric's labels are added up."""

    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])

    def total(self, name: str) -> float | None:
        """The sum over all processes; None where nobody has told."""
        found = self.values.get(name)
        return sum(found.values()) if found else None

    def largest(self, name: str) -> float | None:
        """The largest of any process; None where nobody has told."""
        found = self.values.get(name)
        return max(found.values()) if found else None


async def collect(urls: Mapping[str, str], names: Iterable[str], authorization: str | None = None) -> Figures:
    """Ask every process at once; one that does not answer is left out. ``urls`` are those of /metrics, by process."""
    wanted = frozenset(names)
    texts = await asyncio.gather(*(asyncio.to_thread(_read, url, authorization) for url in urls.values()))
    values: dict[str, dict[str, float]] = {}
    for process, text in zip(urls, texts, strict=True):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in wanted:
                    of_name = values.setdefault(sample.name, {})
                    of_name[process] = of_name.get(process, 0.0) + sample.value
    return Figures(values)


def _read(url: str, authorization: str | None) -> str:
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - an address that `natter up` has written
    try:
        with _without_proxy.open(request, timeout=ANSWER_SECONDS_MAX) as answer:
            return answer.read().decode()
    except (OSError, HTTPException):
        return ""
