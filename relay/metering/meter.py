"""The meter: fed with an answer's bytes, split anywhere."""

from dataclasses import dataclass, field
from typing import cast

import orjson

from relay.metering.events import (
    BOM,
    ERROR,
    EVENT_END,
    MESSAGE,
    JsonObject,
    a_mapping,
    a_word,
    events,
    parse,
    usage_events,
)
from relay.metering.learnt import Learnt

TAIL_MAX_BYTES = 1 << 20
"""An event longer than this is passed on, but read no further: no usage event comes near it."""
UNREAD_MAX_BYTES = 256 << 10


@dataclass(slots=True)
class Meter:
    """Feeds on the bytes of one streamed answer, split anywhere."""

    learnt: Learnt = field(default_factory=Learnt)
    real_events: int = 0
    """Reads that held something else than pings: what the silence time-out watches."""
    _tail: bytes = b""
    _skipping: bool = False
    _after_return: bool = False
    _unread: list[bytes] = field(default_factory=list[bytes])
    _unread_bytes: int = 0
    _block_bytes: int = 0
    _after_results: bool = False

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes. True when something was learnt that belongs into the journal at once."""
        if b"\r" in data or self._after_return:
            data = self._with_plain_line_ends(data)
        if self._skipping:
            data = self._after_giant(data)
        if self._tail:
            data, self._tail = self._tail + data, b""
        end = data.rfind(EVENT_END)
        cut = end + len(EVENT_END) if end >= 0 else 0
        if cut != len(data):
            self._keep_tail(data[cut:])
        return self._take_blocks(data[:cut]) if cut else False

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        """CR, and CR LF even when it is split, are LF from here on."""
        if self._after_return:
            data = data.removeprefix(b"\n")
        self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take_blocks(self, blocks: bytes) -> bool:
        if b"content_block" in blocks:
            self.real_events += 1
            self._unread.append(blocks)
            self._unread_bytes += len(blocks)
            if self._unread_bytes > UNREAD_MAX_BYTES:
                self.count_text()
        if MESSAGE in blocks or ERROR in blocks:
            return self._take_events(blocks)
        return False

    def _take_events(self, blocks: bytes) -> bool:
        began = False
        for event in usage_events(blocks):
            match event.get("type"):
                case "message_start":
                    self._take_start(event)
                    began = True
                case "message_delta":
                    self._take_delta(event)
                case "message_stop":
                    self.learnt.stopped = True
                    self.learnt.final = self.learnt.final or self.learnt.told
                case "error":
                    self.learnt.error = a_word(a_mapping(event, "error"), "type", "error")
                case _:
                    continue
            self.real_events += 1
        return began

    def _take_start(self, event: JsonObject) -> None:
        message = a_mapping(event, "message")
        self.learnt.started = True
        self.learnt.answered_by = a_word(message, "model", "")[:100]
        self.learnt.take_usage(a_mapping(message, "usage"))

    def _take_delta(self, event: JsonObject) -> None:
        self.learnt.told = self.learnt.take_usage(a_mapping(event, "usage"))
        self.learnt.stop_reason = a_word(a_mapping(event, "delta"), "stop_reason", self.learnt.stop_reason)
        self.learnt.final = self.learnt.told and bool(self.learnt.stop_reason)
        if self.learnt.told and not self.learnt.final:
            # Totals that are not yet the last ones hold every pass so far.
            self.count_text()
            self.learnt.passes = self.learnt.found_read_tokens = 0

    def finish(self) -> None:
        """The answer has ended: reads a last event that no empty line closed, and counts the text if it must."""
        self.feed(EVENT_END)
        if not self.learnt.final:
            self.count_text()

    def count_text(self) -> None:
        """Brings the estimate up to what has been fed."""
        for event in events(b"".join(self._unread)):
            kind = event.get("type")
            if kind == "content_block_start":
                self._block_bytes = 0
                self._take_block(a_mapping(event, "content_block"))
            elif kind == "content_block_delta":
                self._count_delta(a_mapping(event, "delta"))
        self._unread.clear()
        self._unread_bytes = 0

    def _take_block(self, block: JsonObject) -> None:
        is_answer, content = block.get("type") == "web_search_tool_result", block.get("content")
        if isinstance(content, list) and is_answer:
            # A search that failed is free: one error stands there instead of a list.
            self.learnt.take_results(cast(list[object], content))
        elif self._after_results and not is_answer:
            self.learnt.go_on_after_results()
        self._after_results = is_answer
        if block.get("type") == "redacted_thinking":
            self.learnt.take_sealed(a_word(block, "data", ""))

    def _count_delta(self, delta: JsonObject) -> None:
        text = _text_of(delta)
        self._block_bytes += len(text)
        self.learnt.take_text(text)
        if "signature" in delta:
            self.learnt.take_sealed(a_word(delta, "signature", ""), self._block_bytes)

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
        end = data.find(b"\n")
        if end < 0:
            self.learnt.text_bytes += len(data)
            return b""
        self._skipping = False
        self.learnt.text_bytes += end
        return data[end:]


def read_plain(body: bytes) -> Learnt:
    """What a plain (not streamed) answer says of its bill. One that cannot be read was billed all the same."""
    learnt = Learnt(started=bool(body))
    message = parse(body.removeprefix(BOM))
    if message.get("type") != "message":
        learnt.text_bytes = len(body)
        return learnt
    learnt.final = learnt.stopped = learnt.take_usage(a_mapping(message, "usage"))
    learnt.stop_reason = a_word(message, "stop_reason", "")
    learnt.answered_by = a_word(message, "model", "")[:100]
    if not learnt.final:
        learnt.take_text(orjson.dumps(message.get("content")))
    return learnt


def _text_of(delta: JsonObject) -> bytes:
    for name in ("text", "partial_json", "thinking"):
        text = delta.get(name)
        if text and isinstance(text, str):
            return text.encode("utf-8", "surrogatepass")
    return b""
