"""Usage rows into the sums that pages read, account by account, by the clock.

`balances.rolled_until` says how far an account's sums go. It is read under the lock that a settlement takes anyway:
so a row that comes late, from before it, is added to the sums in the transaction that books it, and no other is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from relay import sums
from relay.ledger import shelf
from relay.ledger.book import Book
from relay.tables import Balance, Usage, UtcDateTime, table

balances, usage = table(Balance), table(Usage)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
ROWS_AT_ONCE = 2000
"""How many rows go into the sums in one transaction: others wait for it."""


def to_roll(connection: Connection, until: datetime) -> list[str]:
    """The accounts that have usage rows from before `until` outside of their sums."""
    after = func.coalesce(balances.c.rolled_until, literal(NEVER, UtcDateTime))
    # Booking changes the balance: whose has not changed since has nothing new.
    changed = (balances.c.changed_at >= after, after < until)
    there = select(usage.c.id).where(usage.c.account_id == balances.c.account_id, usage.c.at >= after)
    query = select(balances.c.account_id).where(*changed, there.where(usage.c.at < until).exists())
    return list(connection.execute(query.order_by(balances.c.account_id)).scalars())


def roll(connection: Connection, account_id: str, until: datetime, rows_at_once: int = ROWS_AT_ONCE) -> bool:
    """Adds what was used before `until`, about so many rows of it. Whether there is more."""
    book = shelf.take(connection, [account_id]).get(account_id)
    if book is None or (book.rolled_until is not None and book.rolled_until >= until):
        return False
    mine = (usage.c.account_id == account_id, usage.c.at >= (book.rolled_until or NEVER))
    end = _end(connection, mine, until, rows_at_once)
    sums.add(connection, sums.grouped(connection, *mine, usage.c.at < end))
    connection.execute(update(balances).where(balances.c.account_id == account_id).values(rolled_until=end))
    return end < until


def _end(connection: Connection, mine: Any, until: datetime, rows: int) -> datetime:
    """Where the rows of one time end: at a moment, and after its last row."""
    moments = select(usage.c.at).where(*mine, usage.c.at < until).order_by(usage.c.at)
    last = connection.execute(moments.limit(1).offset(rows)).scalar()
    if last is None:
        return until
    first = connection.execute(moments.limit(1)).scalar_one()
    if first < last:
        return last
    later = moments.where(usage.c.at > last).limit(1)
    return connection.execute(later).scalar() or until


def late_among(books: Mapping[str, Book], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The requests of usage rows that are to be booked, of those from before their account's `rolled_until`."""
    return [row["request_id"] for row in rows if _is_late(books[row["account_id"]], row["at"])]


def add_late(connection: Connection, request_ids: Sequence[str]) -> None:
    """Sums rows of `late_among` that were just booked."""
    if request_ids:
        sums.add(connection, sums.grouped(connection, usage.c.request_id.in_(request_ids)))


def _is_late(book: Book, at: datetime) -> bool:
    return book.rolled_until is not None and at < book.rolled_until
