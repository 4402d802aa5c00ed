"""What pages cost: their reading over a year of use, five hundred people at once, and a first visit by phone.

Run it by `make bench-pages`; it takes some ten minutes, with `ARGS="--rows 100000 --accounts 1000"` two.
Milliseconds of a reading are as a page's State does it: its queries and putting them into words, all of it warm.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, cast

import typer
from sqlalchemy import Connection, event

from account_app import session
from account_app.reading.account import account_of
from account_app.reading.billing import billing_of
from account_app.reading.keys import keys_of
from account_app.reading.operator import operator_page
from account_app.reading.overview import overview_of
from account_app.reading.requests import requests_of
from account_app.reading.storage import storage_of
from account_app.reading.usage import usage_of
from account_app.session import Visitor
from benchmarks import a_year, histories, loading, peers, people
from relay import clock, pricing
from relay.database import Database, migrations
from relay.gateways.objects import open_objects
from relay.services import Services
from relay.settings import Settings, read_settings
from relay.storage import Storehouse

TIMES = 200
PARTS = ("sqlite", "postgresql", "browsers")

PAGES: dict[str, tuple[Callable[[Any, Visitor], Any], dict[str, str]]] = {
    "overview": (overview_of, {}),
    "usage, 30 days": (usage_of, {}),
    "usage, 30 days by model": (usage_of, {"by": "model"}),
    "usage, 7 days by hour": (usage_of, {"by": "hour", "range": "7d"}),
    "usage, 12 months by model": (usage_of, {"by": "model", "range": "12m"}),
    "usage, 12 months by day": (usage_of, {"range": "12m"}),
    "usage, 12 months by hour": (usage_of, {"by": "hour", "range": "12m"}),
    "usage, 12 months by key": (usage_of, {"by": "key", "range": "12m", "show": "kinds"}),
    "usage, 62 days by model": (usage_of, {"by": "model", "from": "FIRST", "to": "LAST"}),
    "requests": (requests_of, {}),
    "requests, 12 months": (requests_of, {"range": "12m"}),
    "requests of a rare model": (requests_of, {"model": "claude-opus-4-5", "range": "12m"}),
    "requests of a model and a key": (requests_of, {"model": "claude-sonnet-5", "key": "key_1", "range": "12m"}),
    "requests, hours of storage": (requests_of, {"model": "storage", "range": "12m"}),
    "requests that failed": (requests_of, {"ended": "upstream_error", "range": "12m"}),
    "a receipt": (requests_of, {"id": "req_100"}),
    "storage": (storage_of, {}),
    "keys": (keys_of, {}),
    "account": (account_of, {}),
    "billing": (billing_of, {}),
    "operator": (operator_page, {}),
    "operator, looking for somebody": (operator_page, {"q": "other77"}),
    "operator, one account": (operator_page, {"account": "acct_other7"}),
}


_DAYS = {name: (clock.now() - timedelta(days=n)).date().isoformat() for name, n in (("FIRST", 61), ("LAST", 0))}


def main(
    rows: Annotated[int, typer.Option(help="Usage rows of the one account.")] = 1_000_000,
    others: Annotated[int, typer.Option("--accounts", help="How many others there are.")] = 10_000,
    only: Annotated[str, typer.Option(help="sqlite, postgresql or browsers; empty for all of them.")] = "",
) -> None:
    """Prints what is in docs/benchmarks.md of pages."""
    if only not in ("", *PARTS):
        raise typer.BadParameter(f"{' or '.join(PARTS)}", param_hint="--only")
    for name in PARTS[:2]:
        if only in ("", name):
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                show_readings(_url(name, Path(folder), stack), Path(folder), rows, others)
    if only in ("", PARTS[2]):
        show_browsers()


def _url(name: str, folder: Path, stack: ExitStack) -> str:
    if name == "sqlite":
        return f"sqlite:///{folder / 'year.db'}"
    cluster = stack.enter_context(peers.postgres(folder / "postgres"))
    return cluster.url(cluster.create())


def show_browsers() -> None:
    with tempfile.TemporaryDirectory() as folder:
        crowd = people.measured(Path(folder))
    print(
        f"\n{crowd.people} people on one worker: {crowd.kb_each:.0f} KB each, click to figures "
        f"p50 {crowd.p50_ms:.0f} ms, p95 {crowd.p95_ms:.0f} ms\n"
    )
    print(f"{'first visit by phone':<40}{'LCP ms':>9}{'figures':>9}{'CLS':>9}{'CLS wide':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for path, visit, wide in loading.measured(Path(folder)):
            times = f"{visit.lcp_ms:>9.0f}{visit.figures_ms:>9.0f}"
            print(f"{path:<40}{times}{visit.cls:>9.4f}{wide:>10.4f}", flush=True)


def show_readings(url: str, folder: Path, rows: int, others: int) -> None:
    settings = read_settings(DATABASE_URL=url, SECRET_KEY="b" * 40, STORAGE_URL=f"file://{folder / 'assets'}")
    migrations.upgrade(settings)
    database = Database(settings.database_url)
    house = _house(database, settings)
    print(f"… filling {rows:,} rows, which takes a minute or two", file=sys.stderr, flush=True)
    started = time.perf_counter()
    busy, summing = asyncio.run(a_year.fill(house, rows, others))
    print(
        f"{'SQLite' if database.is_sqlite else 'PostgreSQL'}: {rows:,} rows of one account among {others:,} others, "
        f"filled in {time.perf_counter() - started:.0f} s; summed up by the clock in {summing:.0f} s of them\n"
    )
    print(f"{'page':<32}{'p50 ms':>9}{'p99 ms':>9}{'queries':>9}")
    with session.using(cast(Services, SimpleNamespace(settings=settings, storehouse=house))):
        for name, (reading, query) in PAGES.items():
            asked = {key: _DAYS.get(value, value) for key, value in query.items()}
            visitor = Visitor(busy, "busy@example.com", "", "Europe/Berlin", query=asked)
            p50, p99, queries = measured(database, reading, visitor)
            print(f"{name:<32}{p50:>9.1f}{p99:>9.1f}{queries:>9}", flush=True)
    histories.measured(house, busy)
    database.close()
    print()


def _house(database: Database, settings: Settings) -> Storehouse:
    """With prices that were published before the year begins, and a folder for what is kept."""
    before = clock.now() - timedelta(days=400)
    database.write_now(lambda c: pricing.publish(c, settings.MARKUP_PERCENT, before))
    prices = database.read_now(pricing.current)
    return Storehouse(database, open_objects(settings), settings, prices)


def measured(database: Database, reading: Callable[[Any, Visitor], Any], visitor: Visitor) -> tuple[float, float, int]:
    """p50 and p99 in milliseconds, and how many queries it takes."""
    asked: list[str] = []

    def work(connection: Connection) -> None:
        def note(*told: Any) -> None:
            asked.extend([told[2]] if told[2] != "BEGIN" else [])

        event.listen(connection, "before_cursor_execute", note)
        reading(connection, visitor)
        event.remove(connection, "before_cursor_execute", note)

    database.read_now(work)
    queries = len(asked)
    times: list[float] = []
    for _ in range(TIMES):
        started = time.perf_counter()
        database.read_now(lambda c: reading(c, visitor))
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times), sorted(times)[int(0.99 * (len(times) - 1))], queries


if __name__ == "__main__":
    typer.run(main)
