"""What is going to be sent, faults and all, before a byte of it is."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from sandbox.claude.behaviours import Behaviour
from sandbox.claude.compose import Answer
from sandbox.claude.counting import Input
from sandbox.claude.events import Json, Step, delta_usage, message, message_delta, sse, steps
from sandbox.claude.request import MessageRequest

MEGABYTE = 1024 * 1024
SHRINK = 50
ABSURD = 10**11

ERROR_MESSAGES = {"overloaded_error": "Overloaded", "api_error": "Internal server error"}


@dataclass(slots=True)
class Script:
    """The events to send, and what comes after the last of them.

    `ending` is one of `complete`, `error`, `cut`, `stall`, `pings`; `torn` is the half event that a cut
    leaves.
    """

    steps: list[Step]
    ending: str = "complete"
    torn: bytes = b""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer with what it costs: all that is needed to tell it, well or badly."""

    request: MessageRequest
    answer: Answer
    billed: Input
    message_id: str
    behaviour: Behaviour

    def stream(self) -> Script:
        """The answer as a stream."""
        found = steps(self.request, self.answer, self.billed, self.message_id)
        if self.behaviour.kind:
            _report_oddly(found, self)
        _insert_strange_events(found, self.behaviour)
        return _ended_early(found, self.behaviour)

    def plain(self) -> bytes:
        """The answer as one JSON document. Garbage is half a document; giants grow by blanks, which JSON
        allows.
        """
        whole = message(self.request, self.answer, self.billed, self.message_id)
        if self.behaviour.kind:
            whole = _odd_message(whole, self.behaviour.kind)
        body = orjson.dumps(whole)
        if "garbage" in self.behaviour:
            return body[: len(body) // 2]
        if "giant" in self.behaviour or "bomb" in self.behaviour:
            return body + b" " * _extra_bytes(self.behaviour)
        return body


def _extra_bytes(behaviour: Behaviour) -> int:
    return int(behaviour.number("mb", 200 if "bomb" in behaviour else 20) * MEGABYTE)


def _report_oddly(found: list[Step], told: Told) -> None:
    kind, honest = told.behaviour.kind, delta_usage(told.answer, told.billed)
    if kind in ("missing_start", "unsplit"):
        found[0] = Step(_odd_start(found[0].data, kind), 0)
    total = told.answer.output_tokens
    early = {"shrinking": total + SHRINK, "twice": total // 2}
    if kind in early:
        found.insert(-2, Step(message_delta(told.answer, {**honest, "output_tokens": early[kind]}), total))
    wrong = {"negative": -total, "absurd": ABSURD}
    if kind == "missing" or kind in wrong:
        last = None if kind == "missing" else {**honest, "output_tokens": wrong[kind]}
        found[-2] = Step(message_delta(told.answer, last), total)


def _odd_start(data: bytes, kind: str) -> bytes:
    event = orjson.loads(data.split(b"data: ", 1)[1])
    return sse("message_start", {**event, "message": _odd_message(event["message"], kind)})


def _odd_message(whole: Json, kind: str) -> Json:
    if kind in ("missing", "missing_start"):
        return {name: value for name, value in whole.items() if name != "usage"}
    usage = whole["usage"]
    assert isinstance(usage, dict)
    if kind == "unsplit":
        return {**whole, "usage": {**usage, "cache_creation": None}}
    if kind == "negative":
        return {**whole, "usage": {**usage, "output_tokens": -usage["output_tokens"]}}
    if kind == "absurd":
        return {**whole, "usage": {**usage, "output_tokens": ABSURD}}
    return whole


def _insert_strange_events(found: list[Step], behaviour: Behaviour) -> None:
    at = min(behaviour.after, len(found))
    done = found[at - 1].tokens if at else 0
    if "garbage" in behaviour:
        torn = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":\n\n'
        found.insert(at, Step(torn, done))
    if "giant" in behaviour or "bomb" in behaviour:
        delta = {"type": "text_delta", "text": "x" * _extra_bytes(behaviour)}
        event = {"type": "content_block_delta", "index": 0, "delta": delta}
        found.insert(at, Step(sse("content_block_delta", event), done))


def _ended_early(found: list[Step], behaviour: Behaviour) -> Script:
    first, rest = found[: behaviour.after], found[behaviour.after :]
    if "error_event" in behaviour:
        kind = behaviour.options.get("type", "overloaded_error")
        error = {"type": kind, "message": ERROR_MESSAGES.get(kind, kind)}
        data = sse("error", {"type": "error", "error": error})
        return Script([*first, Step(data, first[-1].tokens if first else 0)], "error")
    if "cut_mid_event" in behaviour and rest:
        return Script(first, "cut", rest[0].data[: len(rest[0].data) // 2])
    for name, ending in (("cut", "cut"), ("stall", "stall"), ("pings_forever", "pings")):
        if name in behaviour:
            return Script(first, ending)
    return Script(found)
