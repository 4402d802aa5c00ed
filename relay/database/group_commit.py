"""Connections, and the group-committing writer: many callers, one transaction, one fsync, an answer each.

SQLite has one writer connection in one thread (WAL, synchronous=FULL); PostgreSQL has the same per process, and
rows that a batch will change are locked in one order. Readers never write.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from relay.database.batching import Batcher, Otherwise, Outcome
from relay.database.engines import READERS, postgresql, postgresql_looking, sqlite
from relay.errors import Unavailable
from relay.metrics import COMMANDS_IN_COMMIT, COMMIT_SECONDS
from relay.outages import is_outage, outages, repeated, worth_another_try
from relay.prepared import committing

T = TypeVar("T")
C = TypeVar("C")
Batch = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Takes a transaction and commands, gives one outcome per command; one may be an exception to raise."""

KEPT_COMMITS = 1000
LATE_SECONDS = 0.5


class Database:
    """One process's way to the database. `write` and `batch` return only after their commit is durable."""

    def __init__(self, url: str, *, checkpoints: bool = True) -> None:
        """`checkpoints=False` is for commands beside a running server: SQLite then has one checkpointer."""
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._writing = self._engine(writing=True, checkpoints=checkpoints)
        self._reading = self._engine(writing=False, checkpoints=False)
        self._looking = self._reading if self.is_sqlite else postgresql_looking(url)
        self._writer = Batcher("writer", self._commit_together)
        self._looker = Batcher("looker", self._read_together)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._kept: Connection | None = None
        self._commits = 0
        self._failed = False
        self._committing_since: float | None = None

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction that it shares with others; its exception undoes it alone."""
        return cast(T, await self._writer.submit(_each, work))

    async def batch(
        self, batch: Callable[[Connection, Sequence[C]], Sequence[Any]], command: C, otherwise: Otherwise | None = None
    ) -> Any:
        """Runs `command` with whatever others of the same `batch` are waiting, as one set.

        `otherwise` has taken it, in the writer's thread, by the time that a failure is raised; also when nobody waits
        for that any more.
        """
        return await self._writer.submit(batch, command, otherwise)

    def post(
        self, batch: Callable[[Connection, Sequence[C]], Sequence[Any]], command: C, otherwise: Otherwise | None = None
    ) -> None:
        """Like `batch`, for what nobody waits for; a failure is logged by the batcher."""
        self._writer.submit_and_forget(batch, command, otherwise)

    async def look_up(self, batch: Callable[[Connection, Sequence[C]], Sequence[Any]], command: C) -> Any:
        """A read that many requests make at once (who is this?), answered as one set: its statements see each its own
        moment.
        """
        return await self._looker.submit(batch, command)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on a read-only connection in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """The same without a loop: for commands. Unavailable when the database does not answer."""
        with outages(), self._reading.connect() as connection:
            return work(connection)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """A transaction of its own without a loop: for commands and migrations. Unavailable as above."""
        with outages(), self._writing.begin() as connection:
            done = work(connection)
            _refuse_unless_open(connection)
            return done

    @property
    def is_late(self) -> bool:
        """The last commit failed, or this one has taken so long that the next may fail too."""
        since = self._committing_since
        return self._failed or (since is not None and time.monotonic() - since > LATE_SECONDS)

    def queues(self) -> dict[str, int]:
        """How many commands wait for the next commit and the next look-up."""
        return {"writer": self._writer.depth, "looker": self._looker.depth}

    def close(self) -> None:
        """Commits what is waiting, then closes every connection."""
        self._writer.close()
        self._looker.close()
        self._readers.shutdown()
        self._give_back()
        self._writing.dispose()
        self._reading.dispose()
        self._looking.dispose()

    def _commit_together(self, groups: list[tuple[Batch, list[Any]]]) -> list[list[Outcome]]:
        COMMANDS_IN_COMMIT.observe(sum(len(commands) for _, commands in groups))
        self._committing_since = time.monotonic()
        try:
            with COMMIT_SECONDS.time():
                outcomes = repeated(lambda: self._commit_once(groups))
        except Unavailable:
            self._failed = True
            raise
        finally:
            self._committing_since = None
        self._failed = False
        return outcomes

    def _commit_once(self, groups: list[tuple[Batch, list[Any]]]) -> list[list[Outcome]]:
        """On a connection that the writer's thread keeps from one commit to the next, until one fails."""
        connection = self._kept = self._kept or self._writing.connect()
        try:
            with connection.begin():
                outcomes = [list(batch(connection, commands)) for batch, commands in groups[:-1]]
                with committing(connection):
                    last, commands = groups[-1]
                    outcomes.append(list(last(connection, commands)))
                _refuse_unless_open(connection)
        except BaseException:
            self._give_back()
            raise
        self._commits += 1
        if self._commits % KEPT_COMMITS == 0:
            self._give_back()
        return outcomes

    def _give_back(self) -> None:
        """To the pool, which knows when a connection is too old."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _read_together(self, groups: list[tuple[Batch, list[Any]]]) -> list[list[Outcome]]:
        return repeated(lambda: self._read_once(groups))

    def _read_once(self, groups: list[tuple[Batch, list[Any]]]) -> list[list[Outcome]]:
        with self._looking.connect() as connection:
            return [list(batch(connection, commands)) for batch, commands in groups]

    def _engine(self, *, writing: bool, checkpoints: bool) -> Engine:
        return sqlite(self.url, writing, checkpoints) if self.is_sqlite else postgresql(self.url, writing)


def _refuse_unless_open(connection: Connection) -> None:
    """SQLite ends the transaction by itself on a full disk, and its driver then takes a commit for done."""
    raw = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection) and not raw.in_transaction:
        raise Unavailable()


def _each(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Outcome]:
    return [_alone(connection, work) for work in works]


def _alone(connection: Connection, work: Callable[[Connection], Any]) -> Outcome:
    try:
        with connection.begin_nested():
            return work(connection)
    except DBAPIError as error:
        # What undid the whole transaction, or can be tried again, concerns everybody in it.
        if worth_another_try(error):
            raise
        _refuse_unless_open(connection)
        return Unavailable() if is_outage(error) else error
    except Exception as error:
        return error


def is_alive(connection: Connection) -> bool:
    """For readiness: the database answers."""
    return connection.execute(text("SELECT 1")).scalar() == 1
