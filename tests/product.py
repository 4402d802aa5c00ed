"""The product as people run it: a process of its own, in front of a sandbox, spoken to over sockets."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from servers import free_port, wait_until
from sqlalchemy import Connection

from relay import accounts, ledger
from relay.database import Database
from relay.ids import new_id
from relay.money import pico_from_usd
from relay.settings import Settings
from sandbox.serve import Running, in_thread

BIN = Path(sys.executable).parent
GENEROUS = {
    "RATE_REQUESTS_PER_MINUTE": "1000000",
    "RATE_TOKENS_PER_MINUTE": "100000000000",
    "RATE_CONCURRENT": "100000",
}
# For worlds without a Stripe: the server wants a key, and nobody is asked.
NOBODY_AT_STRIPE = {
    "STRIPE_API_KEY": "sk_test_nobody",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_WEBHOOK_SECRET": "whsec_nobody",
}
QUESTION = [{"role": "user", "content": "What is kerning?"}]


@dataclass
class Product:
    """A running server. `start` and `kill` may alternate; the database stays."""

    world: Running
    environment: dict[str, str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def account_origin(self) -> str:
        return self.environment["ACCOUNT_ORIGIN"]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self, *arguments: str) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command(*arguments), env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        wait_until(self.answers, self.process, self.log)

    def command(self, *arguments: str) -> list[str]:
        return [str(BIN / "account-app"), "serve", "--port", str(self.port), *arguments]

    def answers(self) -> bool:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as http:
            try:
                http.request("GET", "/readyz")
                return http.getresponse().status == 200
            except (OSError, HTTPException):
                return False

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            self.process.wait(timeout=60)
            self.process = None

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`account-app …` beside the server."""
        command = [str(BIN / "account-app"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)

    def customer(self, email: str = "ada@example.com", usd: str = "5") -> str:
        """An API key of the account of that address, with that much credit more. A command would take a second."""
        known = {name: value for name, value in self.environment.items() if name in Settings.model_fields}
        settings = Settings.model_validate(known)
        database = Database(settings.database_url, checkpoints=False)

        def make(connection: Connection) -> str:
            person = accounts.account_for(connection, settings, email)
            if usd != "0":
                give = {"kind": "promo", "amount_pico": pico_from_usd(usd), "key": new_id("grant")}
                ledger.grant(connection, person.account_id, reason="a test", source="test", **give)
            return accounts.create_key(connection, person.account_id)[0]

        try:
            return database.write_now(make)
        finally:
            database.close()

    def code(self, email: str) -> str:
        """The newest sign-in code that was mailed to them; waits for it."""
        letters = self.world.letterbox.letters
        return eventually(lambda: next((mail.code for mail in reversed(letters) if email in mail.body.to), None))

    def http(self, key: str = "") -> httpx.Client:
        headers = {"x-api-key": key} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def claude(self, key: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(api_key=key, base_url=f"{self.url}/api/claude", max_retries=0, timeout=60)

    def requests(self, key: str) -> list[dict[str, Any]]:
        with self.http(key) as http:
            return http.get("/api/requests").raise_for_status().json()["requests"]

    def balance(self, key: str) -> dict[str, Any]:
        with self.http(key) as http:
            return http.get("/api/balance").raise_for_status().json()


def eventually(check: Callable[[], Any], tries: int = 200) -> Any:
    """The first true answer of `check`; fails with its last answer when none comes."""
    found: Any = None
    for _ in range(tries):
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came true: {found!r}")


@contextmanager
def running_product(
    folder: Path, database_url: str, world: Running, *, arguments: tuple[str, ...] = (), port: int = 0,
    make: type[Product] = Product, **settings: str,
) -> Iterator[Product]:  # fmt: skip
    port = port or free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        **{name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ},
        "DATABASE_URL": database_url,
        "UNBOOKED_DIR": str(folder / "unbooked"),
        "STORAGE_URL": f"file://{folder / 'assets'}",
        "SECRET_KEY": "the tests' own secret key, 32 characters or more",
        "ACCOUNT_ORIGIN": f"http://localhost:{port}",
        **NOBODY_AT_STRIPE,
        **world.settings,
        **GENEROUS,
        **{name: value.replace("{port}", str(port)) for name, value in settings.items()},
    }
    product = make(world, environment, port, folder / "server.log")
    product.start(*arguments)
    try:
        yield product
    finally:
        product.kill(signal.SIGTERM)


@pytest.fixture(scope="session")
def world() -> Iterator[Running]:
    """The sandbox, unpaced."""
    with in_thread() as running:
        yield running


@pytest.fixture
def product(tmp_path: Path, sqlite_url: str, world: Running) -> Iterator[Product]:
    """A server on SQLite with empty books."""
    with running_product(tmp_path, sqlite_url, world) as found:
        yield found


@pytest.fixture(scope="module")
def shared_product(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: Running
) -> Iterator[Product]:
    """One server for a module whose tests each use accounts of their own."""
    folder = tmp_path_factory.mktemp("product")
    path = folder / "account.db"
    path.write_bytes(sqlite_template.read_bytes())
    with running_product(folder, f"sqlite:///{path}", world) as found:
        yield found
