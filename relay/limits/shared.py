"""Counted in Redis for all workers together: one script a request."""

import asyncio
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import TooMany, Unavailable
from relay.limits.rates import WINDOW_SECONDS, too_many_streams
from relay.settings import Settings

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


class InRedis:
    """By Redis's own clock, as workers' clocks differ. A stream of a worker that died gives its place back
    when its hold would have expired."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._redis = redis
        self._admit = cast(Any, redis.register_script(_ADMIT))
        self._enter = cast(Any, redis.register_script(_ENTER))
        self._leaving: set[asyncio.Task[Any]] = set()
        self._left_unheard: list[tuple[str, str]] = []

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
            raise too_many_streams(most)

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
            self._left_unheard.append((account_id, request_id))

    async def _run(self, script: Any, key: str, arguments: list[Any]) -> int:
        try:
            found = int(await script(keys=[key], args=arguments))
        except RedisError:
            raise Unavailable() from None
        while self._left_unheard:
            # Redis is back: who left meanwhile gives the place back now, and not when its time is up.
            self.leave(*self._left_unheard.pop())
        return found
