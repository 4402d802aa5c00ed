"""The clock: what must happen by itself (sweep dead holds, expire credit), in one process at a time, by a lease."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, delete, insert, select, update

from relay import accounts, clock, ledger
from relay.database import Database
from relay.errors import ProductError
from relay.settling import sweep
from relay.tables import Lease, table

if TYPE_CHECKING:
    from relay.services import Services

TICK_SECONDS = 5
LEASE_SECONDS = 30
leases = table(Lease)
log = structlog.get_logger(__name__)


class Clock:
    """Ticks while this process has the lease; another takes over when it dies."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    async def run(self) -> None:
        while True:
            try:
                if await self._services.database.write(lambda c: take_lease(c, self._services.worker)):
                    await tick(self._services.database)
            except ProductError as error:
                log.warning("tick_failed", error=error.code)
            except Exception:
                log.exception("tick_failed")
            await asyncio.sleep(TICK_SECONDS)


async def tick(database: Database) -> dict[str, int]:
    """One turn of the clock: how many holds were swept, accounts expired, old rows forgotten."""
    swept = await sweep(database)
    expired = await database.write(ledger.expire_due)
    forgotten = await database.write(accounts.forget_expired)
    if swept or expired:
        log.info("ticked", swept=swept, expired=expired)
    return {"swept": swept, "expired": expired, "forgotten": forgotten or 0}


def take_lease(connection: Connection, holder: str, name: str = "clock") -> bool:
    """True when `holder` may tick until LEASE_SECONDS from now."""
    now = clock.now()
    until = now + clock.seconds(LEASE_SECONDS)
    row = connection.execute(select(leases).where(leases.c.name == name).with_for_update()).first()
    if row is None:
        connection.execute(insert(leases), {"name": name, "holder": holder, "expires_at": until})
        return True
    if row.holder != holder and row.expires_at > now:
        return False
    connection.execute(update(leases).where(leases.c.name == name).values(holder=holder, expires_at=until))
    return True


def give_up_lease(connection: Connection, holder: str) -> None:
    """For an orderly end: the next process need not wait."""
    connection.execute(delete(leases).where(leases.c.holder == holder))
