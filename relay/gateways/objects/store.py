"""What every store can do."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from typing import NamedTuple, Protocol

from relay.errors import ProductError, Unavailable


class StoreAway(Unavailable):
    message = "Files cannot be reached at the moment. Nothing was changed; please try again."


class Gone(ProductError):
    """The store does not have it, although it should: a defect, or a store that was put back from an old copy."""

    message = "This file cannot be found where it was kept. We have been told; it costs nothing to ask again."


class Kept(NamedTuple):
    """What a store says that it has."""

    id: str
    bytes: int
    at: datetime


class Objects(Protocol):
    """`id`s are ours (`ast_…`), so they are safe as names. Everything raises StoreAway when the store does not answer.

    An object is there whole or not at all, and on the disk before `put` returns.
    """

    async def put(self, id: str, chunks: AsyncIterable[bytes]) -> None:
        """Keeps what comes, a few megabytes of it in memory. Whatever `chunks` raises leaves nothing behind."""
        ...

    async def open(self, id: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes in [start, end), piece by piece. Gone when there is no such object."""
        ...

    async def delete(self, id: str) -> None:
        """It is not there any more, or never was."""
        ...

    def kept(self) -> AsyncIterator[Kept]:
        """Everything that is there, in no order."""
        ...

    async def check(self) -> str:
        """Where it is, in words, when it can be written to. StoreAway, saying why, when it cannot."""
        ...
