"""How the sandbox's Claude misbehaves when a request asks it to.

A marker in the last user text chooses: `[[sandbox: cut after=5 pace=0]]`. Bare words are behaviours,
`name=value` are options; several may be combined where that makes sense. `POST /sandbox/next` queues the same
words for the next request instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.claude.errors import Refusal

MARKER = re.compile(r"\[\[\s*sandbox:\s*([^\]]*)\]\]")

BEHAVIOURS: dict[str, str] = {
    "overloaded": "Answers 529 overloaded_error.",
    "rate_limited": "Answers 429 rate_limit_error with retry-after (`retry`, 7 seconds).",
    "error500": "Answers 500 api_error.",
    "invalid": "Answers 400 invalid_request_error.",
    "stall_before_head": "Takes the request and never answers.",
    "cut_before_head": "Takes the request and closes the connection.",
    "stall": "Sends `after` events and then nothing, with the connection open.",
    "cut": "Sends `after` events and closes the connection (`reset=1`: resets it).",
    "cut_mid_event": "Sends `after` events and half of the next one, then closes the connection.",
    "error_event": "Sends `after` events and then an `error` event (`type`, overloaded_error), and ends.",
    "garbage": "After `after` events sends one data line that is not JSON, then goes on.",
    "giant": "After `after` events sends an event of `mb` megabytes (20), free of charge, then goes on.",
    "pings_forever": "Sends `after` events and then only pings, one every `ms` milliseconds (1000).",
    "one_byte": "Sends every byte in a TCP segment of its own.",
    "crlf": "Ends lines with CR LF.",
    "u2028": "Puts U+2028, U+2029 and U+0085 into the text.",
    "odd_usage": "Odd usage; `kind`: missing, missing_start, shrinking, twice, negative, absurd, unsplit.",
    "slow": "Waits `ms` milliseconds (200) before each event.",
    "slow_head": "Waits `ms` milliseconds (200) before the status line.",
    "compressed": "Sends the body gzipped, though nobody asked for that.",
    "bomb": "Gzips too, with one event that unpacks to `mb` megabytes (200).",
    "fast": "No pacing: the whole answer at once (`each=1`: one write an event).",
}

OPTIONS: dict[str, str] = {
    "after": "How many events come first, message_start being the first (5).",
    "ms": "Milliseconds, where a behaviour waits.",
    "mb": "Megabytes, where a behaviour sends a lot.",
    "pace": "Tokens per second; 0 is as fast as can be.",
    "tokens": "The exact length of the answer in tokens, if `max_tokens` allows it.",
    "kind": "Which odd usage.",
    "type": "The error type of `error_event`.",
    "retry": "Seconds in `retry-after` of `rate_limited`, and of `overloaded` when given.",
    "reset": "1: a cut is a TCP reset.",
    "each": "1: each event is written by itself even without pacing.",
}

ODD_USAGE = ("missing", "missing_start", "shrinking", "twice", "negative", "absurd", "unsplit")
WORDS = {"kind", "type"}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one request asked for."""

    names: frozenset[str] = frozenset()
    options: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def number(self, option: str, default: float) -> float:
        return float(self.options.get(option, default))

    @property
    def after(self) -> int:
        return int(self.number("after", 5))

    @property
    def kind(self) -> str:
        """Which odd usage, or nothing."""
        return self.options.get("kind", "missing") if "odd_usage" in self.names else ""

    @property
    def words(self) -> str:
        """The behaviour as it was asked for, in one spelling."""
        return " ".join([*sorted(self.names), *(f"{name}={value}" for name, value in self.options.items())])


GOOD = Behaviour()


def parse(words: str) -> Behaviour:
    """The behaviour that the words name. An unknown word is a 400, so that a test's typo does not pass
    unseen.
    """
    names, options = set[str](), dict[str, str]()
    for word in words.replace(",", " ").split():
        name, equals, value = word.partition("=")
        if equals and name in OPTIONS and (name in WORDS or _is_number(value)):
            options[name] = value
        elif not equals and name in BEHAVIOURS:
            names.add(name)
        else:
            raise Refusal(400, f"sandbox: no behaviour or option `{word}`; known: {', '.join(BEHAVIOURS)}")
    if "odd_usage" in names and options.get("kind", "missing") not in ODD_USAGE:
        raise Refusal(400, f"sandbox: odd_usage knows the kinds {', '.join(ODD_USAGE)}")
    return Behaviour(frozenset(names), options)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", value) is not None


def in_text(text: str) -> Behaviour:
    """The behaviour that a marker in the text asks for, or good behaviour."""
    found = MARKER.search(text) if "[[" in text else None
    return parse(found.group(1)) if found else GOOD


def without_marker(text: str) -> str:
    return MARKER.sub("", text).strip() if "[[" in text else text.strip()
