"""Sending an answer at its pace, and keeping the books while it lasts."""

from __future__ import annotations

import asyncio
import zlib

from sandbox.claude.behaviours import Behaviour
from sandbox.claude.books import Entry
from sandbox.claude.events import PING
from sandbox.claude.script import Script, Told
from sandbox.wire import LAST_CHUNK, Exchange, chunk, head

PLAIN_WAIT_SECONDS_MAX = 2.0
# These look at every event by itself, so that it may not be joined with its neighbours into one write.
SINGLY = frozenset({"slow", "one_byte", "compressed", "bomb", "crlf"})


class Pipe:
    """A body on its way out: chunked or not, gzipped or not, whole or byte by byte."""

    def __init__(self, exchange: Exchange, behaviour: Behaviour) -> None:
        self.exchange = exchange
        self.behaviour = behaviour
        squeezes = "compressed" in behaviour or "bomb" in behaviour
        self.squeeze = zlib.compressobj(wbits=31) if squeezes else None

    async def begin(self, status: int, headers: dict[str, str]) -> None:
        """Sends the head of a chunked answer."""
        coding = {"content-encoding": "gzip"} if self.squeeze else {}
        await self.write(head(status, {**headers, **coding, "transfer-encoding": "chunked"}))

    async def send(self, data: bytes) -> None:
        """Sends one event as one chunk."""
        if "crlf" in self.behaviour:
            data = data.replace(b"\n", b"\r\n")
        if self.squeeze is not None:
            data = self.squeeze.compress(data) + self.squeeze.flush(zlib.Z_SYNC_FLUSH)
        await self.write(chunk(data))

    async def end(self) -> None:
        """Ends the body as HTTP wants it ended."""
        rest = self.squeeze.flush() if self.squeeze is not None else b""
        await self.write((chunk(rest) if rest else b"") + LAST_CHUNK)

    async def write(self, data: bytes) -> None:
        """Writes bytes, one at a time if that was asked for, no faster than the client takes them."""
        if "one_byte" in self.behaviour:
            for at in range(len(data)):
                self.exchange.raw(data[at : at + 1])
                await asyncio.sleep(0)
        else:
            self.exchange.raw(data)
        await self.exchange.drained()


async def stream(exchange: Exchange, entry: Entry, told: Told, pace: float, headers: dict[str, str]) -> None:
    """Streams the answer. `pace` is in tokens per second, 0 for none. `entry` grows as tokens are
    generated.
    """
    script, behaviour, pipe = told.stream(), told.behaviour, Pipe(exchange, told.behaviour)
    if not pace and not behaviour.names & SINGLY and "each" not in behaviour.options:
        await _all_at_once(pipe, entry, script, headers)
    else:
        await pipe.begin(200, headers)
        await _one_by_one(pipe, entry, script, pace)
    await _end(pipe, entry, script)


async def _all_at_once(pipe: Pipe, entry: Entry, script: Script, headers: dict[str, str]) -> None:
    body = [
        head(200, {**headers, "transfer-encoding": "chunked"}),
        *(chunk(step.data) for step in script.steps),
    ]
    if script.ending in ("complete", "error"):
        body.append(LAST_CHUNK)
    if script.steps:
        entry.output_tokens = script.steps[-1].tokens
    pipe.exchange.raw(b"".join(body))
    await pipe.exchange.drained()


async def _one_by_one(pipe: Pipe, entry: Entry, script: Script, pace: float) -> None:
    loop = asyncio.get_running_loop()
    began, delay = loop.time(), pipe.behaviour.number("ms", 200) / 1000 if "slow" in pipe.behaviour else 0.0
    for step in script.steps:
        due = began + step.tokens / pace if pace else 0.0
        wait = max(delay, due - loop.time())
        # Without a pace this still lets every other stream have its turn.
        await asyncio.sleep(max(0.0, wait))
        entry.output_tokens = step.tokens
        await pipe.send(step.data)
    if script.ending in ("complete", "error"):
        await pipe.end()


async def _end(pipe: Pipe, entry: Entry, script: Script) -> None:
    if script.ending == "pings":
        while True:
            await asyncio.sleep(pipe.behaviour.number("ms", 1000) / 1000)
            await pipe.send(PING)
    if script.ending == "stall":
        await asyncio.Event().wait()
    if script.ending == "cut":
        await _cut(pipe, script.torn)
    entry.ended = script.ending


async def _cut(pipe: Pipe, torn: bytes) -> None:
    if torn:
        await pipe.write(chunk(torn))
    pipe.exchange.close(reset=bool(pipe.behaviour.number("reset", 0)))


async def plain(exchange: Exchange, entry: Entry, told: Told, pace: float, headers: dict[str, str]) -> None:
    """Answers in one piece, after the time that generating it would take (two seconds at most)."""
    behaviour, pipe = told.behaviour, Pipe(exchange, told.behaviour)
    total = told.answer.output_tokens
    seconds = min(total / pace, PLAIN_WAIT_SECONDS_MAX) if pace else 0.0
    began = asyncio.get_running_loop().time()
    try:
        await asyncio.sleep(seconds)
        entry.output_tokens = total
    except asyncio.CancelledError:
        spent = asyncio.get_running_loop().time() - began
        entry.output_tokens = int(total * spent / seconds)
        raise
    body, coding = told.plain(), dict[str, str]()
    if pipe.squeeze is not None:
        body, coding = pipe.squeeze.compress(body) + pipe.squeeze.flush(), {"content-encoding": "gzip"}
    length = {"content-length": str(len(body))}
    breaks = next((name for name in ("cut", "cut_mid_event", "stall", "pings_forever") if name in behaviour), "")
    sent = body[: len(body) // 2] if breaks else body
    await pipe.write(head(200, {**headers, **coding, **length}) + sent)
    if breaks in ("stall", "pings_forever"):
        await asyncio.Event().wait()
    if breaks:
        await _cut(pipe, b"")
    entry.ended = "cut" if breaks else "complete"
