"""Reads usage out of the upstream's answer while the bytes pass by. It never changes, delays or keeps them for long.

Only `message_start`, `message_delta` and `error` events are parsed as they come. What a cut stream must be estimated
from (the text that upstream wrote) is counted when it is asked for: at journal time and at an untimely end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from relay.pricing import Tokens

TAIL_MAX_BYTES = 1 << 20
"""An event longer than this is passed on, but read no further: no usage event comes near it."""
UNREAD_MAX_BYTES = 256 << 10
BYTES_PER_TOKEN = 4
"""The estimate's rule: prose averages four bytes a token, and every delta is at least one token."""
_PIECE = re.compile(rb"[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d]{1,3}")
"""Dense text (JSON, figures) has more tokens than that: one at least for each word, figure and run of signs."""


@dataclass(slots=True)
class Learnt:
    """What is known of a call's bill so far; as JSON it is the journal."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    web_searches: int = 0
    started: bool = False
    told: bool = False
    final: bool = False
    stopped: bool = False
    unsplit: bool = False
    geo: str = ""
    speed: str = ""
    service_tier: str = ""
    stop_reason: str = ""
    error: str = ""
    unsure: bool = False
    """Something was billed that upstream did not tell: a part of this is our own count."""
    deltas: int = 0
    pieces: int = 0
    text_bytes: int = 0
    first_token_ms: int | None = None
    upstream_request_id: str = ""

    def tokens(self, max_tokens: int) -> Tokens:
        """Upstream's last word where it came, else the estimate; never above `max_tokens` unless upstream said so."""
        output = self.output if self.final else max(self.output, self.estimated_output(max_tokens))
        return Tokens(self.input, output, self.cache_read, self.cache_write_5m, self.cache_write_1h, self.web_searches)

    @property
    def estimated(self) -> bool:
        """True when the last word never came although the answer had begun."""
        return self.unsure or (self.started and not self.final)

    @property
    def lacks_input(self) -> bool:
        """True when upstream has not said how long the prompt was: none has no tokens at all."""
        return self.started and not (self.input or self.cache_read or self.cache_write_5m or self.cache_write_1h)

    @property
    def failed_free(self) -> bool:
        """True for an `error` event before the first token: upstream bills nothing of it."""
        return bool(self.error) and not self.deltas and not self.told

    def estimated_output(self, max_tokens: int) -> int:
        by_size = -(-self.text_bytes // BYTES_PER_TOKEN)
        return min(max_tokens, max(self.deltas, self.pieces, by_size))

    def take_text(self, text: bytes) -> None:
        """Text of one delta that upstream wrote."""
        if text:
            self.deltas += 1
            self.text_bytes += len(text)
            self.pieces += sum(1 for _ in _PIECE.finditer(text))

    def journal(self) -> str:
        return orjson.dumps(self).decode()

    @classmethod
    def from_journal(cls, journal: str | None) -> "Learnt":
        return cls(**orjson.loads(journal)) if journal else cls()

    def take_usage(self, usage: Mapping[str, Any]) -> bool:
        """Cumulative totals replace what was known; absent or impossible ones leave it. True if output was told."""
        self.input = _count(usage, "input_tokens", self.input)
        self.cache_read = _count(usage, "cache_read_input_tokens", self.cache_read)
        self._take_cache_writes(usage)
        self._take_searches(usage)
        self.geo = _word(usage, "inference_geo", self.geo)
        self.speed = _word(usage, "speed", self.speed)
        self.service_tier = _word(usage, "service_tier", self.service_tier)
        told = _count(usage, "output_tokens", -1)
        self.output = self.output if told < 0 else told
        return told >= 0

    def _take_cache_writes(self, usage: Mapping[str, Any]) -> None:
        split = usage.get("cache_creation")
        if isinstance(split, Mapping):
            parts = cast(Mapping[str, Any], split)
            self.cache_write_5m = _count(parts, "ephemeral_5m_input_tokens", 0)
            self.cache_write_1h = _count(parts, "ephemeral_1h_input_tokens", 0)
        total = _count(usage, "cache_creation_input_tokens", self.cache_write_5m + self.cache_write_1h)
        unexplained = total - self.cache_write_5m - self.cache_write_1h
        if unexplained:
            # Told without a split, or one that does not add up: the rest counts as 5-minute writes.
            self.unsplit = True
            self.cache_write_1h = min(self.cache_write_1h, total)
            self.cache_write_5m = total - self.cache_write_1h

    def _take_searches(self, usage: Mapping[str, Any]) -> None:
        tools = usage.get("server_tool_use")
        if isinstance(tools, Mapping):
            self.web_searches = _count(cast(Mapping[str, Any], tools), "web_search_requests", self.web_searches)


@dataclass(slots=True)
class Meter:
    """Feeds on the bytes of one streamed answer, split anywhere."""

    learnt: Learnt = field(default_factory=Learnt)
    real_events: int = 0
    """Reads that held something else than pings: what the silence time-out watches."""
    _tail: bytes = b""
    _skipping: bool = False
    _unread: list[bytes] = field(default_factory=list[bytes])
    _unread_bytes: int = 0
    _block_has_text: bool = False

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes. True when something was learnt that belongs into the journal at once."""
        if self._skipping:
            data = self._after_giant(data)
        if self._tail:
            data, self._tail = self._tail + data, b""
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if cut != len(data):
            self._keep_tail(data[cut:])
        return self._take_lines(data[:cut]) if cut else False

    def _take_lines(self, lines: bytes) -> bool:
        if b"content_block" in lines:
            self.real_events += 1
            self._unread.append(lines)
            self._unread_bytes += len(lines)
            if self._unread_bytes > UNREAD_MAX_BYTES:
                self.count_text()
        if b"message_" in lines or b'"error"' in lines:
            return self._take_events(lines)
        return False

    def _take_events(self, lines: bytes) -> bool:
        told = False
        for event in _data_lines(lines):
            kind = event.get("type")
            if kind == "message_start":
                told = self._take_start(event) or told
            elif kind == "message_delta":
                self._take_delta(event)
            elif kind == "message_stop":
                self.learnt.stopped = True
                self.learnt.final = self.learnt.final or self.learnt.told
            elif kind == "error":
                self.learnt.error = _word(_mapping(event, "error"), "type", "error")
            else:
                continue
            self.real_events += 1
        return told

    def _take_start(self, event: Mapping[str, Any]) -> bool:
        self.learnt.started = True
        self.learnt.take_usage(_mapping(_mapping(event, "message"), "usage"))
        return True

    def _take_delta(self, event: Mapping[str, Any]) -> None:
        self.learnt.told = self.learnt.take_usage(_mapping(event, "usage"))
        self.learnt.stop_reason = _word(_mapping(event, "delta"), "stop_reason", self.learnt.stop_reason)
        self.learnt.final = self.learnt.told and bool(self.learnt.stop_reason)

    def finish(self) -> None:
        """The answer has ended: reads a last line that no line end closed, and counts the text if it must."""
        self.feed(b"\n")
        if not self.learnt.final:
            self.count_text()

    def count_text(self) -> None:
        """Brings the estimate up to what has been fed."""
        for event in _data_lines(b"".join(self._unread)):
            kind = event.get("type")
            if kind == "content_block_start":
                self._block_has_text = False
            elif kind == "content_block_delta":
                self._count_delta(_mapping(event, "delta"))
        self._unread.clear()
        self._unread_bytes = 0

    def _count_delta(self, delta: Mapping[str, Any]) -> None:
        text = _text_of(delta)
        if not text and not self._block_has_text:
            # Thinking that is not shown is billed all the same; its signature is all there is to see of it.
            text = _word(delta, "signature", "").encode("utf-8", "surrogatepass")
        self._block_has_text = self._block_has_text or bool(text)
        self.learnt.take_text(text)

    def _keep_tail(self, tail: bytes) -> None:
        if len(tail) <= TAIL_MAX_BYTES:
            self._tail = tail
            return
        # A giant event: its size still counts as text that upstream wrote, its content is not kept.
        if b"content_block" in tail[:256]:
            self.learnt.deltas += 1
            self.real_events += 1
        self.learnt.text_bytes += len(tail)
        self._skipping = True

    def _after_giant(self, data: bytes) -> bytes:
        ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
        if not ends:
            self.learnt.text_bytes += len(data)
            return b""
        self._skipping = False
        self.learnt.text_bytes += min(ends)
        return data[min(ends) :]


def read_plain(body: bytes) -> Learnt:
    """What a plain (not streamed) answer says of its bill. One that cannot be read was billed all the same."""
    learnt = Learnt(started=bool(body))
    message = _parse(body)
    if message.get("type") != "message":
        learnt.text_bytes = len(body)
        return learnt
    learnt.final = learnt.stopped = learnt.take_usage(_mapping(message, "usage"))
    learnt.stop_reason = _word(message, "stop_reason", "")
    if not learnt.final:
        learnt.take_text(orjson.dumps(message.get("content")))
    return learnt


def _data_lines(lines: bytes) -> list[Mapping[str, Any]]:
    # Bytes split on CR and LF alone: U+2028 inside a text is no line end here.
    return [_parse(line[5:]) for line in lines.splitlines() if line.startswith(b"data:")]


def _parse(data: bytes) -> Mapping[str, Any]:
    try:
        parsed: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return cast(Mapping[str, Any], parsed) if isinstance(parsed, dict) else {}


def _mapping(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: Any = of.get(name)
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def _text_of(delta: Mapping[str, Any]) -> bytes:
    for name in ("text", "partial_json", "thinking"):
        if text := _word(delta, name, ""):
            return text.encode("utf-8", "surrogatepass")
    return b""


def _count(usage: Mapping[str, Any], name: str, otherwise: int) -> int:
    value: Any = usage.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12
    return cast(int, value) if is_count else otherwise


def _word(of: Mapping[str, Any], name: str, otherwise: str) -> str:
    value: Any = of.get(name)
    return value if isinstance(value, str) else otherwise
