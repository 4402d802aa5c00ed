"""What pages cost: their reading over a year of use, five hundred people at once, and a first visit by phone.

Run it by `make bench-pages`; it takes two minutes, with `ARGS="--rows 1000000 --accounts 10000"` two more.
Milliseconds of a reading are as a page's State does it: its queries and putting them into words, all of it warm.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, event, insert, text

from account_app import session
from account_app.reading.overview import overview_of
from account_app.reading.requests import requests_of
from account_app.reading.usage import usage_of
from account_app.session import Visitor
from benchmarks import loading, people
from relay import accounts, clock, ledger, migrations, pricing
from relay.database import Database
from relay.money import PICO_PER_USD
from relay.settings import read_settings
from relay.tables import Usage, UsageHour, table

TIMES = 60
MODELS = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5")
CHUNK = 20_000
usage, hours = table(Usage), table(UsageHour)

PAGES: dict[str, tuple[Callable[[Any, Visitor], Any], dict[str, str]]] = {
    "overview": (overview_of, {}),
    "usage, 30 days": (usage_of, {}),
    "usage, 30 days by model": (usage_of, {"by": "model"}),
    "usage, 7 days by hour": (usage_of, {"by": "hour", "range": "7d"}),
    "usage, 12 months by model": (usage_of, {"by": "model", "range": "12m"}),
    "usage, 12 months by day": (usage_of, {"range": "12m"}),
    "usage, 12 months by hour": (usage_of, {"by": "hour", "range": "12m"}),
    "requests": (requests_of, {}),
    "requests of a rare model": (requests_of, {"model": "claude-opus-4-5", "range": "12m"}),
    "requests that failed": (requests_of, {"ended": "upstream_error", "range": "12m"}),
    "a receipt": (requests_of, {"id": "req_100000"}),
}


def main(
    rows: Annotated[int, typer.Option(help="Usage rows of the one account.")] = 200_000,
    others: Annotated[int, typer.Option("--accounts", help="How many others have roll-ups.")] = 1_000,
) -> None:
    """Prints what is in docs/benchmarks.md of pages."""
    show_readings(rows, others)
    with tempfile.TemporaryDirectory() as folder:
        crowd = people.measured(Path(folder))
    print(
        f"\n{crowd.people} people on one worker: {crowd.kb_each:.0f} KB each, click to figures "
        f"p50 {crowd.p50_ms:.0f} ms, p95 {crowd.p95_ms:.0f} ms\n"
    )
    print(f"{'first visit by phone':<28}{'LCP ms':>9}{'CLS':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for path, lcp, cls in loading.measured(Path(folder)):
            print(f"{path:<28}{lcp:>9.0f}{cls:>9.3f}")


def show_readings(rows: int, others: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(DATABASE_URL=f"sqlite:///{Path(folder) / 'year.db'}", SECRET_KEY="b" * 40)
        migrations.upgrade(settings)
        database = Database(settings.database_url)
        started = time.perf_counter()
        visitor = fill(database, settings, rows, others)
        print(f"{rows:,} rows and the roll-ups of {others:,} accounts in {time.perf_counter() - started:.0f} s\n")
        print(f"{'page':<28}{'p50 ms':>9}{'p99 ms':>9}{'queries':>9}")
        with session.using(type("Services", (), {"settings": settings})()):
            for name, (reading, query) in PAGES.items():
                p50, p99, queries = measured(database, reading, Visitor(visitor, "", "", "Europe/Berlin", query=query))
                print(f"{name:<28}{p50:>9.1f}{p99:>9.1f}{queries:>9}")
        database.close()


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


def fill(database: Database, settings: Any, rows: int, others: int) -> str:
    """A year of use, in whole chunks; the account whose it is. Balances are not kept true: nothing here needs it."""
    database.write_now(lambda c: pricing.publish(c, settings.MARKUP_PERCENT, clock.now() - timedelta(days=400)))
    person = database.write_now(lambda c: accounts.account_for(c, settings, "busy@example.com"))
    version = database.read_now(pricing.current).version
    assert person is not None
    database.write_now(
        lambda c: ledger.grant(
            c, person.account_id, kind="topup", amount_pico=9_000 * PICO_PER_USD, key="bench", reason="bench"
        )
    )
    for chunk in chunks(usage_rows(person.account_id, version, rows)):
        database.write_now(lambda c, chunk=chunk: c.execute(insert(usage), chunk))
    for chunk in chunks(hour_rows(person.account_id, others)):
        database.write_now(lambda c, chunk=chunk: c.execute(insert(hours), chunk))
    database.write_now(lambda c: c.execute(text("ANALYZE")))
    return person.account_id


def chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def usage_rows(account_id: str, version: str, rows: int) -> Iterator[dict[str, Any]]:
    now = clock.now()
    step = timedelta(days=365) / rows
    for n in range(rows):
        at = now - step * (rows - n)
        model = "claude-opus-4-5" if n % (rows // 10) == 0 else MODELS[n % 3]
        yield {
            "request_id": f"req_{n}",
            "kind": "request",
            "account_id": account_id,
            "key_id": "",
            "service": "claude",
            "model": model,
            "input_tokens": 500,
            "output_tokens": 300,
            "price_pico": 10**9,
            "cost_pico": 8 * 10**8,
            "price_version": version,
            "ended": "upstream_error" if n % 5000 == 0 else "complete",
            "started_at": at,
            "at": at,
        }


def hour_rows(account_id: str, others: int) -> Iterator[dict[str, Any]]:
    """Each hour of the year for the busy account, some hours of today for everybody else."""
    now = clock.hour_of(datetime.now(UTC))
    each = {"service": "claude", "key_id": "", "requests": 38, "input_tokens": 19_000, "output_tokens": 11_400}
    each |= {"cache_read_tokens": 0, "cache_write_tokens": 0, "cost_pico": 3 * 10**10, "price_pico": 38 * 10**9}
    for n in range(365 * 24):
        for model in MODELS:
            yield {**each, "account_id": account_id, "hour": now - timedelta(hours=n), "model": model}
        if n % 876 == 0:
            hour = now - timedelta(hours=n)
            yield {**each, "account_id": account_id, "hour": hour, "model": "claude-opus-4-5", "requests": 1}
    for other in range(others):
        for n in range(24):
            yield {**each, "account_id": f"acct_{other}", "hour": now - timedelta(hours=n * 30), "model": MODELS[0]}


if __name__ == "__main__":
    typer.run(main)
