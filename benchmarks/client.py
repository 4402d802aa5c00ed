"""The load: one connection that asks the same again and again, and notes when the answers come."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from benchmarks.wire import LAST_CHUNK

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SENT_AT = re.compile(rb"t=(\d+);")


@dataclass
class Seen:
    """What all connections of one measurement saw. Nothing is kept unless `noting`. Times in nanoseconds."""

    noting: bool = False
    answers: int = 0
    answers_in_all: int = 0
    failures: list[str] = field(default_factory=list[str])
    first_byte_ns: list[int] = field(default_factory=list[int])
    chunk_late_ns: list[int] = field(default_factory=list[int])


class Asker(asyncio.Protocol):
    """Asks as soon as it is connected, and again after each answer while `goes_on` says so."""

    def __init__(self, request: bytes, seen: Seen, goes_on: Callable[[], bool]) -> None:
        self._request, self._seen, self._goes_on = request, seen, goes_on
        self._transport: asyncio.Transport | None = None
        self._asked_ns = 0
        self._tail = b""
        self._left: int | None = None
        self._begun = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._seen.failures.append(f"connection lost: {exc}")
            self.done.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        self._tail, self._left, self._begun = b"", None, False
        self._asked_ns = time.monotonic_ns()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        if not self._begun:
            self._begin(data, now_ns)
        if self._seen.noting:
            for found in _SENT_AT.findall(data):
                self._seen.chunk_late_ns.append(now_ns - int(found))
        if self._is_whole(data):
            self._finish()

    def _begin(self, data: bytes, now_ns: int) -> None:
        self._begun = True
        if not data.startswith(b"HTTP/1.1 200"):
            self._seen.failures.append(data[:300].decode("latin-1"))
        elif self._seen.noting:
            self._seen.first_byte_ns.append(now_ns - self._asked_ns)
        if length := _LENGTH.search(data, 0, data.find(b"\r\n\r\n") + 4):
            # Head and first body bytes come in one read or in two; the count begins before the head.
            self._left = data.find(b"\r\n\r\n") + 4 + int(length[1])

    def _is_whole(self, data: bytes) -> bool:
        if self._left is not None:
            self._left -= len(data)
            return self._left <= 0
        self._tail = (self._tail + data)[-len(LAST_CHUNK) :]
        return self._tail == LAST_CHUNK

    def _finish(self) -> None:
        self._seen.answers_in_all += 1
        self._seen.answers += self._seen.noting
        if self._goes_on():
            self._ask()
            return
        self.done.set_result(None)
        assert self._transport is not None
        self._transport.close()
