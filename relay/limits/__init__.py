"""How often, how much, how many at once. In this process, or in Redis when REDIS_URL is set.

Sign-in is limited by the `limits` library. The relay's three limits are on the hot path: a few dictionary
look-ups in memory, one script in Redis.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, cast

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from relay import clock
from relay.errors import TooMany, Unavailable
from relay.limits.fallback import WithFallback
from relay.limits.memory import InMemory
from relay.limits.rates import Rates
from relay.limits.refusals import Refusals
from relay.limits.shared import PLACE_SECONDS, InRedis
from relay.settings import Settings

CLIENT_CODES_PER_HOUR = RateLimitItemPerHour(60, namespace="client-codes")
CLIENT_CODES_PER_DAY = RateLimitItemPerDay(300, namespace="client-codes")
CLIENT_TRIES_PER_HOUR = RateLimitItemPerHour(300, namespace="client-tries")
"""A client is one IPv4 address or one IPv6 /64: an office behind one address still gets in, a script does
not.
"""

# A Redis that hangs must not hang those who ask it: one short wait, and one more try on a fresh connection.
REDIS = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}


class Limits:
    """One process's limits. Every refusal is TooMany with `retry_after` in whole seconds.

    Without the Redis that there should be, the limits of signing in are Unavailable, and those of the relay are this
    process's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._rates: Rates
        if settings.REDIS_URL:
            options: dict[str, Any] = {**REDIS, "retry": Retry(NoBackoff(), 1)}
            self._redis = cast(Redis, cast(Any, Redis).from_url(settings.REDIS_URL, **options))
            storage = RedisStorage(
                f"async+{settings.REDIS_URL}", implementation="redispy", key_prefix="limits", **options
            )
            self._rates = WithFallback(InRedis(settings, self._redis), InMemory(settings))
        else:
            self._redis = None
            storage = MemoryStorage()
            self._rates = InMemory(settings)
        self.refusals = Refusals(settings.RATE_REQUESTS_PER_MINUTE)
        self._rules = MovingWindowRateLimiter(storage)

    async def hit(self, rule: RateLimitItem, *keys: str) -> None:
        """Counts one event under `keys`; TooMany when the rule allows no more."""
        try:
            if await self._rules.hit(rule, *keys):
                return
            reset_time = (await self._rules.get_window_stats(rule, *keys)).reset_time
        except RedisError:
            raise Unavailable() from None
        wait = reset_time - clock.now().timestamp()
        raise TooMany(retry_after=min(max(1, round(wait)), rule.get_expiry()))

    async def admit(self, account_id: str, tokens: int) -> None:
        """Counts one relayed request of `tokens` against the account's minute.

        A request larger than the whole minute's tokens passes when the minute is empty: no wait would make it
        smaller.
        """
        await self._rates.admit(account_id, tokens)

    def stream(self, account_id: str, request_id: str) -> "Place":
        """`async with limits.stream(…)`: one of the account's open streams inside. TooMany on entering."""
        return Place(self._rates, account_id, request_id)

    def free(self, account_id: str, request_id: str) -> "Place":
        """The same for what is free: as many again, so that counting does not wait for the account's streams."""
        return Place(self._rates, f"free:{account_id}", request_id)

    def upload(self, account_id: str, request_id: str) -> "Place":
        """The same for files that are on their way here."""
        return Place(self._rates, f"assets:{account_id}", request_id)

    async def keep_places(self) -> None:
        """Until it is cancelled: tells Redis, every few seconds, which places are taken here."""
        while True:
            await asyncio.sleep(PLACE_SECONDS / 3)
            # Unheard, they are said again at the next turn; a place lasts for three of them.
            with suppress(Unavailable):
                await self.renew_places()

    async def renew_places(self) -> None:
        """Once, now. Unavailable when Redis does not answer."""
        await self._rates.renew()

    async def ping(self) -> None:
        """Unavailable when REDIS_URL is set and nothing answers there."""
        try:
            if self._redis is not None:
                await cast(Any, self._redis).ping()
        except RedisError:
            raise Unavailable() from None

    async def aclose(self) -> None:
        await self._rates.aclose()
        if self._redis is not None:
            await self._redis.aclose()
            await cast(Any, self._rules.storage).bridge.storage.aclose()


class Place:
    """One of an account's concurrent calls: entered, then left, never waiting on the way out."""

    __slots__ = ("_account_id", "_rates", "_request_id")

    def __init__(self, rates: Rates, account_id: str, request_id: str) -> None:
        self._rates, self._account_id, self._request_id = rates, account_id, request_id

    async def __aenter__(self) -> None:
        await self._rates.enter(self._account_id, self._request_id)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Leaving never waits, so a cancelled request cannot keep its place.
        self._rates.leave(self._account_id, self._request_id)
