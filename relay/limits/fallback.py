"""The limits of the relay while Redis does not answer: each worker counts for itself (decisions/without-redis.md)."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from relay.errors import Unavailable
from relay.limits.memory import InMemory
from relay.limits.shared import InRedis

AWAY_SECONDS = 2.0
"""How long a Redis that did not answer is not asked again."""
log = structlog.get_logger(__name__)


class WithFallback:
    """`shared` while it answers; `own` in between, which knows of every place that this process has taken."""

    def __init__(self, shared: InRedis, own: InMemory) -> None:
        self._shared, self._own = shared, own
        self._away_until = 0.0

    @property
    def is_away(self) -> bool:
        return self._away_until > 0

    async def admit(self, account_id: str, tokens: int) -> None:
        if not await self._by_redis(self._shared.admit(account_id, tokens)):
            await self._own.admit(account_id, tokens)

    async def enter(self, account_id: str, request_id: str) -> None:
        if await self._by_redis(self._shared.enter(account_id, request_id)):
            self._own.note(account_id, request_id)
        else:
            await self._own.enter(account_id, request_id)
            self._shared.note(account_id, request_id)

    def leave(self, account_id: str, request_id: str) -> None:
        self._own.leave(account_id, request_id)
        self._shared.leave(account_id, request_id)

    async def renew(self) -> None:
        """Asked of Redis even while it is away: so it is heard of its return without a request."""
        await self._shared.renew()

    async def aclose(self) -> None:
        await self._shared.aclose()
        await self._own.aclose()

    async def _by_redis(self, asking: Coroutine[Any, Any, None]) -> bool:
        """False when Redis did not answer, or is not asked for the moment. Its refusals pass through."""
        now = asyncio.get_running_loop().time()
        if now < self._away_until:
            asking.close()
            return False
        try:
            await asking
        except Unavailable:
            if not self.is_away:
                log.error("redis_gone", consequence="each worker limits for itself; signing in is refused")
            self._away_until = asyncio.get_running_loop().time() + AWAY_SECONDS
            return False
        if self.is_away:
            log.warning("redis_back")
            self._away_until = 0.0
        return True
