"""Many rows in one statement. PostgreSQL takes them as one JSON parameter, SQLite as a list of VALUES."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Dialect, Table

from relay.prepared.running import execute
from relay.prepared.statements import Convert, into_driver

PIECES = (64, 48, 32, 24, 16)
"""The lengths in which SQLite gets a set, and any that is shorter: so its statements stay few, and known to it."""
Rows = Sequence[Mapping[str, Any]]


class _Set(ABC):
    """`columns` of `table`: what each row gives, by the column's name."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table
        self._names = columns
        self._columns: list[Column[Any]] = [table.c[name] for name in columns]
        self._known: dict[tuple[str, int], str] = {}
        self._converters: list[tuple[str, Convert | None]] = []

    def run(self, connection: Connection, rows: Rows) -> None:
        """No row is told twice; and every value is one that its column holds exactly, or nothing is written."""
        dialect = connection.dialect
        if dialect.name == "postgresql":
            if rows:
                given = [{name: row[name] for name in self._names} for row in rows]
                execute(connection, self._sql(dialect, 0), [orjson.dumps(given).decode()])
            return
        for piece in _pieces(rows):
            execute(connection, self._sql(dialect, len(piece)), self._flat(dialect, piece))

    def _flat(self, dialect: Dialect, rows: Rows) -> list[Any]:
        if not self._converters:
            self._converters = [(column.name, into_driver(column.type, dialect)) for column in self._columns]
        return [bind(row[name]) if bind else row[name] for row in rows for name, bind in self._converters]

    def _sql(self, dialect: Dialect, length: int) -> str:
        if (known := self._known.get((dialect.name, length))) is None:
            known = self._known[dialect.name, length] = self._compile(dialect, length)
        return known

    def _given(self, dialect: Dialect, length: int) -> str:
        """The rows as a relation named `given`."""
        if length:
            row = f"({', '.join('?' * len(self._columns))})"
            return f"(VALUES {', '.join([row] * length)}) AS given"
        typed = ", ".join(f"{quoted(dialect, c.name)} {c.type.compile(dialect=dialect)}" for c in self._columns)
        return f"json_to_recordset($1::json) AS given({typed})"

    @abstractmethod
    def _compile(self, dialect: Dialect, length: int) -> str: ...


class InsertSet(_Set):
    """Inserts; where a row with the same `key` is already, `adds` are added to its own."""

    def __init__(self, table: Table, columns: Sequence[str], key: Sequence[str] = (), adds: Sequence[str] = ()) -> None:
        super().__init__(table, columns)
        self._key, self._adds = key, adds

    def _compile(self, dialect: Dialect, length: int) -> str:
        name = quoted(dialect, self._table.name)
        columns = ", ".join(quoted(dialect, column) for column in self._names)
        # WHERE true, or SQLite would take ON for that of a join.
        sql = f"INSERT INTO {name} ({columns}) SELECT * FROM {self._given(dialect, length)} WHERE true"  # noqa: S608
        if not self._key:
            return sql
        sums = ", ".join(f"{add} = {name}.{add} + excluded.{add}" for add in self._adds)
        return f"{sql} ON CONFLICT ({', '.join(self._key)}) DO UPDATE SET {sums}"


class UpdateSet(_Set):
    """Sets `columns` of the rows that `key` names; with `adding`, adds to them. A key comes once in a set."""

    def __init__(self, table: Table, key: str, columns: Sequence[str], *, adding: bool = False) -> None:
        super().__init__(table, [key, *columns])
        self._key, self._changed, self._adding = key, columns, adding

    def _compile(self, dialect: Dialect, length: int) -> str:
        name = quoted(dialect, self._table.name)
        # SQLite names the columns of VALUES by their place.
        given = {
            c: f"given.column{i}" if length else f"given.{quoted(dialect, c)}" for i, c in enumerate(self._names, 1)
        }
        old = f"{name}.{{}} + " if self._adding else ""
        changes = ", ".join(f"{quoted(dialect, c)} = {old.format(quoted(dialect, c))}{given[c]}" for c in self._changed)
        return (
            f"UPDATE {name} SET {changes} FROM {self._given(dialect, length)} "  # noqa: S608
            f"WHERE {name}.{quoted(dialect, self._key)} = {given[self._key]}"
        )


def quoted(dialect: Dialect, name: str) -> str:
    return dialect.identifier_preparer.quote(name)


def _pieces(rows: Rows) -> Iterator[Rows]:
    start = 0
    while left := len(rows) - start:
        length = left if left <= PIECES[-1] else next(length for length in PIECES if length <= left)
        yield rows[start : start + length]
        start += length
