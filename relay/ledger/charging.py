"""What is booked without a hold, for a span that is over: storage. Never more than there is to spend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from relay import clock
from relay.ledger import shelf
from relay.ledger.book import Book
from relay.ledger.rolling import add_late, late_among
from relay.ledger.usage_rows import roll_up
from relay.tables import Usage, table

usage = table(Usage)
NOT_PAID = "Credit did not reach. What is missing is not owed."


@dataclass(frozen=True, slots=True)
class Charge:
    """Bytes kept from `start` to `at`, which come to `due_pico`. The same `request_id` twice is booked once."""

    request_id: str
    account_id: str
    start: datetime
    at: datetime
    byte_seconds: int
    cost_pico: int
    due_pico: int
    price_version: str


def available(connection: Connection, account_id: str) -> int:
    """What the account can spend now. It is locked until the transaction ends; credit that is over is gone then."""
    book = _current(connection, account_id)
    return book.available_pico


def waits_for_holds(connection: Connection, account_id: str, due_pico: int) -> bool:
    """Whether so much could be paid but for what open calls hold. Locks as `available` does."""
    book = _current(connection, account_id)
    free_pico = replace(book, held_pico=0).available_pico
    return book.available_pico < min(due_pico, free_pico)


def charge(connection: Connection, charges: Sequence[Charge]) -> int:
    """Books charges of one account in their order; how many pico-dollars of them were not paid, and never will be."""
    book = _current(connection, charges[0].account_id)
    known = select(usage.c.request_id).where(
        usage.c.request_id.in_([each.request_id for each in charges]), usage.c.kind == "storage"
    )
    booked = set(connection.execute(known).scalars())
    shelf.add_grants(connection, [book])
    rows, movements, short = list[dict[str, Any]](), list[tuple[str, Any]](), 0
    for each in charges:
        if each.request_id not in booked:
            paid = min(each.due_pico, book.available_pico)
            moved = book.settle(0, paid, each.start, each.request_id)
            movements += [(book.account_id, movement) for movement in moved]
            rows.append(_row(each, paid))
            short += each.due_pico - paid
    if rows:
        connection.execute(insert(usage), rows)
        roll_up(connection, rows)
        add_late(connection, late_among({book.account_id: book}, rows))
        shelf.put_back(connection, [book], movements, clock.now())
    return short


def _current(connection: Connection, account_id: str) -> Book:
    """The account's book, without credit whose time is up: the clock may not have come to it yet."""
    book = shelf.take(connection, [account_id])[account_id]
    now = clock.now()
    if book.next_expiry_at is not None and book.next_expiry_at <= now:
        shelf.add_grants(connection, [book])
        gone = book.expire(now, shelf.open_holds(connection, [account_id]).get(account_id, []))
        shelf.put_back(connection, [book], [(account_id, movement) for movement in gone], now)
        book.grants.clear()
    return book


def _row(each: Charge, paid_pico: int) -> dict[str, Any]:
    """`held_pico` is what the span came to: as much as is paid, unless credit did not reach."""
    zeros = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    return {
        "request_id": each.request_id,
        "kind": "storage",
        "account_id": each.account_id,
        "key_id": "",
        "service": "storage",
        "model": "",
        "tier": "base",
        **{f"{kind}_tokens": 0 for kind in zeros},
        "web_searches": 0,
        "storage_byte_seconds": each.byte_seconds,
        "cost_pico": each.cost_pico,
        "price_pico": paid_pico,
        "price_version": each.price_version,
        "held_pico": each.due_pico,
        "ended": "complete",
        "estimated": False,
        "unsplit_cache_writes": False,
        "status": 200,
        "started_at": each.start,
        "at": each.at,
        "first_token_ms": None,
        "stop_reason": "",
        "upstream_request_id": "",
        "amends": None,
        "reason": NOT_PAID if paid_pico < each.due_pico else "",
    }
