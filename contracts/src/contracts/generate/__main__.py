"""``python -m contracts.generate`` writes the generated files; with ``release`` also the schemas as released."""

import sys

from contracts.generate.asyncapi import asyncapi_yaml
from contracts.generate.examples import draft_missing_examples
from contracts.generate.files import CONTRACTS, REPOSITORY, write
from contracts.generate.release import released_files
from contracts.generate.schemas import browser_schema, schema_files
from contracts.generate.table import architecture_with_table
from contracts.nats_conf import render, render_with_passwords


def main(arguments: list[str]) -> int:
    draft_missing_examples()
    for path, text in schema_files().items():
        write(CONTRACTS / "schemas" / path, text)
    write(CONTRACTS / "typescript" / "browser.schema.json", browser_schema())
    write(CONTRACTS / "asyncapi.yaml", asyncapi_yaml())
    write(REPOSITORY / "deploy" / "nats.conf", render())
    write(REPOSITORY / "deploy" / "nats-passwords.conf", render_with_passwords())
    write(REPOSITORY / "ARCHITECTURE.md", architecture_with_table())
    if "release" in arguments:
        for path, text in released_files().items():
            write(CONTRACTS / "released" / path, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
