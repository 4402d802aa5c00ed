"""The sign-in routes on a real database, with a small Resend of our own behind a real socket."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from sqlmodel import SQLModel
from starlette.applications import Starlette
from starlette.middleware import Middleware

from relay import pricing
from relay.database import Database
from relay.endpoints import account, assets, auth, keys, resend
from relay.endpoints.answers import WithRequestId, exception_handlers
from relay.gateways.mail import Mail
from relay.gateways.objects import Objects, open_objects
from relay.limits import Limits
from relay.settings import Settings, read_settings
from relay.storage import Storehouse
from sandbox.serve import QuietServer

ORIGIN = "http://localhost:3000"
ROUTES = [*auth.routes, *resend.routes, *keys.routes, *account.routes, *assets.routes]
SECRET_KEY = "a secret key of the tests, 32 characters"


@dataclass
class PostOffice:
    """Takes mail as Resend does. `statuses` are answered first, one a request; then everything is taken."""

    url: str = ""
    mails: list[dict[str, Any]] = field(default_factory=list)
    idempotency_keys: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def mail_to(self, email: str, count: int = 1) -> dict[str, Any]:
        """The `count`th mail to that address; waits for it."""
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(self.to(email)) >= count), 20)
        return self.to(email)[count - 1]

    async def code_for(self, email: str, count: int = 1) -> str:
        return (await self.mail_to(email, count))["subject"][:6]

    def to(self, email: str) -> list[dict[str, Any]]:
        return [mail for mail in self.mails if mail["to"] == [email]]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        status = self.statuses.pop(0) if self.statuses else 200
        self.authorizations.append(headers.get("authorization", ""))
        if status == 200 and first.startswith("POST"):
            async with self.arrived:
                self.mails.append(json.loads(body))
                self.idempotency_keys.append(headers.get("idempotency-key", ""))
                self.arrived.notify_all()
        answer = b'{"id": "49a3999c"}' if status == 200 else b'{"name": "application_error", "message": "no"}'
        line = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        writer.write(line.encode() + answer)
        await writer.drain()


@asynccontextmanager
async def post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    server = await asyncio.start_server(office.accept, "127.0.0.1", 0)
    office.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield office
    finally:
        server.close()
        await asyncio.gather(*office.serving)


@dataclass
class Hub:
    """Remembers whose figures were said to have changed, and what was said to have ended."""

    told: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def changed(self, account_id: str) -> None:
        self.told.append(account_id)

    def ended(self, id_of_what: str) -> None:
        self.over.append(id_of_what)


@dataclass
class Services:
    settings: Settings
    database: Database
    limits: Limits
    mail: Mail
    hub: Hub
    objects: Objects

    @property
    def storehouse(self) -> Storehouse:
        prices = self.database.read_now(pricing.current)
        return Storehouse(self.database, self.objects, self.settings, prices)


@dataclass
class FrontDoor:
    services: Services
    office: PostOffice
    app: Starlette

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def settings(self) -> Settings:
        return self.services.settings

    def browser(self, address: str = "203.0.113.7", **headers: str) -> httpx.AsyncClient:
        """A browser with cookies of its own, at that address."""
        transport = httpx.ASGITransport(self.app, client=(address, 50000))
        return httpx.AsyncClient(transport=transport, base_url=self.settings.ACCOUNT_ORIGIN, headers=headers)

    async def signed_in(self, email: str, count: int = 1, **headers: str) -> httpx.AsyncClient:
        """A browser that has signed in with the `count`th mail to that address."""
        browser = self.browser(**headers)
        await browser.post("/api/auth/request", json={"email": email})
        code = await self.office.code_for(email, count)
        answer = await browser.post("/api/auth/verify", json={"email": email, "code": code})
        assert answer.status_code == 200, answer.text
        return browser


@asynccontextmanager
async def front_door(database_url: str, **changes: Any) -> AsyncIterator[FrontDoor]:
    with tempfile.TemporaryDirectory() as files:
        async with _open(database_url, {"STORAGE_URL": f"file://{files}", **changes}) as opened:
            yield opened


@asynccontextmanager
async def _open(database_url: str, changes: dict[str, Any]) -> AsyncIterator[FrontDoor]:
    async with post_office() as office:
        given = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY, "RESEND_API_KEY": "re_test"}
        settings = read_settings(**(given | {"RESEND_API_URL": office.url, "ACCOUNT_ORIGIN": ORIGIN} | changes))
        database = Database(settings.database_url)
        database.write_now(SQLModel.metadata.create_all)
        services = Services(settings, database, Limits(settings), Mail(settings), Hub(), open_objects(settings))
        app = Starlette(routes=ROUTES, exception_handlers=exception_handlers, middleware=[Middleware(WithRequestId)])
        app.state.services = services
        try:
            yield FrontDoor(services, office, app)
        finally:
            await services.mail.aclose()
            await services.limits.aclose()
            database.close()


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    """Open, with the usual settings. A file that wants others has a fixture of this name."""
    async with front_door(database_url) as opened:
        yield opened


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app behind uvicorn on a port of its own; its address."""
    # Uvicorn would believe X-Forwarded-For from loopback by itself; only TRUSTED_PROXIES may decide that.
    config = uvicorn.Config(app, host="127.0.0.1", port=0, proxy_headers=False, log_config=None, lifespan="off")
    server = QuietServer(config)
    running = asyncio.create_task(server.serve())
    await server.ready.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def wrong(code: str) -> str:
    """A code that is certainly not that one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"
