"""Server-sent events as mappings, whatever upstream has made of them."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

COUNT_MAX = 10**8
"""A hundred times what any context holds. A larger count is impossible, and its price would fit no column."""
MESSAGE, ERROR = b"message_", b'"error"'
"""No event that tells of the bill is without one of these."""


def usage_events(lines: bytes) -> list[Mapping[str, Any]]:
    """The events of `events` that may tell of the bill, in their order. A read can hold a hundred others."""
    found: dict[int, bytes] = {}
    for word in (MESSAGE, ERROR):
        at, ends = lines.find(word), 0
        while at >= 0:
            begins = max(ends, lines.rfind(b"\n", ends, at) + 1, lines.rfind(b"\r", ends, at) + 1)
            ends = _line_end(lines, at)
            found[begins] = lines[begins:ends]
            at = lines.find(word, ends)
    return [parse(line[5:]) for _, line in sorted(found.items()) if line.startswith(b"data:")]


def _line_end(lines: bytes, at: int) -> int:
    ends = lines.find(b"\n", at)
    ends = len(lines) if ends < 0 else ends
    before = lines.find(b"\r", at, ends)
    return ends if before < 0 else before


def events(lines: bytes) -> list[Mapping[str, Any]]:
    # Bytes split on CR and LF alone: U+2028 inside a text is no line end here.
    return [parse(line[5:]) for line in lines.splitlines() if line.startswith(b"data:")]


def parse(data: bytes) -> Mapping[str, Any]:
    try:
        parsed: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return cast(Mapping[str, Any], parsed) if isinstance(parsed, dict) else {}


def a_mapping(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: Any = of.get(name)
    return cast(Mapping[str, Any], value) if isinstance(value, dict) else {}


def a_count(usage: Mapping[str, Any], name: str, otherwise: int) -> int:
    value: Any = usage.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX
    return cast(int, value) if is_count else otherwise


def a_word(of: Mapping[str, Any], name: str, otherwise: str) -> str:
    value: Any = of.get(name)
    return value if isinstance(value, str) else otherwise
