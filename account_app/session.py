"""Who is looking. Asked of the relay at every event, by the handle of the socket; never kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar
from zoneinfo import available_timezones

import reflex as rx
import structlog

from account_app.guard import sockets
from relay import accounts
from relay.accounts import Credential, Identity

T = TypeVar("T")
log = structlog.get_logger(__name__)
SIGN_IN = "/sign-in"
REFRESH_SECONDS = 60
ZONE_LENGTH_MAX = 64
ENDED = object()
OUT_OF_REACH = "The figures could not be renewed just now. We keep trying."

_services: Any = None


@contextlib.contextmanager
def using(services: Any) -> Iterator[None]:
    """Makes the relay's services those of every page, for as long as the server runs."""
    global _services
    _services = services
    try:
        yield
    finally:
        _services = None


def services() -> Any:
    """The relay's services (relay.services.Services) of this process."""
    return _services


async def are_alive(hashes: Sequence[str]) -> list[bool]:
    """Tells of each session hash whether its session is still open."""
    credentials = [Credential("session", h) for h in hashes]
    found = await services().database.read(lambda c: accounts.identify(c, credentials))
    return [identity is not None for identity in found]


class Session(rx.State):
    """What every page shows of the person, and nothing that decides who they are."""

    email: rx.Field[str] = rx.field("")
    ready: rx.Field[bool] = rx.field(False)
    problem: rx.Field[str] = rx.field("")
    zone: str = rx.LocalStorage(name="zone")

    async def _who(self) -> Identity | None:
        """The account behind this socket at this moment; None when signed out, ended or expired."""
        session_hash = sockets.session_hash(self._handle())
        if not session_hash:
            return None
        return await accounts.recognise(services().database, Credential("session", session_hash))

    def _handle(self) -> str:
        return self.router.headers.cookie.removeprefix("session=")

    def _to_sign_in(self) -> Any:
        """Forgets what was shown and leaves the page."""
        self.email, self.ready = "", False
        return rx.redirect(SIGN_IN, replace=True)

    def _zone(self) -> str:
        """The reader's time zone, from their browser; UTC when what came is not one."""
        zone = self.zone
        known = isinstance(zone, str) and len(zone) <= ZONE_LENGTH_MAX and zone in available_timezones()
        return zone if known else "UTC"


async def read(work: Callable[..., T], *arguments: Any) -> T | None:
    """Runs `work(connection, *arguments)` on a read-only connection; None when the database is out of
    reach.
    """
    try:
        return await services().database.read(lambda connection: work(connection, *arguments))
    except Exception:
        log.exception("a page's figures could not be read")
        return None


async def changes(handle: str, account_id: str) -> AsyncIterator[None]:
    """Yields now, then whenever the account's figures may have changed; ends with the visit to this page."""
    visit = sockets.enter(handle)
    if visit is None:
        return
    source = services().hub.watch(account_id)
    over = asyncio.ensure_future(visit.wait())
    upcoming = asyncio.ensure_future(anext(source, ENDED))
    try:
        # One turn of the loop lets the watch begin, so that nothing between the first read and it is missed.
        await asyncio.sleep(0)
        yield
        while not over.done():
            await asyncio.wait({over, upcoming}, timeout=REFRESH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                return
            if upcoming.done():
                if upcoming.result() is ENDED:
                    return
                upcoming = asyncio.ensure_future(anext(source, ENDED))
            yield
    finally:
        over.cancel()
        upcoming.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await upcoming
        await source.aclose()
