"""How a prepared statement reaches the database: by its driver, one at a time or several together."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from psycopg import RawCursor
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from relay.outages import is_of_no_use
from relay.prepared.journeys import Journey

_COMMITTING = "whoever works on it now is the last of the transaction"
_JOURNEY = "statements that will be sent together"
_KNOWN = "statements that the server has been told"


def execute(connection: Connection, sql: str, values: Any) -> Any:
    """The driver's cursor, within a transaction. Raises what SQLAlchemy would raise, and like it gives up a connection
    that was lost. Within `together`, what to fetch from at its end.
    """
    if (journey := connection.info.get(_JOURNEY)) is not None:
        return journey.add(sql, values)
    if not connection.in_transaction():
        connection.begin()
    return run_by_driver(connection, sql, values)


def run_by_driver(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """The same within what is open, be it a transaction or none."""
    driver = _driver(connection)
    runs: Any = driver if connection.dialect.name == "sqlite" else RawCursor(driver)
    try:
        return runs.execute(sql, values)
    except cast(Any, connection.dialect.dbapi).Error as error:
        raise translated(connection, sql, error) from error


@contextmanager
def together(connection: Connection, *, last: bool = False) -> Generator[None]:
    """PostgreSQL gets the prepared statements of the block in one journey, and they have run when it ends.

    The first that fails is raised at the end. Nobody else may ask anything of the connection within.
    With `last`, nothing comes after them in their transaction: its COMMIT goes with them where `committing` allows it.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    noted = connection.info
    journey = noted[_JOURNEY] = Journey(_driver(connection), noted.setdefault(_KNOWN, {}))
    try:
        yield
    finally:
        del noted[_JOURNEY]
    try:
        journey.go(commits=last and _COMMITTING in noted)
    except cast(Any, connection.dialect.dbapi).Error as error:
        raise translated(connection, "several at once", error) from error


@contextmanager
def committing(connection: Connection) -> Generator[None]:
    """Whoever works within is the last to do so in this transaction, and may end it by `together(…, last=True)`."""
    noted = connection.info
    noted[_COMMITTING] = True
    try:
        yield
    finally:
        del noted[_COMMITTING]


def translated(connection: Connection, sql: str, error: Exception) -> BaseException:
    """What SQLAlchemy would raise for the driver's error."""
    dialect, dbapi = connection.dialect, cast(Any, connection.dialect.dbapi)
    found = dialect.is_disconnect(cast(Any, error), cast(Any, connection.connection.dbapi_connection), None)
    lost = found or is_of_no_use(error)
    if lost:
        connection.invalidate(error)
    return cast(
        BaseException,
        DBAPIError.instance(
            sql, None, error, dbapi.Error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
        ),
    )


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
