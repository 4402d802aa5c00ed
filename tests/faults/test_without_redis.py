"""Redis may stop, hang and come back: the relay goes on, nobody signs in uncounted, and no place is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from redis import Redis

from relay.errors import TooMany, Unavailable
from relay.ids import new_id
from relay.limits import CLIENT_CODES_PER_HOUR, Limits
from relay.limits.fallback import AWAY_SECONDS
from relay.settings import read_settings
from sandbox.serve import Running
from tests.fixtures.calling import ask, message, new_customer
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import RedisServer

RATES = {"RATE_REQUESTS_PER_MINUTE": 5, "RATE_TOKENS_PER_MINUTE": 1000, "RATE_CONCURRENT": 2}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One of our own, to stop."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def limits(redis: RedisServer) -> AsyncIterator[Limits]:
    made = Limits(read_settings(REDIS_URL=redis.url, **RATES))
    yield made
    await made.aclose()


async def test_a_worker_counts_for_itself_until_redis_is_back(redis: RedisServer, limits: Limits) -> None:
    account = new_id("acct")
    redis.stop()
    for _ in range(5):
        await limits.admit(account, 1)
    with pytest.raises(TooMany):
        await limits.admit(account, 1)
    with pytest.raises(Unavailable):
        await limits.hit(CLIENT_CODES_PER_HOUR, "client")
    redis.start()
    await limits.hit(CLIENT_CODES_PER_HOUR, "client")
    await asyncio.sleep(AWAY_SECONDS + 0.1)
    await limits.admit(account, 1)
    other = Limits(read_settings(REDIS_URL=redis.url, **RATES))
    for _ in range(4):
        await other.admit(account, 1)
    with pytest.raises(TooMany):
        await limits.admit(account, 1)
    await other.aclose()


async def test_a_redis_that_hangs_keeps_nobody_waiting(redis: RedisServer, limits: Limits) -> None:
    assert redis.process is not None
    await limits.admit(new_id("acct"), 1)
    os.kill(redis.process.pid, signal.SIGSTOP)
    try:
        # It would take a hundred seconds, if each of them waited.
        async with asyncio.timeout(30):
            for _ in range(200):
                await limits.admit(new_id("acct"), 1)
            with pytest.raises(Unavailable):
                await limits.hit(CLIENT_CODES_PER_HOUR, "client")
    finally:
        os.kill(redis.process.pid, signal.SIGCONT)


async def test_places_are_given_back_where_they_were_taken(redis: RedisServer, limits: Limits) -> None:
    account = new_id("acct")
    assert redis.process is not None
    before = [limits.stream(account, new_id("req")) for _ in range(2)]
    for place in before:
        await place.__aenter__()
    os.kill(redis.process.pid, signal.SIGSTOP)
    with pytest.raises(TooMany):
        await limits.stream(account, new_id("req")).__aenter__()
    await before.pop().__aexit__(None, None, None)
    meanwhile = limits.stream(account, new_id("req"))
    await meanwhile.__aenter__()
    for place in (*before, meanwhile):
        await place.__aexit__(None, None, None)
    await asyncio.sleep(1.2)
    os.kill(redis.process.pid, signal.SIGCONT)
    await asyncio.sleep(AWAY_SECONDS)
    await limits.admit(new_id("acct"), 1)
    for _ in range(2):
        await _enter_soon(limits, account)
    with pytest.raises(TooMany):
        await limits.stream(account, new_id("req")).__aenter__()


async def test_a_long_stream_keeps_its_place_and_a_dead_worker_does_not(redis: RedisServer, limits: Limits) -> None:
    account, dead = new_id("acct"), Limits(read_settings(REDIS_URL=redis.url, **RATES))
    await limits.stream(account, "req_alive").__aenter__()
    await dead.stream(account, "req_of_the_dead").__aenter__()
    for _ in range(3):
        _let_places_lapse(redis, account)
        await limits.renew_places()
    await _enter_soon(limits, account)
    with pytest.raises(TooMany):
        await limits.stream(account, new_id("req")).__aenter__()
    await dead.aclose()


async def test_a_redis_that_came_back_empty_learns_which_places_are_taken(redis: RedisServer, limits: Limits) -> None:
    account, other = new_id("acct"), Limits(read_settings(REDIS_URL=redis.url, **RATES))
    entered_before, entered_without = limits.stream(account, "req_before"), limits.stream(account, "req_without")
    await entered_before.__aenter__()
    redis.stop()
    await entered_without.__aenter__()
    with pytest.raises(Unavailable):
        await limits.renew_places()
    redis.start()
    await limits.renew_places()
    with pytest.raises(TooMany):
        await other.stream(account, new_id("req")).__aenter__()
    await entered_before.__aexit__(None, None, None)
    await _enter_soon(other, account)
    await entered_without.__aexit__(None, None, None)
    await _enter_soon(other, account)
    await limits.renew_places()
    with pytest.raises(TooMany):
        await other.stream(account, new_id("req")).__aenter__()
    await other.aclose()


def _let_places_lapse(redis: RedisServer, account: str) -> None:
    """As if nobody had renewed them for long: it is Redis's clock that counts, and nobody can move that."""
    with Redis.from_url(redis.url) as client:
        client.zadd(f"streams:{account}", dict.fromkeys(client.zrange(f"streams:{account}", 0, -1), 1))


async def _enter_soon(limits: Limits, account: str) -> None:
    for _ in range(100):
        try:
            return await limits.stream(account, new_id("req")).__aenter__()
        except TooMany:
            await asyncio.sleep(0.05)
    raise AssertionError("the place never came back")


def test_the_relay_answers_and_signing_in_waits(
    tmp_path: Path, sqlite_url: str, world: Running, redis: RedisServer
) -> None:
    with running_product(tmp_path, sqlite_url, world, REDIS_URL=redis.url) as product:
        key = new_customer(product)
        assert asked_for_a_code(product) == 202
        redis.stop()
        assert [ask(product, key, message("tokens=3")).status for _ in range(3)] == [200] * 3
        assert asked_for_a_code(product) == 503
        assert httpx.get(f"{product.url}/readyz").json() == {"status": "ok", "without": ["redis"]}
        redis.start()
        assert eventually(lambda: asked_for_a_code(product) == 202)
        assert ask(product, key, message("tokens=3")).status == 200
        assert product.balance(key)["held_usd"] == "0"


def asked_for_a_code(product: Product) -> int:
    return httpx.post(f"{product.url}/api/auth/request", json={"email": "ada@example.com"}).status_code
