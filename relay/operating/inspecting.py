"""Looking for differences while the server runs: our books against themselves, and against Stripe's.

One search of a kind at a time, in whichever process was asked. Its row keeps the last result until there is a newer.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import structlog
from sqlalchemy import Connection, Row, or_, select, update

from relay import billing, clock
from relay.accounts import Identity
from relay.audit import recompute
from relay.billing import Office
from relay.errors import Conflict, ProductError
from relay.operating.people import refuse_unless_operator
from relay.settings import Settings
from relay.tables import Inspection, table, upsert

Kind = Literal["audit", "reconcile"]
KINDS: tuple[Kind, ...] = ("audit", "reconcile")
KEPT = 200
SECONDS_MAX = 900
TOUCH_SECONDS = 2
DEAD_AFTER = timedelta(seconds=60)
TOO_LONG = "It took too long and was ended. `account-app {kind}` takes the time that it needs."

log = structlog.get_logger(__name__)
found_rows = table(Inspection)
Found = list[tuple[str, str, str, str]]
"""What differs, where, our figure, the other."""


class Inspected(NamedTuple):
    """The last search of a kind. `finished_at` and what follows are of the last that came to its end."""

    kind: str
    operator: str
    started_at: datetime
    runs: bool
    done: int
    total: int
    error: str
    finished_at: datetime | None
    differences: int
    found: Found


@dataclass
class _Run:
    """How far a search is. `over` ends it, as a thread can be ended in no other way."""

    kind: Kind
    started_at: datetime
    done: int = 0
    total: int = 0
    over: bool = False
    found: Found = field(default_factory=Found)
    more: int = 0

    def note(self, *difference: object) -> None:
        what, where, ours, other = map(str, difference)
        if len(self.found) < KEPT:
            self.found.append((what, where, ours, other))
        else:
            self.more += 1

    def tell(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.over:
            raise TimeoutError

    def values(self) -> dict[str, Any]:
        return {"touched_at": clock.now(), "done": self.done, "total": self.total}


async def inspect(office: Office, who: Identity, kind: Kind, tell: Callable[[], None]) -> None:
    """Looks now, and calls `tell` whenever it is further. Forbidden; Conflict while another search of the kind runs.

    A search that fails says so in its row, and leaves the result before it.
    """
    run = _Run(kind, await office.database.write(lambda c: _begin(c, office.settings, who, kind)))
    tell()
    touching = asyncio.create_task(_touch(office, run, tell))
    try:
        ended = await _ended(office, run)
    finally:
        run.over = True
        touching.cancel()
        with suppress(asyncio.CancelledError):
            await touching
    await office.database.write(lambda c: _keep(c, run, ended))
    tell()


def inspections(connection: Connection) -> list[Inspected]:
    """The last of each kind that was ever looked for."""
    rows = {row.id: row for row in connection.execute(select(found_rows))}
    return [_inspected(rows[kind]) for kind in KINDS if kind in rows]


def _begin(connection: Connection, settings: Settings, who: Identity, kind: Kind) -> datetime:
    refuse_unless_operator(settings, who)
    now = clock.now()
    begun = {"operator": who.email, "started_at": now, "touched_at": now, "done": 0, "total": 0, "error": ""}
    row = {"id": kind, "kind": kind, "finished_at": None, "differences": 0, "found": "[]"} | begun
    of = found_rows.c
    ended = or_(of.finished_at >= of.started_at, of.error != "", of.touched_at <= now - DEAD_AFTER)
    new = upsert(connection, found_rows).values(row)
    taken = new.on_conflict_do_update(index_elements=["id"], set_=begun, where=ended).returning(of.id)
    if connection.execute(taken).first() is None:
        raise Conflict("Somebody has it looked for already.")
    return now


async def _touch(office: Office, run: _Run, tell: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TOUCH_SECONDS)
        with suppress(ProductError):
            await office.database.write(lambda c: _keep(c, run, {}))
        tell()


async def _ended(office: Office, run: _Run) -> dict[str, Any]:
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await (_audit(office, run) if run.kind == "audit" else _reconcile(office, run))
    except TimeoutError:
        return {"error": TOO_LONG.format(kind=run.kind)}
    except Exception as error:
        log.exception("inspection_failed", kind=run.kind)
        return {"error": str(error)[:300] or type(error).__name__}
    differences = len(run.found) + run.more
    return {"finished_at": clock.now(), "differences": differences, "found": json.dumps(run.found)}


async def _audit(office: Office, run: _Run) -> None:
    found = await office.database.read(lambda c: recompute(c, run.tell))
    for d in found:
        run.note(*d)
    run.more += found.more


async def _reconcile(office: Office, run: _Run) -> None:
    subjects = await office.database.read(billing.subjects)
    for done, subject in enumerate(subjects, start=1):
        async for d in billing.reconcile(office, subject):
            run.note(d.what, f"{d.account} {d.period}", d.ours, d.stripe)
        run.tell(done, len(subjects))


def _keep(connection: Connection, run: _Run, ended: dict[str, Any]) -> None:
    """Into the row as long as it is this run's: one that was taken for dead writes over nobody."""
    mine = (found_rows.c.id == run.kind, found_rows.c.started_at == run.started_at)
    connection.execute(update(found_rows).where(*mine).values(run.values() | ended))


def _inspected(row: Row[Any]) -> Inspected:
    is_over = row.error or (row.finished_at is not None and row.finished_at >= row.started_at)
    runs = not is_over and row.touched_at > clock.now() - DEAD_AFTER
    error = row.error if is_over or runs else "It was cut off before its end."
    found = [(what, where, ours, other) for what, where, ours, other in json.loads(row.found)]
    far = (row.done, row.total)
    return Inspected(row.kind, row.operator, row.started_at, runs, *far, error, row.finished_at, row.differences, found)
