"""A small HTTP/1.1 server that keeps its hands on the socket.

Ordinary servers hide what a faulty upstream does: stop after half a chunk, send one byte a packet, say
nothing. Here an `Exchange` is one request and its answer, and its connection may be written to or cut at any
byte.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

import httptools

BODY_BYTES_MAX = 32 * 1024 * 1024

Handler = Callable[["Exchange"], Awaitable[None]]


@dataclass(slots=True)
class Request:
    """One HTTP request, read whole. Header names are lower case; a repeated header is joined by commas."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    too_large: bool = False


class Connection(asyncio.Protocol):
    """One client's socket. Requests are answered in turn; losing the client cancels the answer."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.task: asyncio.Task[None] | None = None
        self.waiting: deque[Request] = deque()
        self.writable: asyncio.Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.server.connections.discard(self)
        self.waiting.clear()
        if self.task is not None:
            self.task.cancel()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse_garbled()

    def _refuse_garbled(self) -> None:
        if self.transport is not None:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.headers.get("expect", "").lower() == "100-continue" and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.body_bytes <= BODY_BYTES_MAX:
            self.body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self.url.decode("latin-1").partition("?")
        request = Request(
            self.parser.get_method().decode("latin-1"),
            path,
            query,
            self.headers,
            b"".join(self.body),
            self.parser.should_keep_alive(),
            self.body_bytes > BODY_BYTES_MAX,
        )
        self.waiting.append(request)
        if self.task is None:
            self._next()

    def _next(self) -> None:
        if self.waiting and self.transport is not None:
            self.task = asyncio.get_running_loop().create_task(self._answer(self.waiting.popleft()))

    async def _answer(self, request: Request) -> None:
        try:
            await self.server.handler(Exchange(self, request))
            if not request.keep_alive and self.transport is not None:
                self.transport.close()
        except Exception:
            if self.transport is not None:
                self.transport.abort()
            raise
        finally:
            self.task = None
        self._next()

    def pause_writing(self) -> None:
        self.writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self.writable is not None and not self.writable.done():
            self.writable.set_result(None)
        self.writable = None


class Exchange:
    """One request and the means to answer it, well or badly."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self.connection = connection
        self.request = request

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends a whole answer with its length."""
        self.raw(head(status, {**headers, "content-length": str(len(body))}) + body)

    def raw(self, data: bytes) -> None:
        """Writes these very bytes, unless the client is gone."""
        transport = self.connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)

    async def drained(self) -> None:
        """Waits until the client has taken enough for more to be worth writing."""
        if self.connection.writable is not None:
            await self.connection.writable

    def close(self, *, reset: bool = False) -> None:
        """Ends the connection: what was written is delivered, unless `reset` throws it away."""
        transport = self.connection.transport
        if transport is None:
            return
        if not reset:
            transport.close()
            return
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None:
            # Lingering for no time at all is what makes the kernel send RST.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The status line and headers, with the blank line that ends them."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    date = formatdate(usegmt=True)
    return f"HTTP/1.1 {status} {_reason(status)}\r\ndate: {date}\r\n{lines}\r\n".encode("latin-1")


def _reason(status: int) -> str:
    # 529 is Anthropic's own number, unknown to the standard library.
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Overloaded"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


class Server:
    """Listens on a loopback port and hands every request to `handler`."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections: set[Connection] = set()
        self.listener: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Takes over a bound socket and starts answering."""
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: Connection(self), sock=sock, backlog=4096)

    async def stop(self) -> None:
        """Stops listening and drops every client at once."""
        if self.listener is not None:
            self.listener.close()
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
