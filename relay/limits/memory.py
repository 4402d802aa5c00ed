"""Counted in this process: a few dictionary look-ups a request."""

from relay.errors import TooMany
from relay.limits.minutes import Minutes
from relay.limits.rates import too_many_streams
from relay.settings import Settings


class InMemory:
    def __init__(self, settings: Settings) -> None:
        self._requests_max = settings.RATE_REQUESTS_PER_MINUTE
        self._tokens_max = settings.RATE_TOKENS_PER_MINUTE
        self._streams_max = settings.RATE_CONCURRENT
        self._minutes = Minutes()
        self._open: dict[str, set[str]] = {}

    async def admit(self, account_id: str, tokens: int) -> None:
        tokens = min(tokens, self._tokens_max)
        minute, second = self._minutes.of(account_id)
        requests_over = minute.requests + 1 - self._requests_max
        tokens_over = minute.tokens + tokens - self._tokens_max
        if requests_over > 0 or tokens_over > 0:
            raise TooMany(retry_after=minute.wait(second, requests_over, tokens_over))
        minute.add(second, tokens)

    async def enter(self, account_id: str, request_id: str) -> None:
        streams = self._open.setdefault(account_id, set())
        if len(streams) >= self._streams_max:
            raise too_many_streams(self._streams_max)
        streams.add(request_id)

    def note(self, account_id: str, request_id: str) -> None:
        """A place that was allowed elsewhere: it counts here too, should that be gone."""
        self._open.setdefault(account_id, set()).add(request_id)

    def leave(self, account_id: str, request_id: str) -> None:
        streams = self._open.get(account_id)
        if streams is not None:
            streams.discard(request_id)
            if not streams:
                del self._open[account_id]

    async def renew(self) -> None:
        """Nothing: what is kept here lasts as long as the process."""

    async def aclose(self) -> None:
        self._minutes.clear()
