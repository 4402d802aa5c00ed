"""What takes all of a history rather than a page of it: its CSV, its export, the end of its account."""

import asyncio
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import Connection

from relay import clock, storage, usage
from relay.accounts import Identity, closing, exporting
from relay.storage import Storehouse

EMAIL = "busy@example.com"


class _Undone(Exception):
    """What was measured is not to stay."""


def measured(house: Storehouse, account_id: str) -> None:
    """A line for each: seconds, those of the processor in this process, and by how much its memory grew at most."""
    print(f"\n{'all of the history':<32}{'seconds':>9}{'CPU s':>9}{'MB more':>9}")
    for name, work in HISTORIES.items():
        print(f"… {name}", file=sys.stderr, flush=True)
        started, worked, memory = time.perf_counter(), time.process_time(), _peak_mb()
        work(house, account_id)
        seconds = time.perf_counter() - started, time.process_time() - worked
        print(f"{name:<32}{seconds[0]:>9.2f}{seconds[1]:>9.2f}{_peak_mb() - memory:>9.0f}", flush=True)


def _csv(house: Storehouse, account_id: str) -> None:
    now = clock.now()
    year = now - timedelta(days=365), now
    view = house.database.read_now(lambda c: usage.usage(c, account_id, *year, "hour", "Europe/Berlin"))
    assert sum(map(len, usage.csv(view)))


def _end_the_account(house: Storehouse, account_id: str) -> None:
    def work(connection: Connection) -> None:
        closing.owed(connection, account_id)
        closing.forget_person(connection, account_id, EMAIL)
        raise _Undone

    with suppress(_Undone):
        house.database.write_now(work)


def _export(house: Storehouse, account_id: str) -> None:
    async def run() -> None:
        identity = Identity(account_id, EMAIL, "session", "bench")
        export_id = await exporting.begin_export(house.database, identity)
        files = storage.archived(house, account_id)
        async for _ in exporting.archive(house.database, identity, export_id, files):
            pass

    asyncio.run(run())


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


HISTORIES: dict[str, Callable[[Storehouse, str], None]] = {
    "CSV, 12 months by hour": _csv,
    "the end of the account": _end_the_account,
    "the export, JSON and CSV": _export,
}
