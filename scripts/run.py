"""`make run`: the whole product on loopback, a sandbox for every service without a key, until Ctrl-C."""

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from email.utils import parseaddr
from pathlib import Path
from typing import NoReturn

from loopback import answers, is_taken

from relay.errors import Misconfigured
from relay.settings import ROOT, Settings, forget_running, note_running, read_with_faults
from relay.settings.faults import settings_to_serve

KEYS = {"claude": "ANTHROPIC_API_KEY", "stripe": "STRIPE_API_KEY", "mail": "RESEND_API_KEY"}
STAND_INS = {
    "claude": {"ANTHROPIC_API_KEY": "sandbox"},
    "stripe": {"STRIPE_API_KEY": "sk_test_sandbox", "STRIPE_WEBHOOK_SECRET": "whsec_sandbox"},
    "mail": {"RESEND_API_KEY": "re_sandbox", "RESEND_API_URL": "http://127.0.0.1"},
}
SIGNED = {"stripe": "STRIPE_WEBHOOK_SECRET", "mail": "RESEND_WEBHOOK_SECRET"}
OWN_KEY = {"SECRET_KEY": "made by the first run and kept in data/"}
PLACES = ("claude", "stripe", "mail", "editor")
"""The sandbox's services in the order of their ports: the first has PORT + 1."""

DATA = ROOT / "data"
LOGS = DATA / "logs"
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 8
PR_SET_PDEATHSIG = 1


def main() -> None:
    settings, _ = read_with_faults()
    services = [name for name in PLACES if name not in KEYS or not getattr(settings, KEYS[name])]
    refuse_wrong_settings(settings, services)
    port = chosen_port()
    refuse_taken_ports(port, services)
    LOGS.mkdir(parents=True, exist_ok=True)
    sys.exit(asyncio.run(Product(settings, port, services).run()))


def refuse_wrong_settings(settings: Settings, services: list[str]) -> None:
    """All that is wrong at once, before anything starts. What the sandbox will bring is taken as given."""
    given = {name: value for service in services for name, value in STAND_INS.get(service, {}).items()}
    given |= {} if settings.SECRET_KEY else OWN_KEY
    try:
        settings_to_serve(1, **given)
    except Misconfigured as error:
        give_up(str(error))


def chosen_port() -> int:
    text = os.environ.get("PORT") or "3000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535 - len(PLACES):
        give_up(f"PORT is {text!r}; choose a number from 1 to {65535 - len(PLACES)}.")
    return int(text)


def refuse_taken_ports(port: int, services: list[str]) -> None:
    wanted = {
        port: "the product",
        **{port + 1 + PLACES.index(name): f"the sandbox's {name}" for name in services},
    }
    for number, owner in wanted.items():
        if is_taken("127.0.0.1", number) or is_taken("::1", number):
            give_up(f"Port {number}, for {owner}, is taken by another program. Choose others: make run PORT=4000")


class Failed(Exception):
    """Something that was started has ended or never got ready; the message says which, and its last lines."""


class Product:
    """The sandbox and the server, each in a process group of its own."""

    def __init__(self, settings: Settings, port: int, services: list[str]) -> None:
        self.settings = settings
        self.port = port
        self.services = services
        self.origin = f"http://localhost:{port}"
        self.env = dict(os.environ)
        self.children: dict[str, Process] = {}
        self.told_to_stop = asyncio.Event()

    async def run(self) -> int:
        """0 when it was told to stop, 1 when a part of it failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.told_to_stop.set)
        work = asyncio.create_task(self.start_and_watch())
        stop = asyncio.create_task(self.told_to_stop.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await work
        except Failed as error:
            say(str(error))
            return 1
        finally:
            stop.cancel()
            await self.stop()
        say("Stopped.")
        return 0

    async def start_and_watch(self) -> None:
        self.set_unless_chosen(self.own_settings())
        self.env["EDITOR_ORIGINS"] = self.editor_origins()
        say("Starting the sandbox and bringing the database up …")
        found, _ = await asyncio.gather(self.start_sandbox(), self.migrate())
        self.set_unless_chosen(found)
        for service, name in SIGNED.items():
            if service in self.services:
                # The sandbox signs with its own, whatever is left in .env from elsewhere.
                self.env[name] = found[name]
        await self.start_server()
        note_running(self.env)
        self.welcome()
        await asyncio.gather(self.say_codes(), *(self.watch(name) for name in self.children))

    def own_settings(self) -> dict[str, str]:
        """What one machine on loopback wants, where nothing else was chosen."""
        own = {
            "ACCOUNT_ORIGIN": self.origin,
            "LOG_FORMAT": "text",
            "DRAIN_SECONDS": "2",
        }
        if not self.settings.SECRET_KEY:
            own["SECRET_KEY"] = kept_secret_key()
        if "claude" in self.services:
            own["SIGN_UP_GRANT_USD"] = "5"
        return own

    def editor_origins(self) -> str:
        """The demo editor's beside those that were chosen: who embeds the panel in a page keeps both."""
        editor = self.port + 1 + PLACES.index("editor")
        own = [f"http://localhost:{editor}", f"http://127.0.0.1:{editor}"]
        return ",".join([*self.settings.editor_origins, *own])

    def set_unless_chosen(self, values: dict[str, str]) -> None:
        chosen = self.settings.model_fields_set
        self.env |= {name: value for name, value in values.items() if name not in chosen}

    async def start_sandbox(self) -> dict[str, str]:
        """Starts the stand-ins and returns the settings that lead to them."""
        webhooks = f"http://127.0.0.1:{self.port}/api"
        options = {
            "--port-base": self.port + 1,
            "--only": ",".join(self.services),
            "--webhook": f"{webhooks}/stripe/webhook",
            "--thin-webhook": f"{webhooks}/stripe/webhook",
            "--mail-webhook": f"{webhooks}/resend/webhook",
            "--mail-domain": parseaddr(self.settings.MAIL_FROM)[1].rpartition("@")[2],
            "--account": self.env.get("ACCOUNT_ORIGIN", self.settings.ACCOUNT_ORIGIN),
            "--stripe-file": DATA / "sandbox-stripe.json",
        }
        await self.start("sandbox", "-m", "sandbox", *(str(word) for pair in options.items() for word in pair))
        ready = asyncio.create_task(self.lines().readline())
        await self.wait_for("sandbox", ready)
        try:
            return json.loads(ready.result())["settings"]
        except (ValueError, KeyError):
            raise Failed(f"The sandbox did not start.\n{last_lines('sandbox')}") from None

    async def migrate(self) -> None:
        child = await self.start("migrate", "-m", "relay.cli", "migrate")
        if await child.wait():
            raise Failed(f"The database could not be migrated.\n{last_lines('migrate')}")
        del self.children["migrate"]

    async def start_server(self) -> None:
        address = ("--host", "127.0.0.1", "--port", str(self.port))
        await self.start("server", "-m", "relay.cli", "serve", *address)
        await self.wait_for("server", asyncio.create_task(self.until_ready()))

    async def until_ready(self) -> None:
        url = f"http://127.0.0.1:{self.port}/readyz"
        while not await asyncio.to_thread(answers, url, after_seconds=0.05):
            pass

    async def start(self, name: str, *command: str) -> Process:
        with log_of(name).open("wb") as log:
            self.children[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                cwd=ROOT,
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE if name == "sandbox" else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        return self.children[name]

    async def wait_for(self, name: str, ready: "asyncio.Task[bytes] | asyncio.Task[None]") -> None:
        """Until `ready` is done; Failed when the child ends first, or takes too long."""
        ended = asyncio.create_task(self.children[name].wait())
        try:
            await asyncio.wait({ready, ended}, timeout=READY_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done() or (ended.done() and not is_good(ready)):
                raise Failed(f"The {name} did not start.\n{last_lines(name)}")
        finally:
            ended.cancel()
            ready.cancel()

    def lines(self) -> asyncio.StreamReader:
        reader = self.children["sandbox"].stdout
        assert reader
        return reader

    def welcome(self) -> None:
        editor = self.port + 1 + PLACES.index("editor")
        letters = f"http://localhost:{self.port + 1 + PLACES.index('mail')}"
        say(f"\nThe product is at {self.origin}")
        if "mail" in self.services:
            say(f"Sign in with any e-mail address; its code appears here, and the mail at {letters}")
        else:
            say("Sign in with your e-mail address; the code is mailed to you.")
        if "stripe" in self.services:
            clock = f"http://localhost:{self.port + 1 + PLACES.index('stripe')}"
            say(f"Pay with a made-up card; Stripe's time can be moved on at {clock}")
        say(f"A font editor with the assistant in it: http://localhost:{editor}")
        say(f"Logs are in {LOGS.relative_to(ROOT)}/. Ctrl-C ends everything.\n")

    async def say_codes(self) -> None:
        """`CODE a@b.c 123456` from the sandbox, told to whoever waits for it."""
        async for line in self.lines():
            word, _, rest = line.decode().strip().partition(" ")
            address, _, code = rest.rpartition(" ")
            if word == "CODE":
                say(f"Code for {address}: {code}")

    async def watch(self, name: str) -> None:
        code = await self.children[name].wait()
        raise Failed(f"The {name} ended by itself (exit code {code}). Its last lines:\n{last_lines(name)}")

    async def stop(self) -> None:
        """The server first, so that it can finish with the sandbox still there."""
        forget_running()
        for child in reversed(self.children.values()):
            signal_group(child, signal.SIGTERM)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(child.wait(), STOP_SECONDS_MAX)
            signal_group(child, signal.SIGKILL)


def kept_secret_key() -> str:
    """Made at the first run; from then on the same, so that people stay signed in."""
    path = DATA / "secret_key"
    with contextlib.suppress(FileExistsError):
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w") as new:
            new.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def end_with_parent() -> None:
    """In the child, before its program: Linux ends it when we are killed outright; others do not."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def signal_group(child: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def is_good(ready: "asyncio.Task[bytes] | asyncio.Task[None]") -> bool:
    return ready.done() and not ready.cancelled() and ready.exception() is None


def log_of(name: str) -> Path:
    return LOGS / f"{name}.log"


def last_lines(name: str) -> str:
    text = log_of(name).read_text(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in text[-20:]) or f"  (nothing in {log_of(name).relative_to(ROOT)})"


def give_up(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(2)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
