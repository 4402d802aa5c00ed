"""How often an account was refused here lately. A refusal costs this process its reading, whoever counts the rest."""

from relay.errors import TooMany
from relay.limits.minutes import Minutes


class Refusals:
    """As many a minute as there may be requests; after those, nothing of the account's is read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minutes = Minutes()

    def check(self, account_id: str) -> None:
        """TooMany when the account has had its refusals."""
        minute, second = self._minutes.of(account_id)
        over = minute.requests + 1 - self._most
        if over > 0:
            message = "Too many of your requests were refused. Look at why, wait a moment, and try again."
            raise TooMany(message, retry_after=minute.wait(second, over, 0))

    def count(self, account_id: str) -> None:
        minute, second = self._minutes.of(account_id)
        minute.add(second, 0)
