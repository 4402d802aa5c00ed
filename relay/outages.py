"""Whose fault a failure of the database is, and whether it is worth another try."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, NotSupportedError, OperationalError

from relay.errors import Unavailable

# PostgreSQL's own names of failures (its documentation, appendix A).
FORBIDDEN, NOT_SUPPORTED, READ_ONLY = "42501", "0A000", "25006"
DEADLOCKS = frozenset({"40P01", "40001"})
AGAIN = DEADLOCKS | {"26000", "57P01", "57P02", "57P03"}
DEADLOCKS_MAX = 5
T = TypeVar("T")
log = structlog.get_logger(__name__)


def repeated(work: Callable[[], T]) -> T:
    """Once more when the server went away before it answered, and oftener when two workers locked each other out:
    unique ids make commands harmless to repeat.
    """
    for tried in range(1, DEADLOCKS_MAX):
        try:
            return work()
        except DBAPIError as error:
            if not worth_another_try(error) or (tried > 1 and _state(error) not in DEADLOCKS):
                _raise_outage(error)
    with outages():
        return work()


@contextmanager
def outages() -> Generator[None]:
    """Unavailable for what is the database's fault; a fault of the command's own goes on as it is."""
    try:
        yield
    except DBAPIError as error:
        _raise_outage(error)


def _raise_outage(error: DBAPIError) -> NoReturn:
    if is_outage(error):
        log.error("database_failed", error=str(error.orig))
        raise Unavailable() from error
    raise error


def is_outage(error: DBAPIError) -> bool:
    """The database's fault, or its operator's: not that of the values or of our words. Who asked may ask again."""
    kinds = (OperationalError, InterfaceError, InternalError, NotSupportedError)
    forbidden = _state(error) == FORBIDDEN
    return error.connection_invalidated or forbidden or isinstance(error, kinds)


def worth_another_try(error: DBAPIError) -> bool:
    """A lost connection, two workers that locked each other out, or a server that was made to forget its prepared
    statements: the commands are not at fault.
    """
    return error.connection_invalidated or _state(error) in AGAIN


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def is_of_no_use(error: BaseException) -> bool:
    """PostgreSQL: the connection lives and is no good. Its server only reads, as after a failover; or what it has
    prepared is of tables that have changed since. Another connection may do better.
    """
    state = getattr(error, "sqlstate", None)
    return state == READ_ONLY or (state == NOT_SUPPORTED and "cached plan" in str(error))
