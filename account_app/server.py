"""The whole product as one ASGI app: the relay first, then the event socket behind its guard, then the
front end.
"""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection

from account_app import session
from account_app.drawing import Drawing
from account_app.guard import ASGIApp, Guard, Receive, Scope, Send
from account_app.placing import place_of
from account_app.site import Site
from account_app.version import pages_version
from relay import logs
from relay.accounts import Whereabouts
from relay.app import build
from relay.database.revisions import refuse_unless_migrated
from relay.endpoints.access_door import behind_access
from relay.endpoints.callers import whereabouts_of
from relay.endpoints.naming import named
from relay.endpoints.safety import SAFETY
from relay.services import get_ready_to_answer, open_services
from relay.settings import ROOT, Settings, settings

RELAY = ("/api/", "/livez", "/readyz", "/metrics")
EVENTS = "/_event"
VERSION = "/_version"


def create() -> ASGIApp:
    """For `uvicorn account_app.server:create --factory`. Opens the relay's services and Reflex in one
    lifespan.
    """
    chosen = settings()
    return Product(chosen, load_reflex())


def load_reflex() -> Any:
    """Reflex's own ASGI app, told that the front end is already built. Needs no Node."""
    # Reflex finds its configuration and its build in the working directory, and reads these when it is
    # imported.
    os.chdir(ROOT)
    os.environ.update(
        __REFLEX_SKIP_COMPILE="true",
        REFLEX_ENV_MODE="prod",
        REFLEX_CHECK_LATEST_VERSION="false",
        REFLEX_WEB_WORKDIR=str(_workplace("web")),
        REFLEX_DIR=str(_workplace("reflex")),
    )
    from account_app.account_app import app

    return app()


def _workplace(name: str) -> Path:
    """Where Reflex may make a folder. An image has none from a build, and a root that cannot be written to."""
    built = ROOT / "build" / name
    return built if built.is_dir() else Path(tempfile.gettempdir()) / f"account-app-{name}"


class Product:
    """Sends each request to the relay, the guarded socket, or the site. Nothing stands before the relay."""

    def __init__(self, chosen: Settings, reflex: Any) -> None:
        self._settings = chosen
        self._reflex = reflex
        self._relay: ASGIApp | None = None
        self._guard = Guard(reflex, {chosen.ACCOUNT_ORIGIN, chosen.api_origin}, self._are_alive, self._where)
        self._socket = behind_access(self._guard, chosen)
        self._drawing = Drawing()
        self._site = Site(ROOT / "build" / "site", ROOT / "assets" / "panel", place_of(chosen), self._drawing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path: str = scope["path"]
        if (path.startswith(RELAY) or path == "/api") and scope["type"] == "http":
            assert self._relay is not None
            await self._relay(scope, receive, send)
        elif path == VERSION:
            await _tell_version(named(send))
        elif path.startswith(EVENTS) or scope["type"] == "websocket":
            await self._socket(scope, receive, named(send))
        else:
            await self._site(scope, receive, named(send))

    async def _are_alive(self, hashes: Sequence[str]) -> Sequence[bool]:
        return await session.are_alive(hashes)

    def _where(self, scope: Scope) -> Whereabouts:
        return whereabouts_of(HTTPConnection(scope), self._settings.TRUSTED_PROXIES)

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        logs.configure(self._settings.LOG_FORMAT)
        refuse_unless_migrated(self._settings)
        async with contextlib.AsyncExitStack() as stack:
            services = await stack.enter_async_context(open_services(self._settings))
            self._relay = build(services)
            stack.enter_context(session.using(services))
            stack.enter_context(contextlib.closing(self._drawing))
            await stack.enter_async_context(self._reflex.router.lifespan_context(self._reflex))
            await stack.enter_async_context(self._guard.watching())
            get_ready_to_answer()
            yield

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        stack = contextlib.AsyncExitStack()
        try:
            await stack.enter_async_context(self._running())
        except BaseException as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


async def _tell_version(send: Send) -> None:
    """Pages of another origin ask too; it is no secret, and no cache may keep it."""
    headers = [
        *SAFETY,
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"access-control-allow-origin", b"*"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"pages": "%s"}' % pages_version().encode()})
