"""How credit came and went otherwise than by use: what a picture of it needs beside the roll-ups."""

from datetime import datetime

from sqlalchemy import Connection, literal, select

from relay import clock
from relay.tables import Balance, Entry, UtcDateTime, Window, table
from relay.tables.credit import NOT_BY_USE

balances, entries, windows = table(Balance), table(Entry), table(Window)


def credit_moves(connection: Connection, account_id: str, since: datetime) -> tuple[tuple[datetime, int], ...]:
    """Grants, expiries and claw-backs from `since` on, in order: when, and how much, less being negative.

    What a correction gave back is left out: its usage row is in the roll-ups already.
    """
    query = (
        select(entries.c.at, entries.c.amount_pico)
        .where(entries.c.account_id == account_id, entries.c.at >= since)
        .where(NOT_BY_USE, entries.c.request_id.is_(None))
        .order_by(entries.c.at)
    )
    return tuple((row[0], row[1]) for row in connection.execute(query))


def overage_moves(connection: Connection, account_id: str, since: datetime) -> tuple[tuple[datetime, int], ...]:
    """How overage grew from `since` on: in each window, at its last use; and now, what no window holds yet.

    Windows are few, however much is used. A day's overage is as exact as they are short.
    """
    grown = windows.c.overage_end_pico - windows.c.overage_start_pico
    sealed = select(windows.c.used_at, grown).where(windows.c.account_id == account_id, windows.c.used_at >= since)
    unsealed = select(
        literal(clock.now(), UtcDateTime), balances.c.overage_pico - balances.c.sealed_overage_pico
    ).where(balances.c.account_id == account_id)
    return tuple((row[0], row[1]) for row in connection.execute(sealed.union_all(unsealed)) if row[1])
