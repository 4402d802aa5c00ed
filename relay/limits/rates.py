"""What the relay's limits have to do, wherever they are counted."""

from typing import Protocol

from relay.errors import TooMany

WINDOW_SECONDS = 60


class Rates(Protocol):
    async def admit(self, account_id: str, tokens: int) -> None: ...
    async def enter(self, account_id: str, request_id: str) -> None: ...
    def leave(self, account_id: str, request_id: str) -> None: ...
    async def renew(self) -> None:
        """Says again which places are taken. Unavailable when nobody hears it."""
        ...

    async def aclose(self) -> None: ...


def too_many_streams(most: int) -> TooMany:
    return TooMany(f"At most {most} requests may run at once. Wait until one has ended.", retry_after=1)
