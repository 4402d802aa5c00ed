"""What can be called, on one screen. `build(services)` is the relay; `app` runs alone: `uvicorn relay.app:app`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from relay import logs
from relay.database.revisions import refuse_unless_migrated
from relay.endpoints import (
    account,
    alerts,
    answers,
    assets,
    auth,
    balance_events,
    billing,
    bridge,
    health,
    keys,
    openapi,
    resend,
    usage,
)
from relay.endpoints.access_door import behind_access
from relay.endpoints.claude import PREFIX, ClaudeDoor
from relay.endpoints.cors import Cors
from relay.endpoints.tracing import traced
from relay.services import Services, get_ready_to_answer, open_services
from relay.settings import settings

ROUTES = [
    *auth.routes,  # /api/auth/request, verify, logout, me, token, token/renew
    *bridge.routes,  # /api/auth/bridge
    *usage.routes,  # /api/balance, /api/usage, /api/usage.csv, /api/requests, /api/requests/ID
    *balance_events.routes,  # /api/balance/events
    *billing.routes,  # /api/billing/checkout, portal, cap, invoices, preview, /api/stripe/webhook
    *alerts.routes,  # /api/billing/alerts
    *resend.routes,  # /api/resend/webhook
    *assets.routes,  # /api/assets, /api/assets/NAME, /api/assets/NAME/restore
    *account.routes,  # /api/account/export
    *keys.routes,  # /api/keys, /api/keys/ID
    *openapi.routes,  # /api/openapi.json
    *health.routes,  # /livez, /readyz, /metrics
]


def build(services: Services) -> ASGIApp:
    """The relay over services that somebody else opened and will close."""
    rest = Starlette(routes=ROUTES, exception_handlers=answers.exception_handlers)
    # Its redirect would repeat whatever Host the request named.
    rest.router.redirect_slashes = False
    rest.state.services = services
    relay = Relay(ClaudeDoor(services), answers.WithRequestId(rest))
    return traced(Cors(behind_access(relay, services.settings), services.settings), services)


class Relay:
    """Claude's prefix goes straight to its door, before any framework; everything else is Starlette's."""

    def __init__(self, claude: ASGIApp, rest: ASGIApp) -> None:
        self._claude, self._rest = claude, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        if scope["type"] == "http" and (path == PREFIX or path.startswith(PREFIX + "/")):
            await self._claude(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


class Alone:
    """The relay as a server of its own: opens its services with the server and closes them with it."""

    def __init__(self) -> None:
        self._relay: ASGIApp | None = None
        self._lifespan = Starlette(lifespan=self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        assert self._relay is not None, "the server must run the lifespan"
        await self._relay(scope, receive, send)

    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncGenerator[None]:
        found = settings()
        logs.configure(found.LOG_FORMAT)
        refuse_unless_migrated(found)
        async with open_services(found) as services:
            self._relay = build(services)
            get_ready_to_answer()
            yield


app = Alone()
