"""A Core statement that the driver runs by itself."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.sql.base import Executable
from sqlalchemy.types import TypeEngine

from relay.prepared.running import execute, translated
from relay.tables import UtcDateTime

Convert = Callable[[Any], Any]


class Prepared:
    """Run it within a connection's transaction, like any other statement; parameters go by their names."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._known: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **parameters: Any) -> None:
        self._on(connection.dialect).run(connection, parameters)

    def all(self, connection: Connection, **parameters: Any) -> list[Any]:
        """The rows of a select: named tuples, their values as SQLAlchemy would give them."""
        return self.ask(connection, **parameters)()

    def ask(self, connection: Connection, **parameters: Any) -> Callable[[], list[Any]]:
        """The same, to be called for the rows: within `together`, after its end."""
        return self._on(connection.dialect).ask(connection, parameters)

    def _on(self, dialect: Dialect) -> "_Compiled":
        if (known := self._known.get(dialect.name)) is None:
            known = self._known[dialect.name] = _Compiled(self._statement, dialect)
        return known


class _Compiled:
    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = cast(Any, statement).compile(dialect=_numbering(dialect))
        columns = list(statement.selected_columns) if isinstance(statement, Select) else []
        self._in_one = bool(columns) and dialect.name == "sqlite"
        self._sql = _in_one_row(compiled.string, len(columns)) if self._in_one else cast(str, compiled.string)
        self._order: list[str] = compiled.positiontup
        self._binds = {name: into_driver(bind.type, dialect) for bind, name in compiled.bind_names.items()}
        self._constants = {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
        self._row = cast(Any, namedtuple)("Row", [column.key for column in columns])
        found = ((i, _out_of_driver(column.type, dialect)) for i, column in enumerate(columns))
        self._reads = [(i, read) for i, read in found if read is not None]

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        execute(connection, self._sql, self._given(parameters))

    def ask(self, connection: Connection, parameters: Mapping[str, Any]) -> Callable[[], list[Any]]:
        cursor = execute(connection, self._sql, self._given(parameters))
        return lambda: self._all(connection, cursor)

    def _all(self, connection: Connection, cursor: Any) -> list[Any]:
        try:
            rows = cursor.fetchall()
        except cast(Any, connection.dialect.dbapi).Error as error:
            raise translated(connection, self._sql, error) from error
        if self._in_one:
            rows = orjson.loads(rows[0][0])
        return [self._row._make(self._read(row)) for row in rows] if self._reads else [self._row._make(r) for r in rows]

    def _given(self, parameters: Mapping[str, Any]) -> list[Any]:
        given = {**self._constants, **parameters}
        for name, bind in self._binds.items():
            if bind is not None:
                given[name] = bind(given[name])
        return [given[name] for name in self._order]

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for i, read in self._reads:
            values[i] = read(values[i])
        return values


def _numbering(dialect: Dialect) -> Dialect:
    """The same, with parameters by their places: SQLite's `?` or PostgreSQL's own `$1`."""
    return dialect if dialect.name == "sqlite" else cast(Any, type(dialect))(paramstyle="numeric_dollar")


def _in_one_row(sql: str, columns: int) -> str:
    """The same rows as one of JSON. SQLite's driver gives up the interpreter at each row, and waits to get it back."""
    names = ", ".join(f"c{i}" for i in range(columns))
    return f"WITH found({names}) AS ({sql}) SELECT json_group_array(json_array({names})) FROM found"  # noqa: S608 (compiled)


def into_driver(of: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """How SQLAlchemy hands a value of this type to the driver; None when it does so as it is."""
    if dialect.name == "sqlite" and isinstance(of, UtcDateTime):
        return _as_text
    return of.dialect_impl(dialect).bind_processor(dialect)


def _as_text(moment: datetime | None) -> str | None:
    """The text that SQLAlchemy keeps of a moment in SQLite, made several times faster: every row has some."""
    if moment is None:
        return None
    moment = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return moment.isoformat(" ", "microseconds")[:26]


def _as_moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def _out_of_driver(of: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    if dialect.name == "sqlite" and isinstance(of, UtcDateTime):
        return _as_moment
    return of.dialect_impl(dialect).result_processor(dialect, None)
