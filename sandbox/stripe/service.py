"""One stand-in for Stripe: the API, its own pages, its time and its webhooks, around one store."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.stripe import controls, defaults, keeping, pages
from sandbox.stripe.door.server import Door
from sandbox.stripe.mischief import Mischief
from sandbox.stripe.store import Store
from sandbox.stripe.webhooks.deliveries import Deliveries
from sandbox.wire import Exchange, Server

TICK_SECONDS = 0.1


class Stripe:
    """Start it with a bound socket. `webhooks` and `thin_webhooks` are addresses that hear of everything, signed with
    `secret`; `file` is where the store is kept; without one it is gone with the process.
    """

    def __init__(
        self,
        webhooks: Sequence[str] = (),
        thin_webhooks: Sequence[str] = (),
        secret: str | None = None,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = Store(clock)
        self.mischief = Mischief()
        self.deliveries = Deliveries(self.store, self.mischief)
        self.file = file
        self.webhooks, self.thin_webhooks = webhooks, thin_webhooks
        self.secret = secret or f"whsec_sandbox_{secrets.token_hex(16)}"
        self.door = Door(self.store, self.mischief, self.keep)
        self.server = Server(self.handle)
        self.moving = asyncio.Lock()
        self.ticking: asyncio.Task[None] | None = None

    async def start(self, sock: socket.socket) -> None:
        """Reads the file, lays out the default objects, listens."""
        host, port = sock.getsockname()[:2]
        self.store.address = f"http://{host}:{port}"
        if self.file:
            keeping.load(self.file, self.store, self.deliveries)
        defaults.lay_out(self.store)
        for url in self.webhooks:
            defaults.listen(self.store, url, self.secret)
        for url in self.thin_webhooks:
            defaults.listen_thin(self.store, url, self.secret)
        self.deliveries.resume()
        self.keep()
        await self.server.start(sock)
        self.ticking = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self.ticking:
            self.ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.ticking
        await self.server.stop()
        await self.deliveries.stop()
        self.keep()

    async def advance(self, to: float, wait_seconds: float = 0.0) -> int:
        """Moves the time on to `to`; how much happened on the way. Wherever something does, whoever hears of events is
        given `wait_seconds` of real time to act on them, so that a draft can still take what was used.
        """
        happened = 0
        async with self.moving:
            for done in self.store.timeline.steps(self.store, to):
                happened += done
                if done and wait_seconds and self.deliveries.tasks:
                    await self.deliveries.first_attempts(wait_seconds)
                    await asyncio.sleep(wait_seconds)
        return happened

    def keep(self) -> None:
        """Writes the store to its file, if it has one."""
        if self.file:
            keeping.save(self.file, self.store, self.deliveries)

    async def handle(self, exchange: Exchange) -> None:
        """Answers one request."""
        path = exchange.request.path
        if path.startswith(("/v1/", "/v2/")):
            await self.door.handle(exchange)
            return
        room = controls if path.startswith("/sandbox") else pages
        reply = await room.answer(self, exchange.request)
        if exchange.request.method == "POST":
            self.keep()
        exchange.answer(reply.status, reply.body, reply.headers)

    async def _tick(self) -> None:
        """Lets time do what it does, though nobody asks."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self.store.timeline.run(self.store):
                self.keep()
