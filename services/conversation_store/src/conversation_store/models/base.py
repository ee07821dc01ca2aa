"""What all tables share: the schema, the names of constraints, and the kinds of columns."""

import re
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, ForeignKey, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import SQLModel

SCHEMA = "chat"
METADATA = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    },
)


class Table(SQLModel):
    """Base of the tables: all of them live in `METADATA`, each under its class's name in snake case."""

    metadata = METADATA

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]  SQLAlchemy's form
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def text_column(*, primary_key: bool = False, nullable: bool = False, references: str | None = None) -> Column[Any]:
    """A text; ``references`` names a column whose row's deletion deletes this row."""
    constraints = [ForeignKey(f"{SCHEMA}.{references}", ondelete="CASCADE")] if references else []
    return Column(Text(), *constraints, primary_key=primary_key, nullable=nullable)


def json_column(default: str | None = None, *, nullable: bool = False, name: str | None = None) -> Column[Any]:
    """A JSONB value; ``default`` is the JSON text that the database fills in."""
    filled_in = text(f"'{default}'::jsonb") if default else None
    return Column(name, JSONB(none_as_null=True), nullable=nullable, server_default=filled_in)


def time_column(*, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    """A point in time, with time zone; now() where it is not nullable."""
    return Column(
        DateTime(timezone=True),
        primary_key=primary_key,
        nullable=nullable,
        server_default=None if nullable else text("now()"),
    )


def count_column() -> Column[Any]:
    return Column(Integer(), nullable=False, server_default=text("0"))


def real_column(default: str) -> Column[Any]:
    """A real number of 64 bits; ``default`` is the SQL expression that the database fills in."""
    return Column(Double(), nullable=False, server_default=text(default))


def flag_column() -> Column[Any]:
    return Column(Boolean(), nullable=False, server_default=text("false"))


def positions_column() -> Column[Any]:
    """A set of positions, in few ranges; all there can be where nothing else is said."""
    return Column(INT8MULTIRANGE(), nullable=False, server_default=text("'{(,)}'::int8multirange"))


def position_column(*, primary_key: bool = False) -> Column[Any]:
    return Column(BigInteger(), primary_key=primary_key, autoincrement=False, nullable=False)
