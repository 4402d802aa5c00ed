"""The kinds of column that every table is made of: money, moments, numbered rows."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Connection, DateTime, Integer, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware moment. SQLite keeps no zone, so UTC goes in and UTC comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return value if value is None else (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


# SQLite numbers rows by itself only in a column that is exactly INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def money(default: int = 0) -> Any:
    return Field(default=default, sa_type=BigInteger)


def moment(**kwargs: Any) -> Any:
    return Field(sa_type=UtcDateTime, **kwargs)


def serial() -> Any:
    return Field(default=None, sa_type=Serial, primary_key=True)


def table(model: type[SQLModel]) -> Table:
    """The model's Core table: the hot path speaks Core, which batches and never flushes by surprise."""
    return cast(Table, getattr(model, "__table__"))  # noqa: B009 (SQLModel does not declare it)


def upsert(connection: Connection, of: Table) -> Any:
    """The database's own INSERT into a table: the one that knows ON CONFLICT."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(of)
