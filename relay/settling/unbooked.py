"""Calls that have ended and whose settlement the database could not take: kept, and tried until it can."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from relay import ledger
from relay.database import Database
from relay.errors import Unavailable
from relay.ledger import Settle, Settled
from relay.settling import keeping
from relay.settling.keeping import Drawer, OpenCall
from relay.settling.settlements import settlements_of_the_dead

RETRY_SECONDS = 0.5
log = structlog.get_logger(__name__)


class Unbooked:
    """One process's. What `keep` has taken is booked, by this process or by the next one on this machine.

    Booking one twice books it once: the ledger closes a hold a single time, and corrects what a sweep has estimated.
    """

    def __init__(self, database: Database, drawer: Drawer, tell: Callable[[str], object]) -> None:
        """`tell` hears the id of each account whose call was booked at last."""
        self._database = database
        self._drawer = drawer
        self._tell = tell
        self._waiting: dict[str, Settle] = {}
        self._refused = False

    def __len__(self) -> int:
        return len(self._waiting)

    def request_ids(self) -> set[str]:
        return set(self._waiting.copy())

    def keep(self, settles: Sequence[Settle]) -> None:
        """Returns once they are on the disk, too; called by the writer's thread before anybody hears of its failure.

        A disk that cannot take them is told in the log; they are tried for as long as this process lives.
        """
        self.remember(settles)
        try:
            self._drawer.keep(settles)
        except OSError as error:
            log.error("settlements_not_kept", error=repr(error), request_ids=[settle.request_id for settle in settles])

    def remember(self, settles: Sequence[Settle]) -> None:
        """In memory alone: for what the sweep may book just as well."""
        self._waiting.update((settle.request_id, settle) for settle in settles)

    async def run(self) -> None:
        """Tries what waits, until it is cancelled."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if self._waiting:
                await _told(self._book_waiting)

    async def _book_waiting(self) -> None:
        settles = list(self._waiting.values())
        outcomes = await self._book(settles)
        for settle, outcome in zip(settles, outcomes, strict=True):
            if not isinstance(outcome, Unavailable):
                self._waiting.pop(settle.request_id, None)
        # What the ledger refuses stays in the file, which the next process sets aside for somebody to look at.
        self._refused = self._refused or any(map(_is_refusal, outcomes))
        await asyncio.to_thread(self._drawer.empty, unless=lambda: self._waiting or self._refused)

    async def book_left_behind(self) -> None:
        """Books what processes of this machine that are dead had kept. Before a sweep, which would estimate it."""
        for path in await asyncio.to_thread(self._drawer.left_behind):
            await _told(self._book_file, path)

    async def _book_file(self, path: Path) -> None:
        with keeping.of_the_dead(path) as found:
            if found is None:
                return
            lines, readable = found
            settles = lines if path.suffix == keeping.KEPT else await self._of_open(lines)
            outcomes = await self._book(settles)
            if any(isinstance(outcome, Unavailable) for outcome in outcomes):
                return
            refused = any(map(_is_refusal, outcomes))
            (keeping.set_aside if refused or not readable else keeping.throw_away)(path)
            log.info("left_behind_booked", file=path.name, booked=len(settles))

    async def _of_open(self, calls: Sequence[OpenCall]) -> list[Settle]:
        return await self._database.read(partial(settlements_of_the_dead, calls=calls))

    async def _book(self, settles: Sequence[Settle]) -> list[Settled | BaseException]:
        booking = (self._database.batch(ledger.post, settle) for settle in settles)
        outcomes: list[Settled | BaseException] = await asyncio.gather(*booking, return_exceptions=True)
        for settle, outcome in zip(settles, outcomes, strict=True):
            if _is_refusal(outcome):
                log.error("settle_given_up", request_id=settle.request_id, error=repr(outcome))
            elif isinstance(outcome, Settled):
                self._tell(settle.account_id)
        return outcomes


def _is_refusal(outcome: Settled | BaseException) -> bool:
    return isinstance(outcome, BaseException) and not isinstance(outcome, Unavailable)


async def _told(work: Callable[..., Awaitable[None]], *given: object) -> None:
    """What fails now is told, and tried again at the next turn."""
    try:
        await work(*given)
    except Exception as error:
        log.error("settlements_still_kept", error=repr(error), given=[str(value) for value in given])
