"""Takes off the compression that upstream puts on although it was asked for none: small steps, within a bound."""

import zlib

from relay.errors import UpstreamFailed

INFLATED_MAX_BYTES = 64 << 20
STEP_BYTES = 64 << 10
WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class Inflater:
    """One compressed body. `feed` what arrives, then `take` until it gives nothing."""

    def __init__(self, encoding: bytes) -> None:
        """UpstreamFailed when the encoding is none that we can read."""
        window = WINDOWS.get(encoding.strip().lower())
        if window is None:
            raise UpstreamFailed("Claude answered in an encoding that was not asked for.")
        self._window = window
        self._zip = zlib.decompressobj(window)
        self._waiting = b""
        self._taken = 0
        self._begun = False

    @property
    def is_whole(self) -> bool:
        """Everything that was fed has been taken, and it was no part of something longer."""
        return not self._waiting and (self._zip.eof or not self._begun)

    def feed(self, data: bytes) -> None:
        self._waiting += data

    def take(self) -> bytes:
        """At most STEP_BYTES; `b""` when more must be fed first. UpstreamFailed on garbage and on bombs."""
        try:
            return self._take()
        except zlib.error:
            raise UpstreamFailed("Claude's answer could not be unpacked.") from None

    def _take(self) -> bytes:
        while True:
            if self._zip.eof and self._waiting:
                # A gzip file may be several in a row.
                self._zip, self._begun = zlib.decompressobj(self._window), False
            had = self._waiting
            found = self._zip.decompress(had, STEP_BYTES)
            self._begun = self._begun or bool(had)
            self._waiting = self._zip.unused_data if self._zip.eof else self._zip.unconsumed_tail
            self._taken += len(found)
            if self._taken > INFLATED_MAX_BYTES:
                raise UpstreamFailed("Claude's answer is too large once it is unpacked.")
            if found or not self._waiting or self._waiting == had:
                return found
