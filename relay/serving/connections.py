"""One connection of the server: uvicorn's, with bounds on what a stranger may make it wait for.

uvicorn times nothing but the pause between two requests. Here a head comes within HEAD_SECONDS and HEAD_BYTES_MAX, an
answer is taken off our hands within WRITE_SECONDS, and when there are too many connections, the one that has kept us
waiting for longest makes room: idle ones never keep anybody out.
"""

import asyncio
import resource
from functools import cache
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from relay.endpoints.answers import problem
from relay.endpoints.claude import PREFIX, wire
from relay.endpoints.safety import SAFETY
from relay.errors import BadInput, HeadTooLarge, ProductError, TooSlow
from relay.ids import new_id
from relay.settings import settings

HEAD_BYTES_MAX = 64 << 10
HEAD_LINES_MAX = 200
IDLE_SECONDS = 5.0
"""Between two requests."""
REST_SECONDS = 30.0
"""For what is left of a body whose answer has gone out already: whoever still sends would lose that answer."""
WRITE_SECONDS = 120.0
FILES_KEPT = 256
"""File descriptors for everything that is no connection of a client's."""
_waiting: dict["Connection", None] = {}
"""Connections of this process that owe us something, the oldest first."""


@cache
def connections_max() -> int:
    """CONNECTIONS_MAX, or as many as this process may have files; asks the system for as many as it allows."""
    most = settings().CONNECTIONS_MAX
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + FILES_KEPT
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    return most if soft == resource.RLIM_INFINITY else max(1, min(most, soft - FILES_KEPT))


class Connection(HttpToolsProtocol):
    """What uvicorn calls when something happens on a socket; the parser calls back from within `data_received`."""

    _clock: asyncio.TimerHandle | None = None
    _write_clock: asyncio.TimerHandle | None = None
    _refusal: ProductError | None = None
    _in_head = True
    _has_begun = False
    _lingers = False
    _untold = 0
    _has_told = False
    _data = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(settings().HEAD_SECONDS)
        if len(self.connections) > connections_max():
            oldest = next(iter(_waiting))
            oldest._stop_waiting()
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_write_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._data, self._has_told = data, False
        super().data_received(data)
        self._data = b""
        # Lines that are not whole yet, trailers, and what describes chunks are nobody's, and could go on without end.
        self._untold = 0 if self._has_told else self._untold + len(data)
        if self._untold > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse(HeadTooLarge())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._has_begun = True
        self._wait(settings().HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What follows a body is no header: whoever checked the head has not seen it.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES_MAX or len(self.headers) > HEAD_LINES_MAX:
            self._refusal = HeadTooLarge()
            raise ValueError("the head is too large")
        if _is_ambiguous(self.headers):
            raise ValueError("two servers could read this head differently")
        self._in_head, self._has_told = False, True
        self._stop_clock()
        super().on_headers_complete()
        cycle = self._newest
        if cycle is not None and not cycle.keep_alive:
            cycle.transport = cast(asyncio.Transport, _Lingering(self))

    def on_body(self, body: bytes) -> None:
        self._has_told = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._has_begun = False
        cycle = self._newest
        if cycle is None or not cycle.response_complete:
            self._stop_waiting()
        super().on_message_complete()
        if self._lingers:
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline:
            self._in_head = not self._has_begun
            self._wait(REST_SECONDS if self._has_begun else IDLE_SECONDS)

    def hang_up(self) -> None:
        """Once the body has come: a connection that is closed before takes the answer with it, on its way."""
        if not self._has_begun:
            self.transport.close()
        else:
            self._lingers = True
            self._wait(REST_SECONDS)

    def handle_websocket_upgrade(self) -> None:
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP. The words are uvicorn's; ours say more to those who read them."""
        self._refuse(self._refusal or BadInput("This is no HTTP that we understand."))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_clock = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_write_clock()

    def _refuse(self, error: ProductError) -> None:
        """Answers and hangs up; or, when earlier requests wait for theirs, lets them have it and hangs up then."""
        cycle = self._newest
        if cycle is not None and not cycle.response_complete and (self._in_head or self.pipeline):
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_answer(error, self._path()))
        self.transport.close()

    @property
    def _newest(self) -> RequestResponseCycle | None:
        """The request that came last. Before the first there is none, whatever uvicorn's types say."""
        return cast("RequestResponseCycle | None", self.cycle)

    def _path(self) -> bytes:
        """What was asked for, as far as that can be told."""
        words = self._data[:HEAD_BYTES_MAX].split(b" ", 2)
        return getattr(self, "url", b"") or (words[1] if len(words) > 1 else b"")

    def _wait(self, seconds: float) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(seconds, self._give_up)
        _waiting[self] = None

    def _give_up(self) -> None:
        if self._has_begun and self._in_head:
            self._refuse(TooSlow())
        self.transport.close()

    def _stop_waiting(self) -> None:
        self._stop_clock()
        _waiting.pop(self, None)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _stop_write_clock(self) -> None:
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None


class _Lingering:
    """The transport as a cycle sees it that hangs up after its answer (`connection: close`, HTTP/1.0)."""

    def __init__(self, connection: Connection) -> None:
        self.write = connection.transport.write
        self.is_closing = connection.transport.is_closing
        self.close = connection.hang_up


def _is_ambiguous(headers: list[tuple[bytes, bytes]]) -> bool:
    """Two hosts, or chunks of something that we do not take off and a server before us may have."""
    hosts = 0
    for name, value in headers:
        hosts += name == b"host"
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            return True
    return hosts > 1


def _answer(error: ProductError, path: bytes) -> bytes:
    request_id = new_id("req")
    if path.startswith(PREFIX.encode()):
        kind, body = "application/json", wire.envelope(error, request_id)
    else:
        kind, body = "application/problem+json", problem(error, request_id).body
    head = [STATUS_LINE[error.status], f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n".encode()]
    head += [b"request-id: ", request_id.encode(), b"\r\ncache-control: no-store\r\nconnection: close\r\n"]
    head += [b"%s: %s\r\n" % header for header in SAFETY]
    return b"".join([*head, b"\r\n", body])
