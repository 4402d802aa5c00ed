"""What may stand between us and PostgreSQL: a pooler is welcome as long as a session is one connection's own.

We set durability and patience for a session, and prepare statements in it. A pooler that hands the session on after
each transaction (PgBouncer's `pool_mode = transaction`) gives both to others, and theirs to us.
"""

import psycopg
from psycopg import Connection
from sqlalchemy.engine import make_url

from relay.errors import Misconfigured
from relay.settings import Settings

CONNECT_SECONDS = 5
TRIES = 3
SHARED = "a pooler gives each transaction another session (PgBouncer's pool_mode = transaction or statement)"
OWN = "a session for each connection"
FIX = "Set pool_mode = session there, or give PostgreSQL's own address in DATABASE_URL."


def refuse_unless_sessions_last(settings: Settings) -> None:
    """Misconfigured when what is set for a connection would be lost, or another's."""
    if not sessions_last(settings.database_url):
        raise Misconfigured(f"DATABASE_URL: {SHARED}. {FIX}")


def sessions_last(database_url: str) -> bool:
    """False when two connections were served by one session. Asks PostgreSQL alone; psycopg.Error when it is away."""
    if make_url(database_url).get_backend_name() != "postgresql":
        return True
    with _connected(database_url) as first:
        if _session(first) == first.info.backend_pid:
            # Nobody stands between: a pooler makes up the number that it gives its clients.
            return True
        with _connected(database_url) as second:
            return not any(_is_handed_on(first, second) for _ in range(TRIES))


def _is_handed_on(first: Connection, second: Connection) -> bool:
    """A pooler gives the session that was free last to who asks next; and who keeps it gives the other a new one."""
    before = _session(first)
    with second.transaction():
        return _session(second) == before or _session(first) != before


def _session(connection: Connection) -> int:
    found = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return found[0] if found else 0


def _connected(database_url: str) -> Connection:
    plain = make_url(database_url).set(drivername="postgresql")
    address = plain.render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True, connect_timeout=CONNECT_SECONDS)
