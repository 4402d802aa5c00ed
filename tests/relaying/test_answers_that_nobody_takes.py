"""What upstream has told behind what a client did not take is booked when the server stops waiting for that client."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from relay.app import build
from relay.services import Services, open_services
from relay.settings import Settings
from relay.tables import Usage, table
from sandbox.serve import Running, in_thread
from tests.fixtures.calling import MESSAGES, message, new_key
from tests.fixtures.product import NOBODY_AT_STRIPE, eventually

usage = table(Usage)


@pytest.fixture
def claude() -> Iterator[Running]:
    """A sandbox of our own: its books hold our requests alone."""
    with in_thread(only=("claude", "mail")) as running:
        yield running


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, claude: Running) -> Settings:
    told = {"DATABASE_URL": sqlite_url, "UNBOOKED_DIR": str(tmp_path / "unbooked"), "SECRET_KEY": "s" * 40}
    return Settings(**told, **NOBODY_AT_STRIPE, **claude.settings)


async def ask_and_take(services: Services, body: dict[str, Any]) -> None:
    """Asks like a server that has a client, who takes the head of the answer and then no more."""
    never = asyncio.Event()
    asked = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not asked:
            await never.wait()
        return asked.pop()

    async def send(event: Any) -> None:
        if event["type"] == "http.response.body":
            await never.wait()

    headers = [(b"x-api-key", new_key(services).encode())]
    scope = {"type": "http", "method": "POST", "path": MESSAGES, "headers": headers, "query_string": b""}
    await build(services)(scope, receive, send)


async def test_a_server_that_stops_books_what_has_arrived_and_was_not_passed_on(
    settings: Settings, claude: Running
) -> None:
    books = claude.claude.books
    async with open_services(settings) as services:
        asking = asyncio.create_task(ask_and_take(services, message("each=1 tokens=90 slow ms=1")))
        await asyncio.to_thread(eventually, lambda: [entry.ended for entry in books.entries] == ["complete"])
        # What has been sent is read before this is over.
        await asyncio.sleep(0.1)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    async with open_services(settings) as services:
        row = services.database.read_now(lambda c: c.execute(select(usage)).one())
    assert (row.ended, row.estimated, row.output_tokens) == ("process_died", False, 90)
