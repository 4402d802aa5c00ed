"""Who wants to know that an account's figures changed, and that what let somebody in has ended. One process's watchers.

A change in this process is told at once. Changes by other processes are found by one query a second for all watchers
together, however many there are.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager

import structlog
from sqlalchemy import Connection, bindparam, select

from relay.database import Database
from relay.errors import ProductError, TooMany
from relay.tables import Account, ApiKey, Balance, Session, table

POLL_SECONDS = 1.0
balances = table(Balance)
accounts, sessions, keys = table(Account), table(Session), table(ApiKey)
_CHANGED = select(balances.c.account_id, balances.c.changed_at).where(
    balances.c.account_id.in_(bindparam("ids", expanding=True))
)
_LIVE = {
    "ses": select(sessions.c.id).where(sessions.c.id.in_(bindparam("ids", expanding=True))),
    "key": select(keys.c.id).where(keys.c.id.in_(bindparam("ids", expanding=True)), keys.c.revoked_at.is_(None)),
    "acct": select(accounts.c.id).where(
        accounts.c.id.in_(bindparam("ids", expanding=True)),
        accounts.c.blocked_at.is_(None),
        accounts.c.closed_at.is_(None),
    ),
}
"""By the prefix of an id: which of these sessions, keys and accounts still let somebody in."""
log = structlog.get_logger(__name__)


class Hub:
    """`changed` tells; `watch`, `listening` and `while_valid` listen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._seen: dict[str, object] = {}
        self._enders: dict[str, set[Callable[[], None]]] = {}
        self.stopping = False

    def changed(self, account_id: str) -> None:
        """The account's figures have changed: wakes those who watch it. Call it on the event loop."""
        for event in self._watchers.get(account_id, ()):
            event.set()

    async def watch(self, account_id: str) -> AsyncGenerator[None]:
        """Yields after each change; several changes between two turns are one."""
        with self.listening(account_id) as event:
            while True:
                await event.wait()
                event.clear()
                yield

    @contextmanager
    def listening(self, account_id: str, most: int | None = None) -> Generator[asyncio.Event]:
        """An event that every change sets. TooMany when `most` listen to the account in this process already."""
        events = self._watchers.setdefault(account_id, set())
        if most is not None and len(events) >= most:
            raise TooMany(retry_after=60)
        event = asyncio.Event()
        events.add(event)
        try:
            yield event
        finally:
            self._forget(account_id, event)

    def stop(self) -> None:
        """The process is ending: wakes everybody, so that whoever listens can look at `stopping` and leave."""
        self.stopping = True
        for events in self._watchers.values():
            for event in events:
                event.set()

    @contextmanager
    def while_valid(self, ids: Sequence[str], end: Callable[[], None]) -> Generator[None]:
        """Calls `end` within about a second of the end of any of these sessions, keys or accounts: what they let in
        does not outlive them."""
        for each in ids:
            self._enders.setdefault(each, set()).add(end)
        try:
            yield
        finally:
            for each in ids:
                enders = self._enders.get(each, set())
                enders.discard(end)
                if not enders:
                    self._enders.pop(each, None)

    def ended(self, id_of_what: str) -> None:
        """Ends at once what hangs on this session, key or account in this process."""
        for end in tuple(self._enders.get(id_of_what, ())):
            end()

    async def run(self) -> None:
        """Looks for what other processes did, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except ProductError as error:
                log.warning("hub_cannot_look", error=error.code)

    async def _look(self) -> None:
        accounts, watched = list(self._watchers), list(self._enders)
        if not accounts and not watched:
            return
        changes, live = await self._database.read(lambda c: _changes_and_live(c, accounts, watched))
        for account_id, changed_at in changes:
            # The first look at an account counts as a change: something may have happened since it was read.
            if self._seen.get(account_id) != changed_at:
                self.changed(account_id)
            self._seen[account_id] = changed_at
        for gone in set(watched) - live:
            self.ended(gone)

    def _forget(self, account_id: str, event: asyncio.Event) -> None:
        events = self._watchers.get(account_id, set())
        events.discard(event)
        if not events:
            self._watchers.pop(account_id, None)
            self._seen.pop(account_id, None)


def _changes_and_live(
    connection: Connection, account_ids: Sequence[str], watched: Sequence[str]
) -> tuple[list[tuple[str, object]], set[str]]:
    changes = [(row[0], row[1]) for row in connection.execute(_CHANGED, {"ids": account_ids})] if account_ids else []
    live: set[str] = set()
    for prefix, query in _LIVE.items():
        ids = [each for each in watched if each.startswith(prefix + "_")]
        if ids:
            live.update(connection.execute(query, {"ids": ids}).scalars())
    return changes, live
