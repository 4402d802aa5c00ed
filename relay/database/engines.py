"""Connections to SQLite and to PostgreSQL, each set so that a commit is durable and nobody waits without end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import make_url

from relay.outages import is_of_no_use
from relay.prepared import run_by_driver

BUSY_SECONDS = 10
READERS = 4
# A server that vanished without a word is noticed in seconds, not after the two hours that TCP would take.
POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
NOTHING_MORE: Mapping[str, Any] = {}
# A worker that stops in the middle of a transaction must not keep the others' accounts locked.
PATIENCE = f"SET lock_timeout = '{BUSY_SECONDS}s'; SET idle_in_transaction_session_timeout = '60s'"
# What we ask takes milliseconds: a plan that is taken for a long one would be compiled for longer than it runs.
JUST_RUN = "SET jit = off"
# Nor may a server's default let it answer before a commit is on its disk.
DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


def postgresql(url: str, writing: bool) -> Engine:
    if writing:
        # The writer's statements are prepared by relay.prepared, which keeps their names. What the driver prepares by
        # itself, it has the server forget after a ROLLBACK, and all others with it.
        return _connecting(url, {"prepare_threshold": None}, isolation_level="READ COMMITTED", pool_size=READERS)
    # A page reads several times, and all of it is of one moment.
    return _connecting(url, isolation_level="REPEATABLE READ", pool_size=READERS, pool_pre_ping=True)


def postgresql_looking(url: str) -> Engine:
    """For look-ups of one statement each: without a transaction; a connection that was lost is noticed in its use."""
    return _connecting(url, isolation_level="AUTOCOMMIT", pool_size=1)


def _connecting(url: str, more: Mapping[str, Any] = NOTHING_MORE, **options: Any) -> Engine:
    engine = create_engine(url, pool_recycle=1800, connect_args={**POSTGRESQL, **more}, **options)

    def prepare(raw: Any, _: Any) -> None:
        raw.execute(PATIENCE)
        raw.execute(JUST_RUN)
        raw.execute(DURABLE)
        raw.commit()

    def judge(failed: ExceptionContext) -> None:
        failed.is_disconnect = failed.is_disconnect or is_of_no_use(failed.original_exception)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "handle_error", judge)
    return engine


def sqlite(url: str, writing: bool, checkpoints: bool) -> Engine:
    Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "cached_statements": 256}
    )

    def prepare(raw: Any, _: Any) -> None:
        # The driver's own transaction handling begins too late; ours begins by hand in the "begin" event.
        raw.isolation_level = None
        pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
        pragmas += [f"busy_timeout={BUSY_SECONDS * 1000}"]
        pragmas += ["temp_store=MEMORY"] if writing else ["query_only=ON"]
        pragmas += ["wal_autocheckpoint=0"] if not checkpoints else []
        for pragma in pragmas:
            raw.execute(f"PRAGMA {pragma}")

    def begin(connection: Connection) -> None:
        run_by_driver(connection, "BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine
