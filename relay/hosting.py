"""What running this costs: the original plan's services, at stated prices and a stated load.

Cloudflare: developers.cloudflare.com/workers/platform/pricing, /d1/platform/pricing, /kv/platform/pricing,
/r2/pricing. Resend: resend.com/pricing. Stripe: stripe.com/pricing. Copies of these pages were read on CHECKED.
The machine is an example.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

CHECKED = "2026-11-24"
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """What one person does in a month. The rows of a call are counted in the ledger's own statements: a hold and a
    balance; a journal; then usage, entry, grant, balance, roll-up, and the hold gone. Bytes are an estimate."""

    requests: int = 200
    pages: int = 60
    mails: int = 4
    stored_mb: int = 5
    paid_usd: int = 10
    paying_percent: int = 5
    rows_written_a_request: int = 9
    rows_read_a_request: int = 8
    rows_read_a_page: int = 30
    bytes_a_request: int = 1_200


@dataclass(frozen=True, slots=True)
class Line:
    """One service of one way to host. `usd` is a month's."""

    way: str
    service: str
    usage: str
    usd: Decimal


def lines(users: int, load: Load) -> Iterator[Line]:
    """The plan on Cloudflare Workers, then this product on one machine; what both need stands in both."""
    calls, pages = users * load.requests, users * load.pages
    yield from _workers(users, calls, pages, load)
    yield Line("this product", "Pages", f"{pages:,} visits", Decimal(0))
    yield from _machine(calls)
    for way in ("workers", "this product"):
        yield from _shared(way, users, load)


def _workers(users: int, calls: int, pages: int, load: Load) -> Iterator[Line]:
    yield Line("workers", "Pages", f"{pages:,} visits", Decimal(0))
    requests = calls + pages
    yield Line("workers", "Workers", f"{requests:,} requests", 5 + above(requests, 10 * MILLION, "0.30"))
    read = calls * load.rows_read_a_request + pages * load.rows_read_a_page
    written = calls * load.rows_written_a_request
    stored_mb = calls * load.bytes_a_request // MILLION
    cost = above(read, 25_000 * MILLION, "0.001") + above(written, 50 * MILLION, "1.00")
    cost += above(stored_mb * 1000, 5 * MILLION, "0.75")
    yield Line("workers", "D1", f"{read:,} rows read, {written:,} written, {stored_mb:,} MB more", cost)
    kept = users * load.mails
    cost = above(requests, 10 * MILLION, "0.50") + above(2 * kept, MILLION, "5.00")
    yield Line("workers", "KV", f"{requests:,} reads, {2 * kept:,} writes", cost)


def _machine(calls: int) -> Iterator[Line]:
    """One core settles thousands of calls a second (`make bench`), so for long the smallest machine will do."""
    machines = 1 + calls // (200 * MILLION)
    yield Line(
        "this product", "machine", f"{machines} of 2 cores, 4 GB, with SQLite or PostgreSQL", Decimal(8) * machines
    )
    yield Line("this product", "backups", "hourly, kept for a month", Decimal(1))


def _shared(way: str, users: int, load: Load) -> Iterator[Line]:
    mails = users * load.mails
    yield Line(way, "Resend", f"{mails:,} mails", mail(mails))
    stored_gb = Decimal(users * load.stored_mb) / 1000
    yield Line(way, "R2", f"{stored_gb:,} GB", max(Decimal(0), stored_gb - 10) * Decimal("0.015"))
    payments = users * load.paying_percent // 100
    fee = payments * (load.paid_usd * Decimal("0.029") + Decimal("0.30"))
    yield Line(way, "Stripe", f"{payments:,} payments of ${load.paid_usd}", fee)


def above(count: int, included: int, usd_a_million: str) -> Decimal:
    """What exceeds the plan, at a price for each million."""
    return max(0, count - included) * Decimal(usd_a_million) / MILLION


def mail(count: int) -> Decimal:
    """Free to 3,000 a month, $20 to 50,000, then $0.90 for each thousand begun."""
    if count <= 3_000:
        return Decimal(0)
    return 20 + Decimal("0.90") * max(0, -(-(count - 50_000) // 1000))
