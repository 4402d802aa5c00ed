"""The upstream of every measurement: an HTTP server with next to nothing in it. Prints its port, runs until killed."""

import asyncio
import re
import sys
import time
from functools import lru_cache
from typing import cast

import uvloop

from benchmarks import wire

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PACE = re.compile(rb"pace=(\d+)x(\d+)ms")
_PLAIN = wire.plain_answer()
_quick_stream = lru_cache(wire.quick_stream)


class Stub(asyncio.Protocol):
    """One connection: one exchange after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_ends = self._received.find(b"\r\n\r\n") + 4
        if head_ends < 4:
            return
        length = _LENGTH.search(self._received, 0, head_ends)
        if len(self._received) >= head_ends + (int(length[1]) if length else 0):
            body, self._received = self._received[head_ends:], b""
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        pace = _PACE.search(body)
        if pace is None or b"plainly" in body:
            self._write(_PLAIN)
        elif pace[2] == b"0":
            self._burst(_quick_stream(int(pace[1])), 0)
        else:
            self._write(wire.STREAM_HEAD + wire.START)
            every_seconds = int(pace[2]) / 1000
            now = asyncio.get_running_loop().time()
            self._drip(int(pace[1]) - wire.FRAME_EVENTS, every_seconds, now + every_seconds)

    def _burst(self, writes: list[bytes], at: int) -> None:
        # A turn of the loop between two writes, or they would leave in one system call.
        self._write(writes[at])
        if at + 1 < len(writes):
            asyncio.get_running_loop().call_soon(self._burst, writes, at + 1)

    def _drip(self, left: int, every_seconds: float, due: float) -> None:
        if self._transport is None:
            return
        loop = asyncio.get_running_loop()
        if left:
            loop.call_at(due, self._drip_one, left, every_seconds, due)
        else:
            self._write(wire.END)

    def _drip_one(self, left: int, every_seconds: float, due: float) -> None:
        self._write(wire.text_chunk(f"t={time.monotonic_ns()};"))
        self._drip(left - 1, every_seconds, due + every_seconds)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
