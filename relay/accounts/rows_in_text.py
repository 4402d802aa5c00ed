"""Rows of a table as JSON or as CSV, a page at a time.

Values come as the driver gives them, and each is put into words once a page: most columns hold few different ones, and
many one alone, which is written between the others without being looked at again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    cast,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import NullType

from relay.accounts.exported_rows import Part
from relay.money import usd
from relay.spreadsheets import cell
from relay.tables import UtcDateTime

PAGE_ROWS = 1000
_AS_IT_COMES = NullType()


def page_of(part: Part, after: Sequence[Any] | None, dialect: Dialect) -> Select[Any]:
    """The rows that come after those values of `part.order`, which follow each row under names of their own. All values
    are the driver's, and moments are text: what would be made of them costs more than to read them.
    """
    keys = (type_coerce(key, _AS_IT_COMES).label(f"key_{i}") for i, key in enumerate(part.order))
    query = select(*(_as_it_comes(c, dialect) for c in part.columns), *keys)
    query = query.where(part.mine).order_by(*part.order).limit(PAGE_ROWS)
    if after is None:
        return query
    return query.where(tuple_(*part.order) > tuple_(*(literal(value, _AS_IT_COMES) for value in after)))


def _as_it_comes(column: Column[Any], dialect: Dialect) -> ColumnElement[Any]:
    is_moment = isinstance(column.type, UtcDateTime) and dialect.name == "postgresql"
    given: ColumnElement[Any] = cast(func.timezone("UTC", column), Text) if is_moment else column
    return type_coerce(given, _AS_IT_COMES).label(column.name)


class Pages:
    """The pages of a part, one after the other, as a file of the `kind` json or csv."""

    def __init__(self, part: Part, kind: str) -> None:
        self._part, self._kind = part, kind
        self._after: Sequence[Any] | None = None
        self._names = [_in_words(c.name) for c in part.columns]
        self._writing = [_writing(c, kind) for c in part.columns]
        self.is_last = False
        self.rows = 0

    def next(self, connection: Connection) -> bytes:
        is_first = self._after is None
        found = _rows(connection, page_of(self._part, self._after, connection.dialect))
        self.rows, self.is_last = len(found), len(found) < PAGE_ROWS
        if found:
            self._after = found[-1][-len(self._part.order) :]
        form = self._as_csv if self._kind == "csv" else self._as_json
        return "".join(form(self._lines(found), is_first)).encode()

    def _as_csv(self, lines: Iterable[str], is_first: bool) -> Iterator[str]:
        yield ",".join(self._names) + "\r\n" if is_first else ""
        yield "".join(lines)

    def _as_json(self, lines: Iterable[str], is_first: bool) -> Iterator[str]:
        yield "[" if is_first else ""
        if text := ",\n".join(lines):
            yield "\n" if is_first else ",\n"
            yield text
        yield "\n]\n" if self.is_last else ""

    def _lines(self, rows: Sequence[Sequence[Any]]) -> Iterable[str]:
        texts, differing = list[str](), list[Iterator[str]]()
        for write, column in zip(self._writing, zip(*rows, strict=True), strict=False):
            words = {value: write(value) for value in set(column)}
            is_common = len(words) == 1
            texts.append(words[column[0]].replace("%", "%%") if is_common else "%s")
            differing += [] if is_common else [map(words.__getitem__, column)]
        line = self._line(texts)
        return map(line.__mod__, zip(*differing, strict=True)) if differing else [line % ()] * len(rows)

    def _line(self, texts: Sequence[str]) -> str:
        if self._kind == "csv":
            return ",".join(texts) + "\r\n"
        return "{" + ",".join(f'"{name}":{text}' for name, text in zip(self._names, texts, strict=False)) + "}"


def _rows(connection: Connection, query: Select[Any]) -> Sequence[Sequence[Any]]:
    with connection.execute(query) as result:
        # The driver's own: SQLAlchemy's rows have names that nobody asks for here.
        return result.cursor.fetchall() if result.cursor else []


def _in_words(name: str) -> str:
    return name.removesuffix("_pico") + "_usd" if name.endswith("_pico") else name


def _writing(column: Column[Any], kind: str) -> Callable[[Any], str]:
    """How a value of the column is written. That follows from the column, and is decided once."""
    told = _telling(column)
    put: Callable[[Any], str] = _in_json if kind == "json" else cell if told is str else str
    nothing = "null" if kind == "json" else ""
    return lambda value: nothing if value is None else put(told(value))


def _telling(column: Column[Any]) -> Callable[[Any], Any]:
    if column.name.endswith("_pico"):
        return usd
    if isinstance(column.type, UtcDateTime):
        return _moment
    return bool if isinstance(column.type, Boolean) else int if isinstance(column.type, Integer) else str


def _moment(text: str) -> str:
    """What `clock.rfc3339` says of `2026-11-24 10:00:00.123456` in UTC, or of less or nothing behind its seconds."""
    return f"{text[:10]}T{text[11:19]}.{text[20:23]:0<3}Z"


def _in_json(value: Any) -> str:
    return orjson.dumps(value).decode()
