"""Start of the command line."""

import typer

main = typer.Typer(no_args_is_help=True)


@main.callback()
def natter() -> None:
    """A chat assistant that does things for people, run as actors over NATS."""
