"""Giving credit, and taking back what has expired."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select

from relay import clock
from relay.errors import BadInput, NotFound
from relay.ledger import shelf
from relay.ledger.book import GrantState
from relay.tables import Balance, Grant, table

balances, grants = table(Balance), table(Grant)
Kind = Literal["monthly", "topup", "promo"]


def open_balance(connection: Connection, account_id: str, spend_cap_pico: int) -> None:
    """The snapshot of a new account: nothing in it but the spend cap that a plan would have."""
    row = {"account_id": account_id, "spend_cap_pico": spend_cap_pico, "changed_at": clock.now(), "has_plan": False}
    zeros = dict.fromkeys(("credit_pico", "held_pico", "overage_pico", "period_overage_start_pico"), 0)
    connection.execute(insert(balances), row | zeros)


def grant(
    connection: Connection,
    account_id: str,
    *,
    kind: Kind,
    amount_pico: int,
    key: str,
    reason: str,
    source: str = "",
    expires_at: datetime | None = None,
) -> bool:
    """Gives credit once per `key`. False when that key has given before; BadInput on an amount that is not positive."""
    if amount_pico <= 0:
        raise BadInput("A grant is a positive amount.")
    if expires_at is not None and expires_at <= clock.now():
        raise BadInput("A grant cannot expire in the past.")
    book = shelf.take(connection, [account_id]).get(account_id)
    if book is None:
        raise NotFound("The account does not exist.")
    # Asked after the account is locked: two callers with one key cannot both find nothing.
    if given_by(connection, key):
        return False
    now = clock.now()
    shelf.add_grants(connection, [book])
    new_id = shelf.new_grant(connection, account_id, kind, amount_pico, key, reason, source, expires_at, now)
    moved = book.give(GrantState(new_id, kind, amount_pico, expires_at))
    shelf.put_back(connection, [book], [(account_id, movement) for movement in moved], now)
    return True


def given_by(connection: Connection, key: str) -> Row[Any, Any, Any] | None:
    """What a key has given: `account_id`, `kind`, `granted_pico`."""
    return connection.execute(
        select(grants.c.account_id, grants.c.kind, grants.c.granted_pico).where(grants.c.key == key)
    ).first()


def due_to_expire(connection: Connection) -> list[str]:
    """The accounts that hold credit whose time is up, or may do so."""
    due = select(balances.c.account_id).where(balances.c.next_expiry_at <= clock.now())
    return list(connection.execute(due).scalars())


def expire_due(connection: Connection, account_ids: Sequence[str] | None = None) -> int:
    """Takes back what has expired; from how many accounts. They are all locked at once: a few hundred, or all."""
    now = clock.now()
    due = due_to_expire(connection) if account_ids is None else account_ids
    books = list(shelf.take(connection, due).values())
    shelf.add_grants(connection, books)
    reserved = shelf.open_holds(connection, [book.account_id for book in books])
    movements = [(b.account_id, m) for b in books for m in b.expire(now, reserved.get(b.account_id, []))]
    shelf.put_back(connection, books, movements, now)
    return len({account_id for account_id, _ in movements})
