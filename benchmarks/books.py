"""Accounts to ask with, and what was booked of their requests in the end."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, func, select
from sqlmodel import SQLModel

from relay import accounts, audit, clock, ledger, pricing
from relay.database import Database, migrations
from relay.money import pico_from_usd
from relay.settings import Settings, read_settings
from relay.tables import Hold, Usage, table

ACCOUNTS = 20
"""Requests spread over several balances, as they would in the evening of a working day."""


@dataclass(frozen=True)
class Booked:
    """Usage rows, holds that are still open, and what the audit found wrong."""

    rows: int
    holds: int
    differences: int


def open_books(database_url: str) -> list[str]:
    """Migrates an empty database, publishes prices; the API keys of accounts with more credit than they can use."""
    settings = read_settings(DATABASE_URL=database_url)
    migrations.upgrade(settings)
    database = Database(settings.database_url, checkpoints=False)
    try:
        database.write_now(lambda c: pricing.publish(c, settings.MARKUP_PERCENT, clock.now()))
        return [database.write_now(lambda c, n=n: _open_account(c, settings, n)) for n in range(ACCOUNTS)]
    finally:
        database.close()


def _open_account(connection: Connection, settings: Settings, number: int) -> str:
    person = accounts.account_for(connection, settings, f"designer-{number}@example.com")
    ledger.grant(
        connection,
        person.account_id,
        kind="promo",
        amount_pico=pico_from_usd("100000"),
        key=f"bench-{number}",
        reason="for the load",
    )
    key, _ = accounts.create_key(connection, person.account_id)
    return key


def read_books(database_url: str) -> Booked:
    database = Database(read_settings(DATABASE_URL=database_url).database_url, checkpoints=False)
    try:
        # The audit wants a connection on which nothing was read before.
        differences = database.read_now(audit.recompute)
        rows, holds = (database.read_now(partial(_count, of=of)) for of in (Usage, Hold))
        return Booked(rows, holds, len(differences))
    finally:
        database.close()


def _count(connection: Connection, of: type[SQLModel]) -> int:
    return connection.execute(select(func.count()).select_from(table(of))).scalar_one()
