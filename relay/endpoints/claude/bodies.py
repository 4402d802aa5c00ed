"""Request bodies that this process has in its memory: a bound for all accounts together.

A body is kept until its call has ended, and each account may have several. What does not fit is refused before it is
kept, and told to come back: a process that runs out of memory would take every open stream with it.
"""

from types import TracebackType

from relay.errors import Overloaded

RETRY_SECONDS = 2


class Bodies:
    """The bytes of all bodies that are here now."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self._bytes_max = bytes_max

    def kept(self) -> "Kept":
        """`with bodies.kept() as kept:` one request's share; what it has taken is free again afterwards."""
        return Kept(self)

    def take(self, size: int) -> None:
        if self.bytes + size > self._bytes_max:
            raise Overloaded(retry_after=RETRY_SECONDS)
        self.bytes += size


class Kept:
    """What one request keeps."""

    __slots__ = ("_bodies", "_bytes")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies, self._bytes = bodies, 0

    def take(self, size: int) -> None:
        """Before so many more bytes are kept. Overloaded when there is no room for them."""
        self._bodies.take(size)
        self._bytes += size

    def __enter__(self) -> "Kept":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bodies.bytes -= self._bytes
        self._bytes = 0
