"""What the clock does for storage: books hours, takes away what has left, and ends what is not paid for."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, select, update

from relay import clock, ledger
from relay.errors import ProductError
from relay.storage import rows
from relay.storage.house import UNPAID, Storehouse
from relay.storage.metering import book_all
from relay.storage.rows import LIVE, Bounds
from relay.storage.uploading import bounds_of
from relay.tables import Asset, StorageMeter, table

assets, meters = table(Asset), table(StorageMeter)
AT_ONCE = 200
log = structlog.get_logger(__name__)


async def tick(house: Storehouse) -> dict[str, int]:
    """One turn: how many accounts were booked, and how many contents have left the store."""
    booked = await book_all(house.database)
    ended = 0
    for account_id in await house.database.read(_unpaid):
        ended += await house.database.write(partial(end_unpaid, account_id=account_id, bounds=bounds_of(house)))
    gone = await purge(house)
    if ended or gone:
        log.info("storage_ticked", booked=booked, ended=ended, gone=gone)
    return {"stored": booked, "purged": gone}


async def purge(house: Storehouse) -> int:
    """Takes contents away whose time has come: first their rows let go of them, so that nobody puts back what is about
    to be lost; then the store; then the rows say that it is done. Whoever dies in between does it again.
    """
    gone, after = 0, ""
    while found := await house.database.read(partial(_leaving, after=after)):
        for row in found:
            try:
                gone += await _take_away(house, row)
            except ProductError as error:
                log.warning("asset_not_purged", asset=row.id, error=error.code)
        after = found[-1].id
    return gone


def _leaving(connection: Connection, after: str) -> Sequence[Row[Any]]:
    due = (assets.c.purge_at <= clock.now(), assets.c.gone_at.is_(None), assets.c.id > after)
    return connection.execute(select(assets).where(*due).order_by(assets.c.id).limit(AT_ONCE)).all()


async def _take_away(house: Storehouse, row: Row[Any]) -> bool:
    """Whether it left: it stays when it was put back, or came, since its row was read."""
    if not await house.database.write(partial(_let_go, row=row)):
        return False
    await house.objects.delete(row.id)
    await house.database.write(partial(_note_gone, row=row))
    return True


def _let_go(connection: Connection, row: Row[Any]) -> bool:
    """Takes the name, by which alone it could be put back or kept."""
    ledger.lock(connection, row.account_id)
    due = (assets.c.id == row.id, assets.c.purge_at <= clock.now(), assets.c.gone_at.is_(None))
    return connection.execute(update(assets).where(*due).values(name="", sha256="")).rowcount == 1


def _note_gone(connection: Connection, row: Row[Any]) -> None:
    """What never came leaves no row. What was kept stays as bytes and seconds, which are paid for."""
    if row.since is None:
        connection.execute(delete(assets).where(assets.c.id == row.id))
    else:
        connection.execute(update(assets).where(assets.c.id == row.id).values(gone_at=clock.now()))


def _unpaid(connection: Connection) -> list[str]:
    late = meters.c.unpaid_since <= clock.now() - UNPAID
    return list(connection.execute(select(meters.c.account_id).where(late)).scalars())


def end_unpaid(connection: Connection, account_id: str, bounds: Bounds) -> int:
    """Deletes the files of an account without credit, as its person could: they can be put back. How many."""
    if ledger.available(connection, account_id) > 0 or ledger.waits_for_holds(connection, account_id, 1):
        return 0
    mine = (assets.c.account_id == account_id, *LIVE)
    found = list(connection.execute(select(assets.c.id).where(*mine)).scalars())
    if found:
        rows.end(connection, account_id, found, bounds)
        log.warning("unpaid_files_ended", account=account_id, files=len(found))
    connection.execute(update(meters).where(meters.c.account_id == account_id).values(unpaid_since=None))
    return len(found)
