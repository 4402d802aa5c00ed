"""What each account did in the last minute, kept in this process."""

from relay import clock
from relay.limits.rates import WINDOW_SECONDS

SWEEP_EVERY = 10_000


class Minute:
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


class Minutes:
    """One minute an account; those of accounts that have gone quiet are forgotten."""

    def __init__(self) -> None:
        self._by_account: dict[str, Minute] = {}
        self._added = 0

    def of(self, account_id: str) -> tuple[Minute, int]:
        """The account's minute up to now, and the second that now is."""
        second = int(clock.now().timestamp())
        minute = self._by_account.get(account_id)
        if minute is None:
            minute = self._by_account[account_id] = Minute()
        minute.move_to(second)
        self._added += 1
        if self._added % SWEEP_EVERY == 0:
            self._forget_idle(second)
        return minute, second

    def clear(self) -> None:
        self._by_account.clear()

    def _forget_idle(self, second: int) -> None:
        for account_id, minute in list(self._by_account.items()):
            minute.move_to(second)
            if not minute.by_second:
                del self._by_account[account_id]
