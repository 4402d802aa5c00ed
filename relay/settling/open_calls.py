"""What is known of the calls that this process relays: with their holds, or beside them while the database is away.

A call journals to the database as it goes on. While that takes nothing, the machine's own disk has the newest of every
call at each turn, so that whoever finds this process dead books what was relayed, and not what was known before.
"""

import asyncio
from collections.abc import Callable

import structlog

from relay import clock, ledger
from relay.database import Database
from relay.settling.keeping import OpenCall, Slate

TURN_SECONDS = 0.5
log = structlog.get_logger(__name__)


class OpenCalls:
    """One process's, from a durable hold to a durable settlement."""

    def __init__(self, database: Database, slate: Slate, hold_seconds: float) -> None:
        self._database = database
        self._slate = slate
        self._hold_seconds = hold_seconds
        self._open: dict[str, Callable[[], OpenCall]] = {}
        self._ended: dict[str, OpenCall] = {}
        self._is_away = False
        self._fails = False

    def add(self, request_id: str, tell: Callable[[], OpenCall]) -> None:
        """`tell` says what is known of the call by now."""
        self._open[request_id] = tell

    def remove(self, request_id: str) -> None:
        """It has ended. Its settlement may still be on its way to a database that does not answer."""
        tell = self._open.pop(request_id)
        if self._database.is_late:
            self._ended[request_id] = tell()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            try:
                await self._turn()
            except Exception as error:
                log.error("open_calls_still_kept", error=repr(error), calls=len(self._open))

    async def _turn(self) -> None:
        if self._database.is_late:
            await self._write()
        elif self._is_away:
            await self._hand_over()

    async def _write(self) -> None:
        self._is_away = True
        calls = [*self._ended.values(), *self._told()]
        try:
            await asyncio.to_thread(self._slate.write, calls)
        except OSError as error:
            if not self._fails:
                log.error("open_calls_not_kept", error=repr(error), calls=len(calls))
            self._fails = True
        else:
            self._fails = False

    async def _hand_over(self) -> None:
        """The database answers again: it has the newest of each call before what the disk has is thrown away.

        Whatever ended before this has been booked by then, or is kept: the writer keeps to the order.
        """
        ended = list(self._ended)
        until = clock.now() + clock.seconds(self._hold_seconds)
        journals = [ledger.Journal(call.request_id, call.journal, until) for call in self._told()]
        given = [self._database.batch(ledger.post, journal) for journal in journals]
        await asyncio.gather(*given, self._database.write(lambda _: None))
        for request_id in ended:
            del self._ended[request_id]
        self._is_away = bool(self._ended)
        if not self._is_away:
            await asyncio.to_thread(self._slate.wipe)

    def _told(self) -> list[OpenCall]:
        return [tell() for tell in self._open.values()]
