"""The same load on more processes, and on a NATS cluster: `python -m bench.scale`.

Writes docs/bench/scale/: what a word costs in each part, and what follows for 10,000 running answers and 100,000
viewers. On two cores more processes are no faster; what is looked for is whether a word costs the same.
"""

import json
import math
from typing import Any

import uvloop

from bench.loads import RESULTS, measure

LOAD = "hundred"
ARRANGEMENTS: tuple[tuple[str, ...], ...] = (
    (),
    ("agent_runner=2",),
    ("agent_runner=4",),
    ("stream_relay=2",),
    ("nats=3",),
    ("nats=3", "agent_runner=2", "stream_relay=2"),
)
PARTS = ("agent_runner", "stream_relay", "nats", "conversation_store", "postgres", "auth_edge")
ANSWERS, VIEWERS = 10_000, 100_000
WORDS_PER_SECOND = 5
"""Of one answer: about what a model writes, several letters at a time."""
TURN_SECONDS = 60
SHARE_USED = 0.6
"""How much of a core is planned for."""


def microseconds_per_word(figures: dict[str, Any]) -> dict[str, float]:
    """What each part spends on a word: all its processes together."""
    spent = dict.fromkeys(PARTS, 0.0)
    for name, seconds in figures["cpu_seconds"].items():
        part = name.partition(".")[0]
        if part in spent:
            spent[part] += seconds
    return {part: round(seconds / figures["words"] * 1e6, 1) for part, seconds in spent.items()}


def cores(costs: dict[str, float]) -> dict[str, int]:
    """How many cores of each part 10,000 answers with 100,000 viewers want, from what a word costs on one viewer."""
    words = ANSWERS * WORDS_PER_SECOND
    seen = VIEWERS / ANSWERS * words
    wanted = {part: cost * words / 1e6 for part, cost in costs.items()}
    wanted["stream_relay"] = costs["stream_relay"] * seen / 1e6
    return {part: math.ceil(seconds / SHARE_USED) for part, seconds in wanted.items()}


def table(found: list[dict[str, Any]]) -> str:
    """The page: a line for each arrangement, and the arithmetic."""
    machine = found[0]["machine"]
    lines = [
        "# The same load on more processes",
        "",
        f"`python -m bench.scale`: {found[0]['title']}, on {machine['cores']} cores that were shared with other work"
        f" (load before it: {machine['load_before']}). Microseconds of CPU a word, all processes of a part together.",
        "",
        "| processes | first word p50 / p99, ms | gap p99, ms | " + " | ".join(PARTS) + " | all |",
        "|---|---|---|" + "---|" * (len(PARTS) + 1),
    ]
    for one in found:
        figures = one["rounds"][0]["natter"]
        costs = microseconds_per_word(figures)
        total = round(sum(figures["cpu_seconds"].values()) / figures["words"] * 1e6)
        first, gap = figures["first_ms"], figures["gap_ms"]
        name = ", ".join(one["scale"]) or "one of each"
        values = [name, f"{first['p50']:.0f} / {first['p99']:.0f}", f"{gap['p99']:.0f}"]
        lines.append("| " + " | ".join([*values, *(f"{costs[part]:.0f}" for part in PARTS), str(total)]) + " |")
    largest = microseconds_per_word(found[-1]["rounds"][0]["natter"])
    wanted = cores(largest)
    lines += [
        "",
        f"## {ANSWERS:,} running answers, {VIEWERS:,} viewers",
        "",
        f"Arithmetic from the last line, not a measurement: {WORDS_PER_SECOND} words a second an answer,"
        f" {VIEWERS // ANSWERS} viewers each, cores used to {SHARE_USED:.0%}.",
        "",
        "| part | cores |",
        "|---|---|",
        *(f"| {part} | {count} |" for part, count in wanted.items()),
        "",
        "A viewer is counted as if it cost what the only viewer of a run costs; more viewers of one run on one relay"
        " share its subscription and its encoding, so that the relays' figure is the most that it may be.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    found = [uvloop.run(measure(LOAD, with_stock=False, scale=scale)) for scale in ARRANGEMENTS]
    folder = RESULTS / "scale"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "README.md").write_text(table(found))


if __name__ == "__main__":
    main()
