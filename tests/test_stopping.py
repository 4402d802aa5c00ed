"""SIGTERM takes no new work and lets what is under way come to its end: nothing is cut, nothing stays held."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from calling import MESSAGES, message, new_customer
from product import Product, running_product

from sandbox.serve import Running

STREAMS = 200
LASTING = "pace=40 tokens=200"
"""Five seconds: longer than it takes to open them all."""


@pytest.fixture
def product(tmp_path: Path, sqlite_url: str, world: Running) -> Iterator[Product]:
    with running_product(tmp_path, sqlite_url, world, DRAIN_SECONDS="60") as found:
        yield found


async def stream(client: aiohttp.ClientSession, url: str, begun: asyncio.Semaphore) -> bytes:
    data = b""
    async with client.post(url, data=json.dumps(message(LASTING))) as answer:
        async for part in answer.content.iter_any():
            if not data:
                begun.release()
            data += part
    return data


async def stop_under_streams(product: Product, key: str) -> list[bytes]:
    """What each of the streams was sent, when the server was told to stop after all had begun."""
    begun = asyncio.Semaphore(0)
    headers = {"x-api-key": key, "content-type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as client:
        url = product.url.replace("localhost", "127.0.0.1") + MESSAGES
        streams = [asyncio.create_task(stream(client, url, begun)) for _ in range(STREAMS)]
        for _ in range(STREAMS):
            await begun.acquire()
        assert product.process
        product.process.send_signal(signal.SIGTERM)
        answers = await asyncio.gather(*streams)
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(f"http://127.0.0.1:{product.port}/livez")
    return answers


async def test_two_hundred_streams_come_to_their_end_after_sigterm(product: Product) -> None:
    key = new_customer(product, "1000")
    answers = await stop_under_streams(product, key)
    assert [answer.count(b"event: message_stop") for answer in answers] == [1] * STREAMS
    assert product.process
    assert await asyncio.to_thread(product.process.wait, 60) == 0
    product.process = None
    assert product.run("audit").returncode == 0
    product.start()
    rows = product.requests(key)
    assert {row["ended"] for row in rows} == {"complete"}
    assert product.balance(key)["held_usd"] == "0"
