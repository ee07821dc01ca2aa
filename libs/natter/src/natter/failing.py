"""How a command says that it cannot be done."""

from typing import NoReturn

import typer
from rich.console import Console

errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(reason: str, last_lines: tuple[str, ...] = (), hint: str = "") -> NoReturn:
    """Print the reason, the last lines of what failed, and what to do; end the command with code 1."""
    errors.print(f"natter: {reason}", style="red", markup=False)
    if last_lines:
        errors.print("its last lines:")
        for line in last_lines:
            errors.print(f"    {line}", markup=False)
    if hint:
        errors.print(hint, markup=False)
    raise typer.Exit(1)
