"""Counted in this process: a few dictionary look-ups a request."""

from relay import clock
from relay.errors import TooMany
from relay.limits.rates import WINDOW_SECONDS, too_many_streams
from relay.settings import Settings

SWEEP_EVERY = 10_000


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


class InMemory:
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
            raise too_many_streams(self._streams_max)
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
