"""The limits of the relay while Redis does not answer: each worker counts for itself (decisions/without-redis.md)."""

import asyncio
from collections.abc import Awaitable

import structlog

from relay.errors import Unavailable
from relay.limits.rates import Rates

AWAY_SECONDS = 2.0
"""How long a Redis that did not answer is not asked again."""
log = structlog.get_logger(__name__)


class WithFallback:
    """`shared` while it answers; `own` in between. What was entered in one is left in the same."""

    def __init__(self, shared: Rates, own: Rates) -> None:
        self._shared, self._own = shared, own
        self._away_until = 0.0
        self._entered_here: set[str] = set()

    @property
    def is_away(self) -> bool:
        return self._away_until > 0

    async def admit(self, account_id: str, tokens: int) -> None:
        if not await self._by_redis(self._shared.admit(account_id, tokens)):
            await self._own.admit(account_id, tokens)

    async def enter(self, account_id: str, request_id: str) -> None:
        if not await self._by_redis(self._shared.enter(account_id, request_id)):
            await self._own.enter(account_id, request_id)
            self._entered_here.add(request_id)

    def leave(self, account_id: str, request_id: str) -> None:
        if request_id in self._entered_here:
            self._entered_here.discard(request_id)
            self._own.leave(account_id, request_id)
        else:
            self._shared.leave(account_id, request_id)

    async def aclose(self) -> None:
        await self._shared.aclose()
        await self._own.aclose()

    async def _by_redis(self, asking: Awaitable[None]) -> bool:
        """False when Redis did not answer, or is not asked for the moment. Its refusals pass through."""
        now = asyncio.get_running_loop().time()
        if now < self._away_until:
            asyncio.ensure_future(asking).cancel()
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
