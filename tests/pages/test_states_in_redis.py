"""State in Redis: its locks, when whoever asked for one is gone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from reflex.istate.manager.token import StateToken

from account_app.states import RedisStates

TOKEN = StateToken(ident="a tab", cls=dict)


@pytest.fixture
async def states(redis_url: str) -> AsyncIterator[RedisStates]:
    manager = RedisStates(redis=Redis.from_url(redis_url), lock_expiration=60_000, lock_warning_threshold=30_000)
    yield manager
    await manager.close()


async def _lock(states: RedisStates) -> None:
    async with states._lock(TOKEN):
        pass


async def test_a_lock_whose_asker_was_cancelled_keeps_nobody_waiting(states: RedisStates) -> None:
    await _lock(states)
    for turns in range(12):
        asking = asyncio.ensure_future(_lock(states))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.wait_for(_lock(states), 10)
