"""Counted in Redis for all workers together: one script a request."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import TooMany, Unavailable
from relay.limits.rates import WINDOW_SECONDS, too_many_streams
from relay.settings import Settings

PLACE_SECONDS = 30
"""How long a place is kept for a worker that does not say again that it is taken."""

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
    """By Redis's own clock, as workers' clocks differ.

    A place is taken for PLACE_SECONDS and said again while it is open, so a worker that died gives its places back
    soon, and a Redis that came back empty learns of those that are open.
    """

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings = settings
        self._redis = cast(Any, redis)
        self._admit = cast(Any, redis.register_script(_ADMIT))
        self._enter = cast(Any, redis.register_script(_ENTER))
        self._open: dict[str, str] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._left_unheard: set[tuple[str, str]] = set()

    async def admit(self, account_id: str, tokens: int) -> None:
        most = self._settings.RATE_TOKENS_PER_MINUTE
        arguments = [WINDOW_SECONDS, self._settings.RATE_REQUESTS_PER_MINUTE, most, min(tokens, most)]
        wait = await self._run(self._admit, f"rate:{account_id}", arguments)
        if wait:
            raise TooMany(retry_after=wait)

    async def enter(self, account_id: str, request_id: str) -> None:
        most = self._settings.RATE_CONCURRENT
        try:
            entered = await self._run(self._enter, _places(account_id), [most, request_id, PLACE_SECONDS])
        except BaseException:
            # Redis may have done it all the same, and only its answer was lost.
            self._left_unheard.add((account_id, request_id))
            raise
        if not entered:
            raise too_many_streams(most)
        self._open[request_id] = account_id

    def note(self, account_id: str, request_id: str) -> None:
        """A place that was taken while Redis was away: it is told at the next renewal."""
        self._left_unheard.discard((account_id, request_id))
        self._open[request_id] = account_id

    def leave(self, account_id: str, request_id: str) -> None:
        self._open.pop(request_id, None)
        self._give_back({(account_id, request_id)})

    async def renew(self) -> None:
        """One message for all that is open in this process; what was left meanwhile is taken out again."""
        said = dict(self._open)
        try:
            if said:
                await self._say(said)
        except RedisError:
            raise Unavailable() from None
        left = {(account_id, request_id) for request_id, account_id in said.items() if request_id not in self._open}
        self._give_back(left | self._take_unheard())

    async def aclose(self) -> None:
        await asyncio.gather(*self._leaving)

    async def _say(self, places: Mapping[str, str]) -> None:
        until = (await self._redis.time())[0] + PLACE_SECONDS
        by_account: dict[str, dict[str, int]] = {}
        for request_id, account_id in places.items():
            by_account.setdefault(account_id, {})[request_id] = until
        async with self._redis.pipeline(transaction=False) as pipe:
            for account_id, members in by_account.items():
                pipe.zadd(_places(account_id), members)
                pipe.expire(_places(account_id), PLACE_SECONDS)
            await pipe.execute()

    def _give_back(self, places: set[tuple[str, str]]) -> None:
        for account_id, request_id in places:
            task = asyncio.ensure_future(self._remove(account_id, request_id))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _remove(self, account_id: str, request_id: str) -> None:
        try:
            await self._redis.zrem(_places(account_id), request_id)
        except RedisError:
            self._left_unheard.add((account_id, request_id))

    async def _run(self, script: Any, key: str, arguments: list[Any]) -> int:
        try:
            found = int(await script(keys=[key], args=arguments))
        except RedisError:
            raise Unavailable() from None
        if self._left_unheard:
            # Redis is back: who left meanwhile gives the place back now, and not when its time is up.
            self._give_back(self._take_unheard())
        return found

    def _take_unheard(self) -> set[tuple[str, str]]:
        taken, self._left_unheard = self._left_unheard, set()
        return taken


def _places(account_id: str) -> str:
    return f"streams:{account_id}"
