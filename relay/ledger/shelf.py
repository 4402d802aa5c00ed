"""Books in and out of the database, many at once. Rows are locked in the order of their ids."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from relay.ledger.book import Book, GrantState, Movement
from relay.prepared import InsertSet, Prepared, UpdateSet, among
from relay.tables import Balance, Entry, Grant, Hold, table
from relay.tables.credit import OPEN

balances, entries, grants, holds = table(Balance), table(Entry), table(Grant), table(Hold)

DEBT = "Use that neither credit nor the spend cap covers."

_BALANCES = Prepared(
    select(
        balances.c.account_id,
        balances.c.credit_pico,
        balances.c.held_pico,
        balances.c.overage_pico,
        balances.c.period_overage_start_pico,
        balances.c.spend_cap_pico,
        balances.c.has_plan,
        balances.c.next_expiry_at,
        balances.c.rolled_until,
    )
    .where(among(balances.c.account_id, "ids"))
    .order_by(balances.c.account_id)
    .with_for_update()
)
_OPEN_GRANTS = Prepared(
    select(
        grants.c.account_id,
        grants.c.id,
        grants.c.kind,
        grants.c.remaining_pico,
        grants.c.expires_at,
        grants.c.expired_at,
    ).where(among(grants.c.account_id, "ids"), OPEN)
)
_LAST_GRANT = (
    select(grants.c.id, grants.c.kind, grants.c.remaining_pico, grants.c.expires_at, grants.c.expired_at)
    .where(grants.c.account_id == bindparam("id"))
    .order_by(grants.c.id.desc())
    .limit(1)
)
_HOLDS_OF = Prepared(
    select(holds.c.account_id, holds.c.created_at, holds.c.amount_pico).where(among(holds.c.account_id, "ids"))
)
_SAVE_BALANCE = UpdateSet(
    balances, "account_id", ["credit_pico", "held_pico", "overage_pico", "next_expiry_at", "changed_at"]
)
_SAVE_GRANT = UpdateSet(grants, "id", ["remaining_pico", "expired_at"])
_NEW_ENTRIES = InsertSet(entries, [column.name for column in entries.c if column.name != "id"])


def take(connection: Connection, account_ids: Iterable[str]) -> dict[str, Book]:
    """The books of these accounts, locked until the transaction ends. Unknown ids are left out."""
    return ask(connection, account_ids)()


def ask(connection: Connection, account_ids: Iterable[str]) -> Callable[[], dict[str, Book]]:
    """`take`, to be called for the books: see `Prepared.ask`."""
    rows = _BALANCES.ask(connection, ids=sorted(set(account_ids)))
    return lambda: {row[0]: Book(*row) for row in rows()}


def add_grants(connection: Connection, books: Sequence[Book]) -> None:
    """Fills in the grants that can still be burnt, repaid or expire."""
    if books:
        ask_grants(connection, [book.account_id for book in books])({book.account_id: book for book in books})


def ask_grants(connection: Connection, account_ids: Sequence[str]) -> Callable[[Mapping[str, Book]], None]:
    """`add_grants`, to be called with the books: see `Prepared.ask`."""
    rows = _OPEN_GRANTS.ask(connection, ids=account_ids)

    def add(books: Mapping[str, Book]) -> None:
        for row in rows():
            if row[0] in books:
                books[row[0]].grants.append(GrantState(*row[1:]))

    return add


def add_last_grant(connection: Connection, book: Book, now: datetime) -> None:
    """For a debt when every grant is spent: the newest one, whatever its state; an empty one if there never was any."""
    row = connection.execute(_LAST_GRANT, {"id": book.account_id}).first()
    if row is None:
        key = f"debt:{book.account_id}"
        new_id = new_grant(connection, book.account_id, "promo", 0, key, DEBT, "debt", None, now)
        book.grants.append(GrantState(new_id, "promo", 0, None))
    else:
        book.grants.append(GrantState(*row))


def open_holds(connection: Connection, account_ids: Iterable[str]) -> dict[str, list[tuple[datetime, int]]]:
    """Per account, when each open hold was taken and how much it reserves."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for account_id, created_at, amount_pico in _HOLDS_OF.all(connection, ids=list(account_ids)):
        found.setdefault(account_id, []).append((created_at, amount_pico))
    return found


def new_grant(
    connection: Connection, account_id: str, kind: str, amount_pico: int, key: str, reason: str, source: str,
    expires_at: datetime | None, now: datetime,
) -> int:  # fmt: skip
    """The id of a grant's new row. Its entry comes with `put_back`."""
    row = {
        "account_id": account_id,
        "kind": kind,
        "key": key,
        "granted_pico": amount_pico,
        "remaining_pico": amount_pico,
        "expires_at": expires_at,
        "created_at": now,
        "reason": reason,
        "source": source,
    }
    return connection.execute(insert(grants).returning(grants.c.id), row).scalar_one()


def put_back(
    connection: Connection, books: Iterable[Book], movements: Sequence[tuple[str, Movement]], now: datetime
) -> None:
    """Writes what changed: snapshots, grants, and an entry for each movement."""
    changed = [book for book in books if book.changed]
    _SAVE_BALANCE.run(connection, [_balance_row(book, now) for book in changed])
    touched = [grant for book in changed for grant in book.grants if grant.changed]
    _SAVE_GRANT.run(
        connection, [{"id": g.id, "remaining_pico": g.remaining_pico, "expired_at": g.expired_at} for g in touched]
    )
    _NEW_ENTRIES.run(connection, [_entry_row(account_id, m, now) for account_id, m in movements])


def _balance_row(book: Book, now: datetime) -> dict[str, Any]:
    return {
        "account_id": book.account_id,
        "credit_pico": book.credit_pico,
        "held_pico": book.held_pico,
        "overage_pico": book.overage_pico,
        "next_expiry_at": book.next_expiry_at,
        "changed_at": now,
    }


def _entry_row(account_id: str, movement: Movement, now: datetime) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "kind": movement.kind,
        "grant_id": movement.grant_id,
        "request_id": movement.request_id,
        "amount_pico": movement.amount_pico,
        "at": now,
    }
