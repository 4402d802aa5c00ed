"""Everything that we hold about an account, as one ZIP of JSON, CSV and its files, made while it is sent.

Every table that names the account is in it, so a new table is too. Memory holds a page of rows, whatever the history.
"""

import csv
import io
import zipfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import IO, Any, NamedTuple, cast

import orjson
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Table,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlmodel import SQLModel

from relay import clock
from relay.accounts.identity import Identity
from relay.database import Database
from relay.errors import Conflict
from relay.ids import new_id
from relay.money import usd
from relay.tables import Account, Export, MailStop, SignInCode, StripeEvent, UtcDateTime, table

accounts, exports = table(Account), table(Export)

PAGE_ROWS = 1000
TELL_EVERY = timedelta(seconds=1)
DEAD_AFTER = timedelta(minutes=1)
SECRET_ENDINGS = ("_hash", "_hmac")
"""Hashes of secrets say nothing to their owner, and something to a thief."""
NOT_THEIRS = {"operator_actions": {"operator"}, "inspections": {"operator"}, "checkouts": {"url"}, "holds": {"worker"}}
"""Whose name it is that did something, links that let anybody in, names of our machines."""
IN_TIME = {"usage": ("at", "id")}
"""Tables that have their account's rows in an order of their own; the others have them by their primary key."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ABOUT = """\
Everything that we hold about the account {account_id}, made {at}.

Each table is here twice, as JSON and as CSV, with the same rows. Amounts are exact decimals in USD, times are RFC 3339
in UTC. What was uploaded is in the folder `files`.

Left out are the hashes of sign-in codes, sessions and keys, and other people's names.
"""


class Progress(NamedTuple):
    """The newest export of an account. `finished_at` is None while it runs, or when it was broken off."""

    rows_done: int
    rows_total: int
    started_at: datetime
    finished_at: datetime | None
    runs: bool


class Part(NamedTuple):
    """A table, and which of its rows are the account's."""

    of: Table
    columns: tuple[Column[Any], ...]
    mine: ColumnElement[bool]
    order: tuple[Column[Any], ...]
    """In which an index has them: a page begins where the last one ended, and no page reads what is before it."""


async def begin_export(database: Database, identity: Identity) -> str:
    """The id of a new export. Conflict while another one of the account is on its way."""
    return await database.write(lambda connection: _begin(connection, identity))


async def archive(
    database: Database, identity: Identity, export_id: str, files: AsyncIterable[tuple[str, AsyncIterable[bytes]]]
) -> AsyncGenerator[bytes]:
    """The ZIP file of an export that has begun, piece by piece; its progress is told about once a second. `files` are
    the names of what was uploaded, with what is in it.
    """
    sink = _Sink()
    done, told_at = 0, clock.now()
    try:
        with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as packed:
            at = clock.rfc3339(clock.now())
            packed.writestr("README.txt", _ABOUT.format(account_id=identity.account_id, at=at))
            for part in parts(identity):
                # Closed by hand: a file that is still open when its reader leaves would keep the archive from closing.
                async with aclosing(_written(database, packed, part)) as written:
                    async for rows in written:
                        done += rows
                        if piece := sink.take():
                            yield piece
                        if clock.now() - told_at >= TELL_EVERY:
                            told_at = clock.now()
                            database.post(_tell, (export_id, done, None))
            async for name, content in files:
                async with aclosing(_added(packed, name, content)) as added:
                    async for _ in added:
                        if piece := sink.take():
                            yield piece
        await database.batch(_tell, (export_id, done, clock.now()))
        yield sink.take()
    finally:
        database.post(_end, export_id)


def last_export(connection: Connection, account_id: str) -> Progress | None:
    """How far the newest one is."""
    query = select(exports).where(exports.c.account_id == account_id).order_by(exports.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    runs = row.finished_at is None and row.touched_at > clock.now() - DEAD_AFTER
    return Progress(row.rows_done, row.rows_total, row.started_at, row.finished_at, runs)


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


def _begin(connection: Connection, identity: Identity) -> str:
    last = last_export(connection, identity.account_id)
    if last and last.runs:
        raise Conflict("An export is on its way already. Wait until it has come.")
    counts = (select(func.count()).select_from(p.of).where(p.mine) for p in parts(identity))
    # Each row is written twice, as JSON and as CSV, the one of this export among them.
    total = 2 * (1 + sum(connection.execute(query).scalar_one() for query in counts))
    now, export_id = clock.now(), new_id("exp")
    row = {"id": export_id, "account_id": identity.account_id, "rows_total": total, "rows_done": 0}
    connection.execute(insert(exports), row | {"started_at": now, "touched_at": now})
    return export_id


async def _written(database: Database, packed: zipfile.ZipFile, part: Part) -> AsyncGenerator[int]:
    """Writes both files of a part; how many rows after each page."""
    for kind in ("json", "csv"):
        name = zipfile.ZipInfo(f"{part.of.name}.{kind}", clock.now().timetuple()[:6])
        name.compress_type = zipfile.ZIP_DEFLATED
        with packed.open(name, "w", force_zip64=True) as file:
            page = _Page(part, kind)
            while not page.is_last:
                # In the reader's thread: to compress a page takes as long as to read it, and streams would wait for it.
                await database.read(lambda connection, page=page, file=file: file.write(page.next(connection)))
                yield page.rows


async def _added(packed: zipfile.ZipFile, name: str, content: AsyncIterable[bytes]) -> AsyncGenerator[None]:
    """Writes an uploaded file as it is: fonts are compressed already."""
    entry = zipfile.ZipInfo(f"files/{name}", clock.now().timetuple()[:6])
    with packed.open(entry, "w", force_zip64=True) as file:
        async for piece in content:
            file.write(piece)
            yield


def page_of(part: Part, after: Sequence[Any] | None) -> Select[Any]:
    """The rows that come after those values of `part.order`, which follow each row under names of their own."""
    query = select(*part.columns, *(key.label(f"key_{i}") for i, key in enumerate(part.order)))
    query = query.where(part.mine).order_by(*part.order).limit(PAGE_ROWS)
    if after is None:
        return query
    last = tuple_(*(literal(value, key.type) for value, key in zip(after, part.order, strict=True)))
    return query.where(tuple_(*part.order) > last)


class _Page:
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


class _Sink:
    """A file that is taken away piece by piece. It cannot be sought in, and zipfile sees that."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Everything is there already."""

    def take(self) -> bytes:
        piece, self._held = bytes(self._held), bytearray()
        return piece


def _tell(connection: Connection, news: Sequence[tuple[str, int, datetime | None]]) -> list[None]:
    for export_id, done, finished_at in news:
        values = {"rows_done": done, "touched_at": clock.now(), "finished_at": finished_at}
        connection.execute(update(exports).where(exports.c.id == export_id).values(values))
    return [None] * len(news)


def _end(connection: Connection, export_ids: Sequence[str]) -> list[None]:
    """One that was broken off no longer stands in the way of the next."""
    broken = (exports.c.id.in_(export_ids), exports.c.finished_at.is_(None))
    connection.execute(update(exports).where(*broken).values(touched_at=clock.now() - DEAD_AFTER))
    return [None] * len(export_ids)
