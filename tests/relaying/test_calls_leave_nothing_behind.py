"""A call that is over is gone: what it leaves to the garbage collector stops every stream while that looks for it."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from starlette.types import ASGIApp

from relay.app import build
from relay.endpoints.claude.call import WATCH_AFTER_SECONDS, Call
from relay.services import open_services
from relay.settings import Settings
from sandbox.serve import Running
from tests.fixtures.calling import MESSAGES, message, new_key
from tests.fixtures.product import NOBODY_AT_STRIPE

TURNS_MAX = 100


@contextmanager
def nothing_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def ask(relay: ASGIApp, key: str, body: dict[str, Any]) -> tuple[int, float]:
    """The bytes of the answer, and how long they took, for a client that stays until the end."""
    asked = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]
    taken = 0

    async def receive() -> dict[str, Any]:
        return asked.pop() if asked else await asyncio.Event().wait() and {}

    async def send(event: Any) -> None:
        nonlocal taken
        taken += len(event.get("body", b""))

    scope = {"type": "http", "method": "POST", "path": MESSAGES, "headers": [(b"x-api-key", key.encode())]}
    began = asyncio.get_running_loop().time()
    await relay({**scope, "query_string": b""}, receive, send)
    return taken, asyncio.get_running_loop().time() - began


def calls() -> int:
    return sum(type(each) is Call for each in gc.get_objects())


async def test_a_call_that_is_over_is_gone_at_once(sqlite_url: str, tmp_path: Path, world: Running) -> None:
    told = {"DATABASE_URL": sqlite_url, "UNBOOKED_DIR": str(tmp_path / "unbooked"), "SECRET_KEY": "s" * 40}
    async with open_services(Settings(**NOBODY_AT_STRIPE | world.settings | told)) as services:
        relay, key = build(services), new_key(services)
        with nothing_collected():
            before = calls()
            taken, seconds = await ask(relay, key, message("tokens=40 pace=200"))
            for _ in range(TURNS_MAX):
                await asyncio.sleep(0)
            left = calls() - before
    assert taken
    assert seconds > WATCH_AFTER_SECONDS, "it must have lasted until somebody watched for the client's leaving"
    assert left == 0
