"""The rows and the store side by side: what is in one and not in the other."""

import re
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from relay import clock
from relay.gateways.objects import Kept
from relay.storage.house import Storehouse
from relay.tables import Asset, table

assets = table(Asset)
YOUNG = timedelta(hours=1)
"""What came to the store so lately is not told of: its row may be newer than our look at the rows."""

IDS_AT_ONCE = 500
_OURS = re.compile(r"ast_[0-9a-z]+", re.ASCII)
"""A bucket may hold more than files: Litestream's copy of the database, say. What has no id of ours is not ours."""


class Missing(NamedTuple):
    """A file that somebody counts on, and whose content the store has not, or not all of."""

    id: str
    account_id: str
    bytes: int


class Compared(NamedTuple):
    lost: list[Missing]
    strays: list[Kept]
    files: int


async def compare(house: Storehouse) -> Compared:
    """Files without content, and content without a file. Memory holds the ids of all files."""
    expected = await house.database.read(_expected)
    lost, strays = dict(expected), list[Kept]()
    async for kept in house.objects.kept():
        row = expected.get(kept.id)
        if row is not None and row.bytes in (kept.bytes, -1):
            lost.pop(kept.id, None)
        elif row is None and _OURS.fullmatch(kept.id) and kept.at < clock.now() - YOUNG:
            strays.append(kept)
    # Deleted for good, or come, while we looked.
    still = await house.database.read(_expected)
    return Compared([row for id, row in lost.items() if still.get(id) == row and row.bytes >= 0], strays, len(expected))


async def mend(house: Storehouse, found: Compared) -> None:
    """Takes strays away, and ends lost files, so that they cost nothing more. For an operator who has looked."""
    for stray in found.strays:
        await house.objects.delete(stray.id)
    await house.database.write(lambda connection: _end(connection, [row.id for row in found.lost]))


def _end(connection: Connection, asset_ids: list[str]) -> None:
    now = clock.now().replace(microsecond=0)
    for start in range(0, len(asset_ids), IDS_AT_ONCE):
        some = assets.c.id.in_(asset_ids[start : start + IDS_AT_ONCE])
        ended = func.coalesce(assets.c.until, now)
        connection.execute(update(assets).where(some).values(until=ended, purge_at=now, gone_at=now, name=""))


def _expected(connection: Connection) -> dict[str, Missing]:
    """Everything whose content is there or may be; -1 bytes for what is still on its way."""
    query = select(assets.c.id, assets.c.account_id, assets.c.bytes, assets.c.since).where(assets.c.gone_at.is_(None))
    rows = connection.execute(query, execution_options={"yield_per": 1000})
    return {row.id: Missing(row.id, row.account_id, row.bytes if row.since else -1) for row in rows}
