"""The table and the plot of what `bench.loads` has measured: `python -m bench.table`.

Reads docs/bench/*.json, writes the table into README.md and docs/bench/README.md, and docs/bench/loads.png.
"""

import json
import re
import statistics
from html import escape
from pathlib import Path
from typing import Any

from bench.loads import LOADS, RESULTS, ROOT
from tests.e2e.chromium import chromium

MARKS = ("<!-- bench: generated -->", "<!-- /bench -->")
HEAD = """\
| load | | first token p50 / p99 | between texts p50 / p99 | words per CPU-second | CPU per turn | refused |
|---|---|---|---|---|---|---|"""
COLOURS = {"stock": "#9aa3ad", "natter": "#2f6fed"}
NAMES = {"stock": "stock ChatKit", "natter": "Natter"}


def results() -> list[dict[str, Any]]:
    """What was measured, the loads in their order, those of other scales behind the default's."""
    files = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    found = [one for one in files if "load" in one]
    return sorted(found, key=lambda one: (list(LOADS).index(one["load"]), one.get("scale", [])))


def of_rounds(result: dict[str, Any], server: str) -> dict[str, Any] | None:
    """The figures of a server: the median of the rounds for each figure."""
    rounds = [one[server] for one in result["rounds"] if server in one]
    if not rounds:
        return None

    def middle(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {name: middle([value[name] for value in values]) for name in values[0]}
        return statistics.median(values)

    return {name: middle([one[name] for one in rounds]) for name in rounds[0] if name != "memory_mib"}


def rows() -> list[str]:
    lines: list[str] = []
    for result in results():
        title = " ".join([result["title"], *(f"`--scale {one}`" for one in result.get("scale", []))])
        for server in ("stock", "natter"):
            figures = of_rounds(result, server)
            if figures is None:
                continue
            first, gap = figures["first_ms"], figures["gap_ms"]
            lines.append(
                f"| {title} | {NAMES[server]} | {first['p50']:.0f} / {first['p99']:.0f} ms "
                f"| {gap['p50']:.0f} / {gap['p99']:.0f} ms | {figures['words_per_cpu_second']:.0f} "
                f"| {figures['cpu_ms_per_turn']:.0f} ms | {figures['refused']:.0f} |"
            )
            title = ""
    return lines


def said_of_the_machine() -> str:
    machine = results()[0]["machine"]
    loads = ", ".join(str(one["machine"]["load_before"]) for one in results())
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['cores']} cores shared with the client that puts on the load; Python {machine['python']}, "
        f"{versions}. Every process is counted, NATS and Postgres too; both servers in turns, on the same Postgres. "
        f"The load average before a load began was {loads}: above 2 the machine did other work as well, so only what "
        "stands in the same load's two lines can be compared."
    )


def write_between_marks(path: Path, text: str) -> None:
    begin, end = MARKS
    old = path.read_text()
    new = re.sub(f"{re.escape(begin)}.*{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", old, flags=re.DOTALL)
    path.write_text(new)


def plot() -> str:
    """Bars as SVG: words for each CPU-second, and the first token's p50, load by load."""
    panels = [
        ("words per CPU-second, everything counted (more is better)", lambda f: f["words_per_cpu_second"]),
        ("first token, p50 in ms (less is better)", lambda f: f["first_ms"]["p50"]),
    ]
    parts: list[str] = []
    y = 30
    for title, figure in panels:
        bars = [
            (result["title"], server, figure(figures))
            for result in results()
            if not result.get("scale")
            for server in ("stock", "natter")
            if (figures := of_rounds(result, server)) is not None
        ]
        most = max((value for _, _, value in bars), default=1) or 1
        parts.append(f'<text x="20" y="{y}" font-weight="600" font-size="15">{escape(title)}</text>')
        y += 14
        for load, server, value in bars:
            label = load if server == "stock" else ""
            width = 420 * value / most
            parts.append(f'<text x="340" y="{y + 12}" text-anchor="end" font-size="12">{escape(label)}</text>')
            parts.append(f'<rect x="350" y="{y}" width="{width:.1f}" height="14" fill="{COLOURS[server]}"/>')
            text = f"{value:,.0f} {NAMES[server]}"
            parts.append(f'<text x="{356 + width:.1f}" y="{y + 12}" font-size="12">{text}</text>')
            y += 18 if server == "stock" else 26
        y += 30
    body = "".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="940" height="{y}" font-family="sans-serif">{body}</svg>'


def main() -> None:
    table = "\n".join([HEAD, *rows()])
    print(table)
    write_between_marks(ROOT / "README.md", table)
    write_between_marks(RESULTS / "README.md", f"{table}\n\n{said_of_the_machine()}")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 940, "height": 600})
        page.set_content(f'<body style="margin: 0; background: white">{plot()}</body>')
        page.locator("svg").screenshot(path=RESULTS / "loads.png")


if __name__ == "__main__":
    main()
