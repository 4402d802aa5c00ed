"""How often, how much, how many at once. In this process, or in Redis when REDIS_URL is set.

Sign-in is limited by the `limits` library. The relay's three limits are on the hot path: a few dictionary
look-ups in memory, one script in Redis.
"""

import asyncio
from types import TracebackType
from typing import Any, Protocol, cast

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay import clock
from relay.errors import TooMany, Unavailable
from relay.settings import Settings

CLIENT_CODES_PER_HOUR = RateLimitItemPerHour(60, namespace="client-codes")
CLIENT_CODES_PER_DAY = RateLimitItemPerDay(300, namespace="client-codes")
CLIENT_TRIES_PER_HOUR = RateLimitItemPerHour(300, namespace="client-tries")
"""A client is one IPv4 address or one IPv6 /64: an office behind one address still gets in, a script does
not.
"""

WINDOW_SECONDS = 60
SWEEP_EVERY = 10_000


class Limits:
    """One process's limits. Every refusal is TooMany with `retry_after` in whole seconds; no Redis is
    Unavailable.
    """

    def __init__(self, settings: Settings) -> None:
        self._rates: _Rates
        if settings.REDIS_URL:
            self._redis = cast(Redis, cast(Any, Redis).from_url(settings.REDIS_URL))
            storage = RedisStorage(f"async+{settings.REDIS_URL}", implementation="redispy", key_prefix="limits")
            self._rates = _InRedis(settings, self._redis)
        else:
            self._redis = None
            storage = MemoryStorage()
            self._rates = _InMemory(settings)
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

    async def ping(self) -> None:
        """For readiness: Unavailable when REDIS_URL is set and nothing answers there."""
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


class _Rates(Protocol):
    async def admit(self, account_id: str, tokens: int) -> None: ...
    async def enter(self, account_id: str, request_id: str) -> None: ...
    def leave(self, account_id: str, request_id: str) -> None: ...
    async def aclose(self) -> None: ...


class Place:
    """One of an account's concurrent calls: entered, then left, never waiting on the way out."""

    __slots__ = ("_account_id", "_rates", "_request_id")

    def __init__(self, rates: _Rates, account_id: str, request_id: str) -> None:
        self._rates, self._account_id, self._request_id = rates, account_id, request_id

    async def __aenter__(self) -> None:
        await self._rates.enter(self._account_id, self._request_id)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Leaving never waits, so a cancelled request cannot keep its place.
        self._rates.leave(self._account_id, self._request_id)


class _Minute:
    """The last minute of one account, by the second."""

    __slots__ = ("by_second", "requests", "tokens")

    def __init__(self) -> None:
        self.by_second: dict[int, tuple[int, int]] = {}
        self.requests = 0
        self.tokens = 0

    def move_to(self, second: int) -> None:
        """Forgets what is a minute old. Seconds in the future are left from a clock that was set back."""
        while self.by_second:
            oldest = next(iter(self.by_second))
            if second - WINDOW_SECONDS < oldest <= second:
                return
            requests, tokens = self.by_second.pop(oldest)
            self.requests -= requests
            self.tokens -= tokens

    def add(self, second: int, tokens: int) -> None:
        requests_so_far, tokens_so_far = self.by_second.get(second, (0, 0))
        self.by_second[second] = (requests_so_far + 1, tokens_so_far + tokens)
        self.requests += 1
        self.tokens += tokens

    def wait(self, second: int, requests_over: int, tokens_over: int) -> int:
        """Seconds until so many requests and tokens have left the minute."""
        for then, (requests, tokens) in self.by_second.items():
            requests_over -= requests
            tokens_over -= tokens
            if requests_over <= 0 and tokens_over <= 0:
                return max(1, then + WINDOW_SECONDS - second)
        return WINDOW_SECONDS


class _InMemory:
    def __init__(self, settings: Settings) -> None:
        self._requests_max = settings.RATE_REQUESTS_PER_MINUTE
        self._tokens_max = settings.RATE_TOKENS_PER_MINUTE
        self._streams_max = settings.RATE_CONCURRENT
        self._minutes: dict[str, _Minute] = {}
        self._open: dict[str, set[str]] = {}
        self._admitted = 0

    async def admit(self, account_id: str, tokens: int) -> None:
        second = int(clock.now().timestamp())
        tokens = min(tokens, self._tokens_max)
        minute = self._minutes.get(account_id)
        if minute is None:
            minute = self._minutes[account_id] = _Minute()
        minute.move_to(second)
        requests_over = minute.requests + 1 - self._requests_max
        tokens_over = minute.tokens + tokens - self._tokens_max
        if requests_over > 0 or tokens_over > 0:
            raise TooMany(retry_after=minute.wait(second, requests_over, tokens_over))
        minute.add(second, tokens)
        self._admitted += 1
        if self._admitted % SWEEP_EVERY == 0:
            self._forget_idle(second)

    async def enter(self, account_id: str, request_id: str) -> None:
        streams = self._open.setdefault(account_id, set())
        if len(streams) >= self._streams_max:
            raise _too_many_streams(self._streams_max)
        streams.add(request_id)

    def leave(self, account_id: str, request_id: str) -> None:
        streams = self._open.get(account_id)
        if streams is not None:
            streams.discard(request_id)
            if not streams:
                del self._open[account_id]

    async def aclose(self) -> None:
        self._minutes.clear()

    def _forget_idle(self, second: int) -> None:
        for account_id, minute in list(self._minutes.items()):
            minute.move_to(second)
            if not minute.by_second:
                del self._minutes[account_id]


_ADMIT = """
local now = tonumber(redis.call('TIME')[1])
local span, requests_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens_max, tokens = tonumber(ARGV[3]), tonumber(ARGV[4])
local flat = redis.call('HGETALL', KEYS[1])
local seconds, requests, total = {}, 0, 0
for i = 1, #flat, 2 do
  local second = tonumber(flat[i])
  local r, t = string.match(flat[i + 1], '(%d+):(%d+)')
  if second <= now - span or second > now then
    redis.call('HDEL', KEYS[1], flat[i])
  else
    requests, total = requests + tonumber(r), total + tonumber(t)
    seconds[#seconds + 1] = {second, tonumber(r), tonumber(t)}
  end
end
local requests_over, tokens_over = requests + 1 - requests_max, total + tokens - tokens_max
if requests_over > 0 or tokens_over > 0 then
  table.sort(seconds, function(a, b) return a[1] < b[1] end)
  for _, s in ipairs(seconds) do
    requests_over, tokens_over = requests_over - s[2], tokens_over - s[3]
    if requests_over <= 0 and tokens_over <= 0 then return math.max(1, s[1] + span - now) end
  end
  return span
end
local here = redis.call('HGET', KEYS[1], now)
local r, t = 0, 0
if here then r, t = string.match(here, '(%d+):(%d+)') end
redis.call('HSET', KEYS[1], now, string.format('%d:%d', r + 1, t + tokens))
redis.call('EXPIRE', KEYS[1], span + 1)
return 0
"""

_ENTER = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


class _InRedis:
    """By Redis's own clock, as workers' clocks differ. A stream of a worker that died gives its place back
    when its hold would have expired."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._redis = redis
        self._admit = cast(Any, redis.register_script(_ADMIT))
        self._enter = cast(Any, redis.register_script(_ENTER))
        self._leaving: set[asyncio.Task[Any]] = set()

    async def admit(self, account_id: str, tokens: int) -> None:
        most = self._settings.RATE_TOKENS_PER_MINUTE
        arguments = [WINDOW_SECONDS, self._settings.RATE_REQUESTS_PER_MINUTE, most, min(tokens, most)]
        wait = await self._run(self._admit, f"rate:{account_id}", arguments)
        if wait:
            raise TooMany(retry_after=wait)

    async def enter(self, account_id: str, request_id: str) -> None:
        most = self._settings.RATE_CONCURRENT
        arguments = [most, request_id, self._settings.HOLD_TTL_SECONDS]
        if not await self._run(self._enter, f"streams:{account_id}", arguments):
            raise _too_many_streams(most)

    def leave(self, account_id: str, request_id: str) -> None:
        task = asyncio.ensure_future(self._remove(account_id, request_id))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def aclose(self) -> None:
        await asyncio.gather(*self._leaving)

    async def _remove(self, account_id: str, request_id: str) -> None:
        try:
            await cast(Any, self._redis).zrem(f"streams:{account_id}", request_id)
        except RedisError:
            # Its place comes back by itself when its time is up.
            return

    async def _run(self, script: Any, key: str, arguments: list[Any]) -> int:
        try:
            return int(await script(keys=[key], args=arguments))
        except RedisError:
            raise Unavailable() from None


def _too_many_streams(most: int) -> TooMany:
    return TooMany(f"At most {most} requests may run at once. Wait until one has ended.", retry_after=1)
