"""``python -m contracts.generate`` writes the generated files; with ``release`` also the schemas as released."""

import sys

from contracts.generate.asyncapi import asyncapi_yaml
from contracts.generate.examples import draft_missing_examples
from contracts.generate.files import CONTRACTS, REPOSITORY, write
from contracts.generate.release import RELEASED
from contracts.generate.schemas import browser_schema, bus_schema
from contracts.generate.table import architecture_with_table
from contracts.nats_conf import render, render_users, render_with_passwords


def main(arguments: list[str]) -> int:
    draft_missing_examples()
    write(CONTRACTS / "schemas.json", bus_schema())
    write(CONTRACTS / "typescript" / "browser.schema.json", browser_schema())
    write(CONTRACTS / "asyncapi.yaml", asyncapi_yaml())
    write(REPOSITORY / "deploy" / "nats.conf", render())
    write(REPOSITORY / "deploy" / "nats-passwords.conf", render_with_passwords())
    write(REPOSITORY / "deploy" / "helm" / "natter" / "files" / "nats-users.conf", render_users())
    write(REPOSITORY / "ARCHITECTURE.md", architecture_with_table())
    if "release" in arguments:
        write(RELEASED, bus_schema())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
