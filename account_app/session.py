"""Who is looking. Asked of the relay at every event, by the handle of the socket; never kept."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import reflex as rx
import structlog

from account_app.components.figures import DEFAULT, is_locale
from account_app.guard import sockets
from relay import accounts, clock, operating
from relay.accounts import Credential, Identity
from relay.services import Services

T = TypeVar("T")
log = structlog.get_logger(__name__)
SIGN_IN = "/sign-in"
REFRESH_SECONDS = 300
"""Figures come by themselves when they change; this is for what changes by the clock alone, such as today."""
RETRY_SECONDS = 10
ZONE_LENGTH_MAX = 64
DONE_MAX = 10_000
ENDED = object()

_services: Services | None = None


@contextlib.contextmanager
def using(services: Services) -> Iterator[None]:
    """Makes the relay's services those of every page, for as long as the server runs."""
    global _services
    _services = services
    try:
        yield
    finally:
        _services = None


def services() -> Services:
    """The relay's services of this process."""
    assert _services is not None, "the server must open the relay's services"
    return _services


async def are_alive(hashes: Sequence[str]) -> list[bool]:
    """Tells of each session hash whether its session is still open."""
    credentials = [Credential("session", h) for h in hashes]
    found = await services().database.read(lambda c: accounts.identify(c, credentials))
    return [identity is not None for identity in found]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, how they read numbers and times, and what the address of the page asks for."""

    account_id: str
    email: str
    session_id: str
    zone: str = "UTC"
    locale: str = DEFAULT
    query: Mapping[str, str] = field(default_factory=dict[str, str])


class Session(rx.State):
    """What every page shows of the person, and nothing that decides who they are."""

    email: rx.Field[str] = rx.field("")
    operator: rx.Field[bool] = rx.field(False)
    blocked: rx.Field[bool] = rx.field(False)
    filled: rx.Field[dict[str, str]] = rx.field(default_factory=dict[str, str])
    """Addresses of the pages whose figures have come, and when the figures that they show were read."""
    problem: rx.Field[str] = rx.field("")
    told: rx.Field[str] = rx.field("")
    told_times: rx.Field[int] = rx.field(0)
    shown_query: rx.Field[str] = rx.field("")
    shown_zone: rx.Field[str] = rx.field("UTC")
    shown_locale: rx.Field[str] = rx.field(DEFAULT)
    zone: str = rx.LocalStorage(name="zone")
    locale: str = rx.LocalStorage(name="locale")

    async def _who(self) -> Identity | None:
        """The account behind this socket at this moment; None when signed out, ended or expired."""
        handle = self._handle()
        session_hash = sockets.session_hash(handle)
        if not session_hash:
            return None
        shown, where = Credential("session", session_hash), sockets.whereabouts(handle)
        return await accounts.recognise(services().database, shown, lambda: where)

    def _handle(self) -> str:
        return self.router.headers.cookie.removeprefix("session=")

    def _greet(self, identity: Identity) -> None:
        """Shows whose page it is. The link to the operator's page is only a link: that page asks again."""
        self.email, self.operator = identity.email, operating.is_operator(services().settings, identity)
        self.blocked = identity.blocked
        self.shown_zone, self.shown_locale = self._zone(identity), self._locale(identity)

    def _visitor(self, identity: Identity) -> Visitor:
        """What a page's reading needs to know of the person."""
        query = {str(k): str(v) for k, v in dict(self.router.url.query_parameters).items()}
        zone, locale = self._zone(identity), self._locale(identity)
        return Visitor(identity.account_id, identity.email, identity.session_id, zone, locale, query)

    async def _arrive(self, identity: Identity) -> bool:
        """Shows the person their page before there is a socket. False when that cannot be done, or they may not."""
        return False

    def _tell(self, words: str) -> None:
        """Shows a toast for a few seconds; told again when it is the same words."""
        self.told, self.told_times = words, self.told_times + 1

    def _fill(self, address: str) -> None:
        """From now on the page shows what has come for it, as of now."""
        self.filled = {**self.filled, address: clock.rfc3339(clock.now())}

    def _to_sign_in(self) -> Any:
        """Leaves a page whose session has ended, and says so there. Signing in again leads back to it."""
        path, query = self.router.url.path, self.router.url.query.removeprefix("?")
        back = quote(f"{path}?{query}" if query else path, safe="/")
        return self._leave(f"{SIGN_IN}?error=expired&next={back}")

    def _leave(self, address: str = SIGN_IN) -> Any:
        """Forgets what was shown."""
        self.email, self.operator, self.blocked, self.filled = "", False, False, {}
        return rx.redirect(address, replace=True)

    def _zone(self, identity: Identity) -> str:
        """The zone that the person chose, or that of their browser; UTC when what came is not one."""
        zone = identity.time_zone or self.zone
        known = isinstance(zone, str) and len(zone) <= ZONE_LENGTH_MAX and zone in clock.zones()
        return zone if known else "UTC"

    def _locale(self, identity: Identity) -> str:
        """The locale that the person chose, or that of their browser; ours when what came is not one."""
        locale = identity.locale or self.locale
        return locale if is_locale(locale) else DEFAULT


_last_done: dict[str, float] = {}


def is_due(what: str, seconds: float) -> bool:
    """Whether it was longer ago than that; then it counts as done now. Per process: it spares others, no more."""
    now = time.monotonic()
    if now - _last_done.get(what, -seconds) < seconds:
        return False
    if len(_last_done) > DONE_MAX:
        _last_done.clear()
    _last_done[what] = now
    return True


async def read(work: Callable[..., T], *arguments: Any) -> T | None:
    """Runs `work(connection, *arguments)` on a read-only connection; None when the database is out of
    reach.
    """
    try:
        return await services().database.read(lambda connection: work(connection, *arguments))
    except Exception:
        log.exception("figures_not_read")
        return None


async def changes(
    handle: str, account_id: str, patience: Callable[[], float] = lambda: REFRESH_SECONDS
) -> AsyncIterator[None]:
    """Yields now, then whenever the account's figures may have changed, and after `patience()` seconds at the
    latest; ends with the visit to this page.
    """
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
            await asyncio.wait({over, upcoming}, timeout=patience(), return_when=asyncio.FIRST_COMPLETED)
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
