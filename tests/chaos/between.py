"""Stands between workers and PostgreSQL, counts what workers say, and kills one at its n-th message.

`before` it reaches the server; `unanswered`, when the server has done it and its answer is on the way; or `answered`,
as soon as the worker has been told. It knows this much of PostgreSQL's protocol (Frontend/Backend Protocol, Message
Formats): a byte that names the message, then its length; the first one has no name.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PHASES = ("before", "unanswered", "answered")
APPLICATION = b"application_name\0"


@dataclass
class Strike:
    """At the `at`-th message from now that commits, or of any kind."""

    phase: str
    commits_only: bool
    at: int
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return f"{'commit' if self.commits_only else 'message'} {self.phase}"


@dataclass
class Between:
    server_port: int
    port: int = 0
    armed: Strike | None = None

    def take(self, message: bytes) -> Strike | None:
        """The strike whose turn has come with this message."""
        strike = self.armed
        if strike is None or (strike.commits_only and b"COMMIT" not in message):
            return None
        strike.at -= 1
        if strike.at > 0:
            return None
        self.armed = None
        return strike

    def kill(self, strike: Strike, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            strike.done.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.server_port)
            try:
                await _Connection(self, reader, writer, theirs, ours).run()
            finally:
                ours.close()
        writer.close()


@contextmanager
def in_thread(server_port: int) -> Generator[Between]:
    """On a port of its own, in a thread: whoever starts the workers waits for them."""
    found, started = Between(server_port), threading.Event()
    leave: list[Callable[[], object]] = []

    async def run() -> None:
        left, loop = asyncio.Event(), asyncio.get_running_loop()
        leave.append(lambda: loop.call_soon_threadsafe(left.set))
        server = await asyncio.start_server(found.connect, "127.0.0.1", 0)
        found.port = server.sockets[0].getsockname()[1]
        started.set()
        await left.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="between", daemon=True)
    thread.start()
    started.wait()
    try:
        yield found
    finally:
        leave[0]()
        thread.join()


class _Connection:
    def __init__(
        self, between: Between, reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
        theirs: asyncio.StreamReader, ours: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        self._between = between
        self._reader, self._writer = reader, writer
        self._theirs, self._ours = theirs, ours
        self._strike: Strike | None = None
        self._pid = 0
        """Of a worker that may be killed; commands beside them have none."""

    async def run(self) -> None:
        begin = await self._begin()
        self._ours.write(begin)
        if APPLICATION in begin:
            self._pid = int(begin.split(APPLICATION)[1].split(b"\0")[0])
        both = [asyncio.create_task(self._pass_on()), asyncio.create_task(self._answer())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _begin(self) -> bytes:
        size = await self._reader.readexactly(4)
        return size + await self._reader.readexactly(int.from_bytes(size) - 4)

    async def _pass_on(self) -> None:
        while True:
            head = await self._reader.readexactly(5)
            message = head + await self._reader.readexactly(int.from_bytes(head[1:]) - 4)
            strike = self._between.take(message) if self._pid else None
            if strike is not None and strike.phase == "before":
                self._between.kill(strike, self._pid)
                return
            self._strike = strike or self._strike
            self._ours.write(message)

    async def _answer(self) -> None:
        while data := await self._theirs.read(65536):
            strike = self._strike
            if strike is not None and strike.phase == "unanswered":
                self._between.kill(strike, self._pid)
                return
            self._writer.write(data)
            await self._writer.drain()
            if strike is not None:
                self._between.kill(strike, self._pid)
                return
