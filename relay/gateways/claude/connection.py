"""One connection to upstream: a protocol over httptools' parser, one exchange at a time."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import cast

import httptools

from relay.errors import UpstreamFailed
from relay.gateways.claude.inflating import Inflater

BUFFER_MAX_BYTES = 256 << 10
HEAD_MAX_BYTES = 64 << 10


class Answer:
    """Upstream's answer while it arrives. `status` and `headers` (lower-case bytes) are set once `head()` returns."""

    __slots__ = (
        "_buffered", "_chunks", "_connection", "_error", "_head_bytes", "_headed", "_inflater", "_interrupted",
        "_waiter", "complete", "headers", "status", "until_close",
    )  # fmt: skip

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        self.until_close = False
        """Nothing but the end of the connection ends this body, so that who lost half of it cannot tell."""
        self._connection: Connection | None = connection
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._head_bytes = 0
        self._headed = False
        self._inflater: Inflater | None = None
        self._interrupted = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_whole(self) -> bool:
        """All of it has arrived and has been read."""
        unpacked = self._inflater is None or self._inflater.is_whole
        return self.complete and not self._chunks and unpacked

    async def head(self) -> bool:
        """Waits for status and headers. False when interrupted before them; raises when they cannot come."""
        while not self._headed and not self._interrupted:
            if self._error is not None:
                raise self._error
            await self._wait()
        encoding = self.headers.pop(b"content-encoding", b"identity") if self._headed else b"identity"
        if encoding != b"identity":
            self._inflater = Inflater(encoding)
        return self._headed

    async def read(self) -> bytes:
        """What has arrived since the last read, joined and unpacked; `b""` at the end, or when interrupted."""
        while not (data := self._take()):
            if self.complete and not self.is_whole:
                raise UpstreamFailed("Claude's answer ended too early.")
            if self.complete or self._interrupted:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()
        if self._inflater is not None:
            # Unpacking one small read can take many steps: others have their turn between them.
            await asyncio.sleep(0)
        return data

    def arrived(self) -> Generator[bytes]:
        """Everything that has arrived and was not read, without waiting; as far as it can be unpacked."""
        with suppress(UpstreamFailed):
            while data := self._take():
                yield data

    def _take(self) -> bytes:
        if self._inflater is None:
            return self._join()
        while not (found := self._inflater.take()) and self._chunks:
            self._inflater.feed(self._join())
        return found

    def _join(self) -> bytes:
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered > BUFFER_MAX_BYTES and self._connection is not None:
            self._connection.resume()
        self._buffered = 0
        return data

    def interrupt(self) -> None:
        """Wakes whoever waits: the client has gone."""
        self._interrupted = True
        self._wake()

    def go_on(self) -> None:
        """Ends the interruption, so that what still comes can be drained."""
        self._interrupted = False

    def fail(self, error: Exception) -> None:
        """Ends the exchange from our side (a time-out): the reader gets `error`, the connection is dropped."""
        self._error = self._error or error
        self.close()
        self._wake()

    def close(self) -> None:
        """Gives the connection back when the answer is whole; drops it, and upstream's work with it, when not."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.end(reusable=self.complete)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the parser reports.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_MAX_BYTES:
            raise ValueError("upstream's headers are too large")
        if not self._headed:
            # What follows a body is no header: the head has been acted on already.
            self.headers[name.lower()] = value

    def on_head(self, status: int) -> None:
        self.status = status
        self._headed = status >= 200
        if not self._headed:
            self.headers.clear()
        is_chunked = b"chunked" in self.headers.get(b"transfer-encoding", b"").lower()
        self.until_close = not is_chunked and b"content-length" not in self.headers

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)

    def on_read_done(self) -> bool:
        """A read has been parsed: wakes the reader. True when it should pause, as nobody takes what arrives."""
        self._wake()
        return self._buffered > BUFFER_MAX_BYTES

    def on_closed(self) -> None:
        self.complete = self.complete or (self._headed and self.until_close)
        self.on_lost(UpstreamFailed("The connection to Claude was lost."))

    def on_lost(self, error: Exception) -> None:
        self._error = self._error or error
        self._wake()


class Connection(asyncio.Protocol):
    """A transport and its parser. `on_free` is told when an exchange has ended and the connection can be used again."""

    def __init__(self, on_free: Callable[["Connection"], None]) -> None:
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: Answer | None = None
        self._keep_alive = False
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: Sequence[bytes | bytearray | memoryview]) -> Answer:
        """Writes a request; the answer arrives at what is returned."""
        if self._transport is None:
            raise UpstreamFailed()
        self._answer = Answer(self)
        self._parser = httptools.HttpResponseParser(self)
        self._keep_alive = False
        self._transport.writelines(request)
        return self._answer

    def send_more(self, data: memoryview) -> None:
        """More of the same request. Upstream may have answered and hung up before it had all: its answer tells."""
        if self._transport is not None and self.is_open:
            self._transport.write(data)

    def end(self, *, reusable: bool) -> None:
        self._answer, self._parser = None, None
        if reusable and self._keep_alive and self.is_open:
            self._on_free(self)
        elif self._transport is not None:
            self._transport.abort()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or self._parser is None:
            # Nothing was asked: an unasked answer would be mistaken for the next one's.
            self.end(reusable=False)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, ValueError) as error:
            self._keep_alive = False
            answer.on_lost(UpstreamFailed(f"Claude's answer could not be read ({type(error).__name__})."))
            return
        if answer.on_read_done() and self._transport is not None and self._answer is answer:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and exc is None:
            self._answer.on_closed()
        elif self._answer is not None:
            self._answer.on_lost(UpstreamFailed("The connection to Claude was lost."))
        self._transport = None

    # httptools' callbacks

    def on_message_begin(self) -> None:
        if self._answer is not None and self._answer.complete:
            raise ValueError("upstream answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is not None:
            self._answer.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._answer is not None and self._parser is not None:
            self._answer.on_head(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.on_body(body)

    def on_message_complete(self) -> None:
        answer, parser = self._answer, self._parser
        if answer is None or parser is None or parser.get_status_code() < 200:
            return
        self._keep_alive = parser.should_keep_alive()
        answer.complete = True
