"""The pool of connections to upstream, and the heads of requests. Last in, first out: the warmest connection serves."""

import asyncio
import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from relay.errors import UpstreamFailed, UpstreamTimedOut
from relay.gateways.claude.connection import Answer, Connection
from relay.settings import Settings

IDLE_SECONDS_MAX = 30
PIECE_BYTES = 256 << 10
VERSION = b"2023-06-01"
Header = tuple[bytes, bytes]


class Claude:
    """Upstream at `ANTHROPIC_BASE_URL`, and nowhere else: no redirects, no proxies, no environment."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.ANTHROPIC_BASE_URL)
        self._host = address.hostname or ""
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._port = address.port or (443 if self._tls else 80)
        self._prefix = address.path.rstrip("/")
        self._connect_seconds = settings.UPSTREAM_CONNECT_SECONDS
        self._idle: list[Connection] = []
        host = address.netloc.rpartition("@")[2].encode()
        key = settings.secret("ANTHROPIC_API_KEY").encode()
        self._fixed = (
            b" HTTP/1.1\r\nhost: " + host + b"\r\nx-api-key: " + key + b"\r\naccept-encoding: identity\r\n"
            b"connection: keep-alive\r\n"
        )

    async def send(
        self, method: str, path: str, headers: Iterable[Header] = (), body: bytes | bytearray = b""
    ) -> Answer:
        """Sends one request; raises UpstreamFailed or UpstreamTimedOut when no connection can be made."""
        connection = self._take_idle() or await self._connect()
        head = [f"{method} {self._prefix}{path}".encode(), self._fixed]
        for name, value in headers:
            head += (name, b": ", value, b"\r\n")
        if body:
            head.append(b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body))
        head.append(b"\r\n")
        if len(body) <= PIECE_BYTES:
            return connection.send([b"".join(head), body] if body else head)
        return await _send_in_pieces(connection, b"".join(head), body)

    async def ask(
        self, method: str, path: str, headers: Iterable[Header], body: bytes | bytearray, seconds: float
    ) -> tuple[Answer, bytes]:
        """A small exchange read whole, within `seconds` in all and 8 MB."""
        answer: Answer | None = None
        try:
            async with asyncio.timeout(seconds):
                answer = await self.send(method, path, headers, body)
                await answer.head()
                return answer, await _read_all(answer)
        except TimeoutError:
            raise UpstreamTimedOut() from None
        finally:
            if answer is not None:
                answer.close()

    def close(self) -> None:
        """Drops the idle connections; those in use end with their exchange."""
        while self._idle:
            self._idle.pop().end(reusable=False)

    def _take_idle(self) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and now - connection.idle_since < IDLE_SECONDS_MAX:
                return connection
            connection.end(reusable=False)
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._free), self._host, self._port, ssl=self._tls
                )
                return connection
        except TimeoutError:
            raise UpstreamTimedOut("Claude could not be reached in time. Nothing was charged.") from None
        except OSError as error:
            raise UpstreamFailed() from error

    def _free(self, connection: Connection) -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)


async def _send_in_pieces(connection: Connection, head: bytes, body: bytes | bytearray) -> Answer:
    """TLS enciphers all that it is given at once, and nothing else goes on meanwhile."""
    pieces = memoryview(body)
    answer = connection.send([head, pieces[:PIECE_BYTES]])
    try:
        for start in range(PIECE_BYTES, len(body), PIECE_BYTES):
            await asyncio.sleep(0)
            connection.send_more(pieces[start : start + PIECE_BYTES])
    except BaseException:
        answer.close()
        raise
    return answer


async def _read_all(answer: Answer) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := await answer.read():
        size += len(data)
        if size > 8 << 20:
            raise UpstreamFailed("Claude's answer is too large.")
        parts.append(data)
    return b"".join(parts)
