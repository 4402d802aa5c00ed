"""Starting the sandbox: one port a service, all in one process and one event loop."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from sandbox import editor, mail
from sandbox.claude import Claude
from sandbox.stripe import Stripe
from sandbox.stripe.defaults import SETTINGS as STRIPE_SETTINGS
from sandbox.wire import Server

SERVICES = ("claude", "stripe", "mail", "editor")
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Running:
    """The services that run: their addresses, and the settings that lead the product to them."""

    urls: dict[str, str]
    settings: dict[str, str]
    claude: Claude
    letterbox: mail.Letterbox
    stripe: Stripe

    def line(self) -> dict[str, object]:
        """What the command prints once all are ready."""
        return {**self.urls, "settings": self.settings}


@asynccontextmanager
async def running(
    only: Sequence[str] = ("claude", "stripe", "mail"),
    port_base: int = 0,
    pace: float = 60.0,
    on_code: Callable[[str, str], None] = lambda address, code: None,
    stripe: Stripe | None = None,
    mail_webhooks: Sequence[str] = (),
    account_origin: str = editor.ACCOUNT_ORIGIN,
    mail_domains: Sequence[str] = (),
) -> AsyncIterator[Running]:
    """Runs the services `only` on `port_base` and above (0: whatever is free), until the block is left. The editor
    embeds the panel of `account_origin`.

    A service keeps its place in `SERVICES` whichever others run: mail is always at `port_base + 2`."""
    claude = Claude(pace)
    letterbox = mail.Letterbox(on_code, webhooks=mail_webhooks, secret=mail.new_secret(), domains=mail_domains)
    stripe = stripe or Stripe()
    raw: dict[str, Server | Stripe] = {"claude": claude.server, "stripe": stripe}
    apps: dict[str, Callable[[], Starlette]] = {
        "mail": lambda: mail.app(letterbox),
        "editor": lambda: editor.app(account_origin),
    }
    urls: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        for place, name in enumerate(SERVICES):
            if name not in only:
                continue
            sock = _bound(port_base + place if port_base else 0)
            urls[name] = f"http://{HOST}:{sock.getsockname()[1]}"
            if name in raw:
                await raw[name].start(sock)
                stack.push_async_callback(raw[name].stop)
            else:
                await stack.enter_async_context(_uvicorn(apps[name](), sock))
        yield Running(urls, _settings(urls, stripe, letterbox), claude, letterbox, stripe)


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    return sock


class QuietServer(uvicorn.Server):
    """A uvicorn that says when it is ready, and leaves the signals to whoever started it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _uvicorn(app: Starlette, sock: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False, ws="none")
    server = QuietServer(config)
    # A short wait for open keep-alive connections, so that Ctrl-C is answered at once.
    config.timeout_graceful_shutdown = 1
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        await server.ready.wait()
        yield
    finally:
        server.should_exit = True
        await task


def _settings(urls: dict[str, str], stripe: Stripe, letterbox: mail.Letterbox) -> dict[str, str]:
    found: dict[str, str] = {}
    if "claude" in urls:
        found |= {
            "ANTHROPIC_BASE_URL": urls["claude"],
            "ANTHROPIC_API_KEY": f"sandbox-{secrets.token_hex(12)}",
        }
    if "stripe" in urls:
        found |= {
            "STRIPE_API_BASE": urls["stripe"],
            "STRIPE_API_KEY": f"sk_test_sandbox{secrets.token_hex(8)}",
            "STRIPE_WEBHOOK_SECRET": stripe.secret,
            **STRIPE_SETTINGS,
        }
    if "mail" in urls:
        found |= {
            "RESEND_API_URL": urls["mail"],
            "RESEND_API_KEY": f"re_sandbox_{secrets.token_hex(8)}",
            "RESEND_WEBHOOK_SECRET": letterbox.secret,
        }
    return found


@contextmanager
def in_thread(
    only: Sequence[str] = ("claude", "stripe", "mail"),
    pace: float = 0.0,
    port_base: int = 0,
    stripe: Stripe | None = None,
) -> Iterator[Running]:
    """The services in a thread of their own, for tests. Their books and letters may be read from here."""
    ready, ended = threading.Event(), threading.Event()
    held: list[Running] = []
    stop: list[Callable[[], None]] = []

    async def run() -> None:
        leave = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(leave.set) and None)
        async with running(only, port_base, pace, stripe=stripe) as found:
            held.append(found)
            ready.set()
            await leave.wait()

    def target() -> None:
        try:
            asyncio.run(run())
        finally:
            ended.set()
            ready.set()

    thread = threading.Thread(target=target, name="sandbox", daemon=True)
    thread.start()
    ready.wait()
    if not held:
        raise RuntimeError("the sandbox did not start")
    try:
        yield held[0]
    finally:
        stop[0]()
        thread.join()
