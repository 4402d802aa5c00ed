"""The clock: what must happen by itself, in one process at a time, by a lease.

Sweep dead holds, expire credit, book storage, seal windows once an interval, push them to Stripe, and work through
Stripe's events.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, delete, or_

from relay import accounts, billing, clock, ledger, metrics, pricing, storage
from relay.billing import Office, alerts
from relay.database import Database
from relay.errors import ProductError
from relay.settling import sweep
from relay.tables import Lease, table, upsert

if TYPE_CHECKING:
    from relay.services import Services

TICK_SECONDS = 5
EVENTS_SECONDS = 0.5
LEASE_SECONDS = 30
LEASE_SECONDS_MAX = 10 * LEASE_SECONDS
RENEW_SECONDS = 60
ACCOUNTS_AT_ONCE = 500
ROLLED_EVERY_SECONDS = 300
ROLLED_AFTER_SECONDS = 60
"""Most rows are booked within it. The ledger itself adds one that comes later."""
leases = table(Lease)
log = structlog.get_logger(__name__)


class Clock:
    """Ticks while this process has the lease; another takes over when it dies."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._ticks = False
        self._sealed: datetime | None = None

    async def run(self) -> None:
        """Until it is cancelled; then the lease is given up, so that the next process need not wait for its end."""
        services = self._services
        try:
            while True:
                metrics.observe_queues(services.database.queues() | {"unbooked": len(services.unbooked)})
                await _carefully(self._notice_prices)
                await services.unbooked.book_left_behind()
                await _carefully(self._tick_if_ours)
                await asyncio.sleep(TICK_SECONDS)
        finally:
            with suppress(ProductError):
                await services.database.write(lambda c: give_up_lease(c, services.worker))

    async def keep_holds(self) -> None:
        """Gives the holds of this process's open calls more time, however long upstream is silent."""
        ttl_seconds = self._services.settings.HOLD_TTL_SECONDS
        while True:
            await asyncio.sleep(min(RENEW_SECONDS, ttl_seconds / 4))
            await _carefully(self._renew)

    async def _notice_prices(self) -> None:
        """A version that was published meanwhile is in force for new calls; an open one keeps that of its hold."""
        services = self._services
        newest = await services.database.read(pricing.newest_version)
        if newest not in (None, services.prices.version):
            services.prices = await services.database.read(pricing.current)
            log.info("new_prices", version=services.prices.version)

    async def work_events(self) -> None:
        """Stripe's events, as they come, in the process that has the lease."""
        while True:
            await asyncio.sleep(EVENTS_SECONDS)
            if self._ticks:
                await _carefully(self._work_events)

    async def _work_events(self) -> None:
        await billing.work_through(self._services.office)

    async def _tick_if_ours(self) -> None:
        services = self._services
        self._ticks = await services.database.write(lambda c: take_lease(c, services.worker))
        if self._ticks:
            await tick(services.database, services.alive())
            await _carefully(self._look_after_files)
            await _carefully(self._roll_up)
            await _carefully(self._bill)
            await _carefully(self._tell)

    async def _look_after_files(self) -> None:
        await storage.tick(self._services.storehouse)

    async def _roll_up(self) -> None:
        await roll_up(self._services.database, TICK_SECONDS / 5)

    async def _bill(self) -> None:
        """Windows are sealed when an interval begins; what waits for Stripe is tried at every tick."""
        begun = interval_start(clock.now(), self._services.settings.SYNC_INTERVAL_SECONDS)
        await bill(self._services.office, seals=self._sealed != begun)
        self._sealed = begun

    async def _tell(self) -> None:
        services = self._services
        await alerts.tell(services.database, services.mail, services.settings)

    async def _renew(self) -> None:
        services = self._services
        until = clock.now() + clock.seconds(services.settings.HOLD_TTL_SECONDS)
        alive = sorted(services.alive())
        for start in range(0, len(alive), ACCOUNTS_AT_ONCE):
            some = tuple(alive[start : start + ACCOUNTS_AT_ONCE])
            await services.database.batch(ledger.post, ledger.Renew(some, until))


async def _carefully(work: Callable[[], Awaitable[None]]) -> None:
    """Whatever fails now is tried again at the next turn."""
    try:
        await work()
    except ProductError as error:
        log.warning("tick_failed", error=error.code)
    except Exception:
        log.exception("tick_failed")


async def tick(database: Database, alive: Collection[str] = ()) -> dict[str, int]:
    """One turn of the clock: how many holds were swept, accounts expired, old rows forgotten.

    The holds of `alive` are left alone, whatever the database says of them."""
    swept = await sweep(database, alive)
    expired = await _expire(database)
    forgotten = await database.write(accounts.forget_expired)
    if swept or expired:
        log.info("ticked", swept=swept, expired=expired)
    return {"swept": swept, "expired": expired, "forgotten": forgotten or 0}


async def roll_up(database: Database, seconds: float = math.inf) -> int:
    """Adds what was used up to some minutes ago to the sums that pages read; of how many accounts.

    After so many `seconds` it leaves the rest for the next turn: a year that was never summed takes its time.
    """
    over = time.monotonic() + seconds
    until = interval_start(clock.now() - clock.seconds(ROLLED_AFTER_SECONDS), ROLLED_EVERY_SECONDS)
    due = await database.read(partial(ledger.to_roll, until=until))
    for done, account_id in enumerate(due):
        while time.monotonic() < over:
            if not await database.write(partial(ledger.roll, account_id=account_id, until=until)):
                break
        else:
            return done
    return len(due)


async def bill(office: Office, *, seals: bool = True) -> dict[str, int]:
    """Seals what was used beyond credit and pushes it: how many windows were sealed and rows delivered."""
    await billing.work_through(office)
    await billing.look_after_overdue(office)
    if seals:
        await billing.ask_after_unheard(office)
    await billing.bill_last_use(office)
    await billing.erase_closed(office)
    sealed = await _seal_all(office.database) if seals else 0
    pushed = await billing.push(office)
    if sealed or pushed:
        log.info("billed", sealed=sealed, pushed=pushed)
    return {"sealed": sealed, "pushed": pushed}


async def _seal_all(database: Database) -> int:
    due = await database.read(ledger.with_unsealed_overage)
    sealing = (database.write(partial(billing.seal, account_id=account_id)) for account_id in due)
    return sum(await asyncio.gather(*sealing))


def interval_start(moment: datetime, seconds: int) -> datetime:
    """When the interval of the clock that holds `moment` began; intervals begin at the same times in every process."""
    stamp = int(moment.timestamp())
    return datetime.fromtimestamp(stamp - stamp % seconds, UTC)


async def _expire(database: Database) -> int:
    due = await database.read(ledger.due_to_expire)
    expired = 0
    for start in range(0, len(due), ACCOUNTS_AT_ONCE):
        expired += await database.write(partial(ledger.expire_due, account_ids=due[start : start + ACCOUNTS_AT_ONCE]))
    return expired


def take_lease(connection: Connection, holder: str, name: str = "clock") -> bool:
    """True when `holder` may tick until LEASE_SECONDS from now."""
    now = clock.now()
    row = {"name": name, "holder": holder, "expires_at": now + clock.seconds(LEASE_SECONDS)}
    statement = upsert(connection, leases).values(row)
    # Nobody can have taken it for so long: its holder's clock was set back since, and may be gone with its process.
    absurd = leases.c.expires_at > now + clock.seconds(LEASE_SECONDS_MAX)
    free = or_(leases.c.holder == holder, leases.c.expires_at <= now, absurd)
    taken = statement.on_conflict_do_update(
        index_elements=["name"], set_={"holder": holder, "expires_at": row["expires_at"]}, where=free
    )
    return connection.execute(taken.returning(leases.c.holder)).first() is not None


def give_up_lease(connection: Connection, holder: str) -> None:
    """For an orderly end: the next process need not wait."""
    connection.execute(delete(leases).where(leases.c.holder == holder))
