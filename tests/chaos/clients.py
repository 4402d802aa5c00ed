"""Many customers with little credit each, who ask for all sorts of things and leave when they like."""

import asyncio
import random
from dataclasses import dataclass, field

import httptools
import orjson

from relay.metering.events import COUNT_MAX
from tests.fixtures.calling import MESSAGES, message

MODELS = ("claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-5-5")
PATIENCE_SECONDS = 20
GOOD = ("", "tokens=1", "each=1 tokens=30", "one_byte tokens=10", "crlf", "u2028", "compressed", "giant mb=1 after=6")
LONG = ("pace=150 tokens=120", "pace=60 tokens=150", "pace=400 tokens=300", "slow ms=20 tokens=20")
ODD = ("missing", "missing_start", "shrinking", "twice", "negative", "absurd", "unsplit")
REFUSALS = ("invalid", "rate_limited", "error500", "overloaded retry=1", "cut_before_head")
BROKEN = ("cut after={n}", "cut_mid_event after={n}", "error_event after={n}", "cut after={n} each=1 reset=1 slow ms=3",
          "stall after={n}", "pings_forever after={n} ms=40", "slow_head ms=250", "garbage after={n}")  # fmt: skip


@dataclass
class Seen:
    """One request as its client saw it. `left` is True when it was the client that hung up."""

    marker: str
    max_tokens: int
    status: int = 0
    request_id: str = ""
    body: bytes = b""
    left: bool = False
    whole: bool = False


@dataclass
class Crowd:
    """`width` clients at once on the accounts of `keys`, until `stop` is set."""

    port: int
    keys: list[str]
    rng: random.Random
    width: int = 16
    seen: list[Seen] = field(default_factory=list[Seen])
    answered: int = 0
    """To their end, with 200."""
    unanswered: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        await asyncio.gather(*(self._one_after_another(stop) for _ in range(self.width)))

    async def _one_after_another(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            seen = Seen(self._marker(), self.rng.randint(40, 400))
            try:
                await asyncio.wait_for(self._ask(seen), PATIENCE_SECONDS)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self.unanswered += not seen.request_id
                await asyncio.sleep(0.05)
            if seen.request_id:
                self.seen.append(seen)
                self.answered += seen.whole and seen.status == 200
            if seen.status != 200:
                await asyncio.sleep(0.02)

    def _marker(self) -> str:
        kinds = [GOOD, GOOD, LONG, LONG, BROKEN, REFUSALS, tuple(f"odd_usage kind={kind}" for kind in ODD)]
        return self.rng.choice(self.rng.choice(kinds)).format(n=self.rng.randint(0, 14))

    async def _ask(self, seen: Seen) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._request(seen))
            await self._read(reader, seen)
        finally:
            writer.transport.abort()

    def _request(self, seen: Seen) -> bytes:
        stream = self.rng.random() < 0.8
        body = message(seen.marker, stream=stream, max_tokens=seen.max_tokens, model=self.rng.choice(MODELS))
        content = orjson.dumps(body)
        head = (
            f"POST {MESSAGES} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {self.rng.choice(self.keys)}\r\n"
            f"connection: close\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    async def _read(self, reader: asyncio.StreamReader, seen: Seen) -> None:
        leave_at = self.rng.choice((None, None, self.rng.randint(0, 400), self.rng.randint(0, 6000)))
        answer, size = _Answer(seen), 0
        while leave_at is None or size < leave_at:
            data = await reader.read(65536 if leave_at is None else leave_at - size)
            if not data:
                return
            size += len(data)
            answer.feed(data)
        seen.left = True
        if leave_at == 0:
            await asyncio.sleep(self.rng.random() / 10)


class _Answer:
    """Takes an answer apart as it comes, in whatever pieces."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)
        self._seen.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"request-id":
            self._seen.request_id = value.decode()

    def on_body(self, body: bytes) -> None:
        self._seen.body += body

    def on_message_complete(self) -> None:
        self._seen.whole = True


def told_output(body: bytes) -> int | None:
    """What the last event that tells it says of the output tokens, of a stream or a plain answer."""
    told: int | None = None
    for line in body.splitlines():
        if line.startswith(b"data:") and b'"message_delta"' in line:
            told = _output(line[5:])
    return _output(body) if told is None and body.startswith(b"{") else told


def _output(written: bytes) -> int | None:
    try:
        usage = orjson.loads(written).get("usage") or {}
    except orjson.JSONDecodeError:
        return None
    found = usage.get("output_tokens")
    # What cannot be is told as well (`odd_usage`), and believed by nobody.
    return found if isinstance(found, int) and 0 <= found <= COUNT_MAX else None
