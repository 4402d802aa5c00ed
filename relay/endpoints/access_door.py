"""Cloudflare Access in front of everything that people use: what it has not let in gets no further."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from relay.access import HEADER, Access
from relay.endpoints.answers import problem
from relay.endpoints.naming import named
from relay.errors import Forbidden, ProductError
from relay.settings import Settings

OPEN = frozenset({"/livez", "/readyz", "/metrics", "/api/stripe/webhook", "/api/resend/webhook"})
"""What machines ask without Access: each has a signature or a token of its own, or tells nothing."""


def behind_access(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The app itself where Access is not used; otherwise the app behind it."""
    return AccessDoor(app, Access(settings)) if settings.CF_ACCESS_TEAM else app


class AccessDoor:
    """Verifies the assertion of every request and every socket. A preflight carries none, and tells nothing."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        try:
            assertion = Headers(scope=scope).get(HEADER)
            if not assertion:
                raise Forbidden("Come in through Cloudflare Access.")
            await self._access.verify(assertion)
        except ProductError as error:
            await _refuse(scope, receive, named(send), error)
        else:
            await self._app(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: ProductError) -> None:
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    await problem(error)(scope, receive, send)
