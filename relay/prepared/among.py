"""`column IN (…)` with all the values in one parameter, so that the statement is the same for any number of them."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Dialect, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import Boolean, Text, TypeDecorator, TypeEngine


def among(column: Any, parameter: str) -> ColumnElement[bool]:
    """The column is one of the texts that `parameter` lists."""
    return _Among(column, bindparam(parameter, type_=_Texts()))


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts as one value: PostgreSQL's array, or JSON for SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text()))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        return orjson.dumps(value).decode() if dialect.name == "sqlite" else value


class _Among(ColumnElement[bool]):
    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, texts: Any) -> None:
        self.column, self.texts = column, texts

    def self_group(self, against: Any = None) -> "_Among":
        # It is a condition already: compared with TRUE, as SQLite's booleans are, it would find no index.
        return self


@compiles(_Among, "sqlite")
def _in_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, texts = compiler.process(element.column, **options), compiler.process(element.texts, **options)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 (compiled from columns and parameters)


@compiles(_Among, "postgresql")
def _in_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    return f"{compiler.process(element.column, **options)} = ANY({compiler.process(element.texts, **options)})"
