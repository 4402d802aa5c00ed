"""Accounts as operators look them up: by a part of the address, an account's id, or a request's id."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, or_, select

from relay import storage, usage
from relay.errors import NotFound
from relay.tables import Account, Balance, Usage, table
from relay.usage import BalanceView

accounts, balances, rows = table(Account), table(Balance), table(Usage)
FOUND_MAX = 50
LATEST = 20


class Found(NamedTuple):
    account_id: str
    email: str
    created_at: datetime
    blocked_at: datetime | None
    closed_at: datetime | None
    credit_pico: int
    overage_pico: int


class Opened(NamedTuple):
    found: Found
    balance: BalanceView
    latest: usage.RequestsView
    kept_bytes: int
    kept_files: int


def find(connection: Connection, wanted: str) -> list[Found]:
    """At most some dozens, the newest first; all when nothing is wanted."""
    query = _found().order_by(accounts.c.created_at.desc(), accounts.c.id.desc()).limit(FOUND_MAX)
    wanted = wanted.strip().lower()
    if wanted:
        of_request = select(rows.c.account_id).where(rows.c.request_id == wanted)
        query = query.where(
            or_(
                accounts.c.email.contains(wanted, autoescape=True),
                accounts.c.id == wanted,
                accounts.c.id.in_(of_request),
            )
        )
    return [Found(*row) for row in connection.execute(query)]


def open_account(connection: Connection, account_id: str) -> Opened:
    """NotFound when there is none."""
    row = connection.execute(_found().where(accounts.c.id == account_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such account.")
    latest = usage.requests(connection, account_id, None, LATEST)
    kept = storage.kept_of(connection, account_id)
    return Opened(Found(*row), usage.balance(connection, account_id), latest, kept.bytes, kept.files)


def _found() -> Any:
    columns = (accounts.c.id, accounts.c.email, accounts.c.created_at, accounts.c.blocked_at, accounts.c.closed_at)
    overage = balances.c.overage_pico - balances.c.period_overage_start_pico
    return select(*columns, balances.c.credit_pico, overage).join(balances, balances.c.account_id == accounts.c.id)
