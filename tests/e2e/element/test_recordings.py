"""What else may get out of date: the recordings that the reducer is tested with, and the table of promises."""

import ast
import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.element.record import TARGET, WIDGET_PROPERTIES, record, widget_properties

HERE = Path(__file__).parent
ROW = re.compile(r"^\| [^|]+ \| `(test_\w+)` \| ([^|]+) \|$", re.MULTILINE)
NOT_OF_A_BROWSER = {"test_recordings.py"}


def test_the_recordings_are_those_of_the_installed_sdk() -> None:
    # A thread of its own: the browser's driver keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        recorded = thread.submit(asyncio.run, record()).result()
    assert TARGET.read_text(encoding="utf-8") == recorded, "run python -m tests.e2e.element.record"
    assert WIDGET_PROPERTIES.read_text(encoding="utf-8") == widget_properties(), (
        "run python -m tests.e2e.element.record"
    )


def test_the_table_of_promises_names_every_test_and_says_which_run_against_natter() -> None:
    rows = ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))
    against_natter = {name: said == "yes" for name, said in rows}
    assert len(against_natter) == len(rows), "a test is named twice"
    functions = [
        node
        for file in sorted(HERE.glob("test_*.py"))
        if file.name not in NOT_OF_A_BROWSER
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    fixtures = {node.name: {argument.arg for argument in node.args.args} for node in functions}
    assert against_natter == {name: bool(names & {"server", "natter"}) for name, names in fixtures.items()}
