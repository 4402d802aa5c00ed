"""The whole product as its own process on a real port, its database, and event sockets as browsers open."""

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import socketio

from relay import accounts, clock, ledger, migrations, pricing
from relay.accounts.sessions import open_session
from relay.database import Database
from relay.money import PICO_PER_USD
from relay.settings import ROOT, Settings, read_settings
from tests.product import NOBODY_AT_STRIPE

NAMESPACE = "/_event"
HYDRATE = "reflex___state____state.hydrate_and_load"


@dataclass
class Dashboard:
    """A running product and a way into its database beside it. `address` is where it listens."""

    origin: str
    address: str
    settings: Settings
    database: Database
    pid: int = 0

    def sign_in(self, email: str) -> str:
        """A session cookie's value for a new or known person."""

        def work(connection: Any) -> str:
            person = accounts.account_for(connection, self.settings, email)
            return open_session(connection, person.account_id, "Chrome on Linux", "127.0.0.0/24")[1]

        return self.database.write_now(work)

    def account_id(self, email: str) -> str:
        person = self.database.read_now(lambda c: accounts.find_account(c, email))
        assert person is not None
        return person.account_id

    def give(self, account_id: str, dollars: int) -> None:
        """A promo grant, as `account-app grant` gives it: in another process than the server."""
        amount = dollars * PICO_PER_USD
        self.database.write_now(
            lambda c: ledger.grant(
                c,
                account_id,
                kind="promo",
                amount_pico=amount,
                key=f"test:{account_id}:{dollars}",
                reason="A test",
            )
        )

    def end_sessions(self, email: str) -> None:
        account_id = self.account_id(email)
        self.database.write_now(lambda c: accounts.end_all_sessions(c, account_id))


@cache
def built_site() -> Path:
    """The exported front end; built now if `make` has not."""
    site = ROOT / "build" / "site"
    if not site.is_dir():
        subprocess.run([sys.executable, "-m", "account_app.build"], cwd=ROOT, check=True)
    return site


@contextmanager
def running(directory: Path, *, moved: timedelta = timedelta(), port: int = 0, **overrides: str) -> Iterator[Dashboard]:
    """The product on a free port or on `port`, with a migrated database in `directory`; its clock is `moved` away from
    ours.
    """
    port = port or _free_port()
    address = f"http://127.0.0.1:{port}"
    values = {
        "ACCOUNT_ORIGIN": address,
        "DATABASE_URL": f"sqlite:///{directory / 'account.db'}",
        "STORAGE_URL": f"file://{directory / 'assets'}",
        "SECRET_KEY": "a secret key of the tests, 32 characters",
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        **NOBODY_AT_STRIPE,
        "RESEND_API_KEY": "re_test",
        "RESEND_API_URL": "http://127.0.0.1:9",
        "STRIPE_API_KEY": "sk_test_nobody",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "SIGN_UP_GRANT_USD": "5",
        **overrides,
    }
    chosen = read_settings(**values)
    migrations.upgrade(chosen)
    database = Database(chosen.database_url, checkpoints=False)
    database.write_now(lambda c: pricing.publish(c, chosen.MARKUP_PERCENT, clock.now()))
    command = [sys.executable, "-c", _SERVE, str(moved.total_seconds()), str(port)]
    with open(directory / "server.log", "wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **values}, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_for(address + "/livez", server, directory / "server.log")
            yield Dashboard(chosen.ACCOUNT_ORIGIN, address, chosen, database, server.pid)
        finally:
            server.terminate()
            server.wait(20)
            database.close()


_SERVE = """
import sys
import uvicorn
from relay import clock
clock.move(clock.seconds(float(sys.argv[1])))
uvicorn.run("account_app.server:create", factory=True, port=int(sys.argv[2]))
"""


@dataclass
class Tab:
    """A browser tab's event socket. `frames` is everything that came, as text."""

    client: socketio.AsyncClient
    frames: list[str] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, name: str, payload: Any = None, path: str = "/") -> None:
        """An event as state.js sends it."""
        event = {"name": name, "payload": payload or {}, "router_data": {"pathname": path, "asPath": path}}
        await self.client.emit("event", event, namespace=NAMESPACE)

    async def hears(self, text: str, seconds: float = 10) -> str:
        """Waits until a frame holds `text`; that frame."""
        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: any(text in f for f in self.frames)), seconds)
        return next(f for f in self.frames if text in f)

    async def has_gone_quiet(self, seconds: float = 0.5) -> list[str]:
        """Every frame so far, once none has come for a while."""
        count = -1
        while count != len(self.frames):
            count = len(self.frames)
            await asyncio.sleep(seconds)
        return self.frames


@asynccontextmanager
async def tab(
    origin: str,
    *,
    session: str = "",
    token: str = "tab",
    headers: dict[str, str] | None = None,
    path: str = "/",
) -> AsyncIterator[Tab]:
    """Opens the event socket and boots a page on it. `headers` replace those of our own page."""
    client = socketio.AsyncClient(reconnection=False)
    opened = Tab(client)

    async def heard(event: str, *data: Any) -> None:
        async with opened.arrived:
            opened.frames.append(json.dumps([event, *data]))
            opened.arrived.notify_all()

    async def gone(*_: Any) -> None:
        opened.closed.set()

    client.on("*", heard, namespace=NAMESPACE)
    client.on("disconnect", gone, namespace=NAMESPACE)
    sent = {"Origin": origin} if headers is None else headers
    if session:
        sent = {**sent, "Cookie": f"session={session}"}
    boot = {"name": HYDRATE, "payload": {}, "router_data": {"pathname": path, "asPath": path}}
    await client.connect(
        f"{origin}?token={token}",
        headers=sent,
        transports=["websocket"],
        namespaces=[NAMESPACE],
        socketio_path="_event",
        auth={"event": boot},
    )
    try:
        yield opened
    finally:
        await client.disconnect()


async def handshake(origin: str, headers: dict[str, str], query: str = "token=tab&EIO=4&transport=websocket") -> int:
    """The HTTP status that a WebSocket handshake gets: 101 when it opens."""
    async with aiohttp.ClientSession() as client:
        try:
            async with client.ws_connect(f"{origin}/_event/?{query}", headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
