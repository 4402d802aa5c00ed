"""How credit came and went otherwise than by use: what a picture of it needs beside the roll-ups."""

from datetime import datetime

from sqlalchemy import Connection, select

from relay.tables import Entry, table
from relay.tables.credit import NOT_BY_USE

entries = table(Entry)


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
