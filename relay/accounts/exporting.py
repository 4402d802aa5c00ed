"""Everything that we hold about an account, as one ZIP of JSON, CSV and its files, made while it is sent.

Every table that names the account is in it, so a new table is too. Memory holds a page of rows, whatever the history.
"""

import zipfile
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import IO, NamedTuple, cast

from sqlalchemy import Connection, func, insert, select, update

from relay import clock
from relay.accounts.exported_rows import Part, parts
from relay.accounts.identity import Identity
from relay.accounts.rows_in_text import Pages
from relay.database import Database
from relay.errors import Conflict
from relay.ids import new_id
from relay.tables import Export, table

exports = table(Export)

TELL_EVERY = timedelta(seconds=1)
DEAD_AFTER = timedelta(minutes=1)
_ABOUT = """\
Everything that we hold about the account {account_id}, made {at}.

Each table is here twice, as JSON and as CSV, with the same rows. Amounts are exact decimals in USD, times are RFC 3339
in UTC. What was uploaded is in the folder `files`.

Left out are the hashes of sign-in codes, sessions and keys, and other people's names.
"""


Files = AsyncIterable[tuple[str, AsyncIterable[bytes]]]
"""What was uploaded: each name, and what is in the file."""


class Progress(NamedTuple):
    """The newest export of an account. `finished_at` is None while it runs, or when it was broken off."""

    rows_done: int
    rows_total: int
    started_at: datetime
    finished_at: datetime | None
    runs: bool


async def begin_export(database: Database, identity: Identity) -> str:
    """The id of a new export. Conflict while another one of the account is on its way."""
    return await database.write(lambda connection: _begin(connection, identity))


async def archive(database: Database, identity: Identity, export_id: str, files: Files) -> AsyncGenerator[bytes]:
    """The ZIP file of an export that has begun, piece by piece; its progress is told about once a second."""
    sink = _Sink()
    done, told_at = 0, clock.now()
    try:
        async with aclosing(_packed(database, sink, identity, files)) as steps:
            async for rows in steps:
                done += rows
                if piece := sink.take():
                    yield piece
                if clock.now() - told_at >= TELL_EVERY:
                    told_at = clock.now()
                    database.post(_tell, (export_id, done, None))
        await database.batch(_tell, (export_id, done, clock.now()))
        yield sink.take()
    finally:
        database.post(_end, export_id)


async def _packed(database: Database, sink: "_Sink", identity: Identity, files: Files) -> AsyncGenerator[int]:
    """The whole archive into the sink; after each step how many rows it was of."""
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as packed:
        at = clock.rfc3339(clock.now())
        packed.writestr("README.txt", _ABOUT.format(account_id=identity.account_id, at=at))
        # Closed by hand: a file that is still open when its reader leaves would keep the archive from closing.
        async with aclosing(_filled(database, packed, identity, files)) as filled:
            async for rows in filled:
                yield rows


async def _filled(database: Database, packed: zipfile.ZipFile, identity: Identity, files: Files) -> AsyncGenerator[int]:
    for part in parts(identity):
        async with aclosing(_written(database, packed, part)) as written:
            async for rows in written:
                yield rows
    async for name, content in files:
        async with aclosing(_added(packed, name, content)) as added:
            async for _ in added:
                yield 0


def last_export(connection: Connection, account_id: str) -> Progress | None:
    """How far the newest one is."""
    query = select(exports).where(exports.c.account_id == account_id).order_by(exports.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    runs = row.finished_at is None and row.touched_at > clock.now() - DEAD_AFTER
    return Progress(row.rows_done, row.rows_total, row.started_at, row.finished_at, runs)


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
        entry = zipfile.ZipInfo(f"{part.of.name}.{kind}", clock.now().timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        # Half of the processor's time of the usual level, for a sixth more bytes. Python 3.13 has a public name for it.
        entry._compresslevel = 3  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
        with packed.open(entry, "w", force_zip64=True) as file:
            pages = Pages(part, kind)
            while not pages.is_last:
                # In the reader's thread: to compress a page takes as long as to read it, and streams would wait for it.
                await database.read(lambda connection, pages=pages, file=file: file.write(pages.next(connection)))
                yield pages.rows


async def _added(packed: zipfile.ZipFile, name: str, content: AsyncIterable[bytes]) -> AsyncGenerator[None]:
    """Writes an uploaded file as it is: fonts are compressed already."""
    entry = zipfile.ZipInfo(f"files/{name}", clock.now().timetuple()[:6])
    with packed.open(entry, "w", force_zip64=True) as file:
        async for piece in content:
            file.write(piece)
            yield


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
