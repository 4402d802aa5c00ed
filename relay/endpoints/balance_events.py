"""`GET /api/balance/events`: the balance now and after each change, for whoever keeps it on a screen (SSE)."""

import asyncio
from collections.abc import Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from relay import accounts, usage
from relay.accounts import Identity
from relay.endpoints.callers import services_of, signed_in
from relay.endpoints.usage import balance_fields
from relay.errors import ProductError
from relay.services import Services

WATCHERS_MAX = 32
"""Of one account in one process, the dashboard's open pages included."""
HEARTBEAT_SECONDS = 15.0
"""Proxies close what is silent for a minute."""
LIFE_SECONDS_MAX = 900.0
"""As long as a bearer token lives; the reader comes back by itself."""
PAUSE_SECONDS = 0.1
"""A call changes the balance several times within a moment; they are told as one."""

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def follow_balance(request: Request) -> Response:
    identity = await signed_in(request)
    if request.method == "HEAD":
        # Its answer has no body, so nothing but its end would show that there is no more to come.
        return Response(headers={"cache-control": "no-store"}, media_type="text/event-stream")
    return Following(services_of(request), identity)


routes = [Route("/api/balance/events", follow_balance, methods=["GET"])]


class Following(Response):
    """Events named `balance` with the fields of `GET /api/balance`, until the reader leaves or is signed out."""

    def __init__(self, services: Services, identity: Identity) -> None:
        super().__init__()
        self._services, self._identity = services, identity
        self._told = b""
        self._until = asyncio.get_running_loop().time() + LIFE_SECONDS_MAX
        self._over = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub, identity = self._services.hub, self._identity
        lets_in = (identity.session_id or identity.key_id,)
        with hub.listening(identity.account_id, WATCHERS_MAX) as changed:

            def end() -> None:
                self._over = True
                changed.set()

            leaving = asyncio.create_task(_left(receive, end))
            try:
                with hub.while_valid(lets_in, end):
                    await self._follow(changed, send)
            finally:
                leaving.cancel()

    async def _follow(self, changed: asyncio.Event, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        while await self._may_go_on():
            changed.clear()
            await send({"type": "http.response.body", "body": await self._news(), "more_body": True})
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                continue
            await asyncio.sleep(PAUSE_SECONDS)
        await send({"type": "http.response.body", "body": b""})

    async def _may_go_on(self) -> bool:
        """Sessions that run out tell nobody, so each turn asks."""
        if self._over or self._services.hub.stopping or asyncio.get_running_loop().time() > self._until:
            return False
        identity = self._identity
        try:
            return await self._services.database.read(lambda c: accounts.is_still_valid(c, identity))
        except ProductError:
            return False

    async def _news(self) -> bytes:
        """The balance as an event, or a comment that only keeps the connection open when nothing has changed."""
        account_id = self._identity.account_id
        view = await self._services.database.read(lambda c: usage.balance(c, account_id))
        fields = balance_fields(view)
        figures = orjson.dumps({name: value for name, value in fields.items() if name != "as_of"})
        if figures == self._told:
            return b":\n\n"
        self._told = figures
        return b"event: balance\ndata: " + orjson.dumps(fields) + b"\n\n"


async def _left(receive: Receive, end: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    end()
