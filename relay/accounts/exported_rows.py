"""The rows of an account in an export: which they are, and how they are written, a page of them at a time."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Boolean, Column, ColumnElement, Connection, Integer, Select, Table, literal, select, tuple_
from sqlmodel import SQLModel

from relay import clock
from relay.accounts.identity import Identity
from relay.money import usd
from relay.tables import Account, MailStop, SignInCode, StripeEvent, UtcDateTime, table

accounts = table(Account)

PAGE_ROWS = 1000
SECRET_ENDINGS = ("_hash", "_hmac")
"""Hashes of secrets say nothing to their owner, and something to a thief."""
NOT_THEIRS = {"operator_actions": {"operator"}, "inspections": {"operator"}, "checkouts": {"url"}, "holds": {"worker"}}
"""Whose name it is that did something, links that let anybody in, names of our machines."""
IN_TIME = {"usage": ("at", "id")}
"""Tables that have their account's rows in an order of their own; the others have them by their primary key."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Part(NamedTuple):
    """A table, and which of its rows are the account's."""

    of: Table
    columns: tuple[Column[Any], ...]
    mine: ColumnElement[bool]
    order: tuple[Column[Any], ...]
    """In which an index has them: a page begins where the last one ended, and no page reads what is before it."""


def parts(identity: Identity) -> list[Part]:
    """Every table with rows of the account, in the order of their names; its own row first."""
    account_id, email = identity.account_id, identity.email
    customer = select(accounts.c.stripe_customer_id).where(accounts.c.id == account_id).scalar_subquery()
    others = {
        table(SignInCode).name: table(SignInCode).c.email == email,
        table(MailStop).name: table(MailStop).c.email == email,
        table(StripeEvent).name: table(StripeEvent).c.customer_id == customer,
    }
    found = [_part(accounts, accounts.c.id == account_id)]
    for name, each in sorted(SQLModel.metadata.tables.items()):
        if "account_id" in each.c:
            found.append(_part(each, each.c.account_id == account_id))
        elif name in others:
            found.append(_part(each, others[name]))
    return found


def _part(of: Table, mine: ColumnElement[bool]) -> Part:
    hidden = NOT_THEIRS.get(of.name, set[str]())
    shown = [c for c in of.c if not c.name.endswith(SECRET_ENDINGS) and c.name not in hidden]
    # Some tables know a row by the hash of a secret: it orders the pages, and is left out when they are written.
    keys = tuple(of.c[name] for name in IN_TIME.get(of.name, of.primary_key.columns.keys()) if name != "account_id")
    return Part(of, tuple(shown), mine, keys or tuple(of.primary_key.columns))


def page_of(part: Part, after: Sequence[Any] | None) -> Select[Any]:
    """The rows that come after those values of `part.order`, which follow each row under names of their own."""
    query = select(*part.columns, *(key.label(f"key_{i}") for i, key in enumerate(part.order)))
    query = query.where(part.mine).order_by(*part.order).limit(PAGE_ROWS)
    if after is None:
        return query
    last = tuple_(*(literal(value, key.type) for value, key in zip(after, part.order, strict=True)))
    return query.where(tuple_(*part.order) > last)


class Page:
    """One page of a part after the other, each already text.

    How a value is written follows from its column, and is decided once: to ask each value costs more than to read it.
    """

    def __init__(self, part: Part, kind: str) -> None:
        self._part, self._kind = part, kind
        self._after: Sequence[Any] | None = None
        self._names = [_in_words(c.name) for c in part.columns]
        self._written = [_writing(c, kind) for c in part.columns]
        self.is_last = False
        self.rows = 0

    def next(self, connection: Connection) -> bytes:
        is_first = self._after is None
        found = connection.execute(page_of(self._part, self._after)).all()
        self.rows, self.is_last = len(found), len(found) < PAGE_ROWS
        if found:
            self._after = found[-1][-len(self._part.order) :]
        columns = zip(self._written, zip(*found, strict=True), strict=False)
        rows = zip(*(map(write, column) if write else column for write, column in columns), strict=True)
        if self._kind == "csv":
            return _as_csv([self._names] if is_first else [], rows)
        return b"".join(self._as_json(rows, is_first))

    def _as_json(self, rows: Iterator[tuple[Any, ...]], is_first: bool) -> Iterator[bytes]:
        lines = b",\n".join(orjson.dumps(dict(zip(self._names, row, strict=True))) for row in rows)
        yield b"[" if is_first else b""
        yield (b"\n" if is_first else b",\n") if lines else b""
        yield lines
        yield b"\n]\n" if self.is_last else b""


def _in_words(name: str) -> str:
    return name.removesuffix("_pico") + "_usd" if name.endswith("_pico") else name


def _writing(column: Column[Any], kind: str) -> Callable[[Any], Any] | None:
    """How a column's values are put into words; None when they are written as they are."""
    if column.name.endswith("_pico"):
        return _amount
    if isinstance(column.type, UtcDateTime):
        return _moment
    return None if kind == "json" or isinstance(column.type, Integer | Boolean) else _cell


def _amount(pico: int | None) -> str | None:
    return None if pico is None else usd(pico)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else clock.rfc3339(moment)


def _as_csv(head: Sequence[Sequence[str]], rows: Iterator[tuple[Any, ...]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows(head)
    writer.writerows(rows)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    """Text is never a formula."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return "'" + value if is_formula and not value[1:].replace(".", "", 1).isdigit() else value
