"""Server-sent events as mappings, whatever upstream has made of them."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

COUNT_MAX = 10**8
"""A hundred times what any context holds. A larger count is impossible, and its price would fit no column."""
MESSAGE, ERROR = b"message_", b'"error"'
"""No event that tells of the bill is without one of these."""
EVENT_END = b"\n\n"
BOM = b"\xef\xbb\xbf"


def usage_events(blocks: bytes) -> list[Mapping[str, Any]]:
    """Of `events` those that may tell of the bill, in their order. A read can hold a hundred others."""
    found: dict[int, bytes] = {}
    for word in (MESSAGE, ERROR):
        at, ends = blocks.find(word), 0
        while at >= 0:
            before = blocks.rfind(EVENT_END, ends, at)
            begins = ends if before < 0 else before + len(EVENT_END)
            after = blocks.find(EVENT_END, at)
            ends = len(blocks) if after < 0 else after
            found[begins] = blocks[begins:ends]
            at = blocks.find(word, ends)
    return [event for _, block in sorted(found.items()) for event in _read(block)]


def events(blocks: bytes) -> list[Mapping[str, Any]]:
    """What `blocks` tells: events that end in an empty line, lines that end in LF. U+2028 in a text ends no line."""
    return [event for block in blocks.split(EVENT_END) for event in _read(block)]


def _read(block: bytes) -> list[Mapping[str, Any]]:
    """One event's data may stand on several lines; lines that are no JSON together are each read alone."""
    data = [line[5:] for line in block.removeprefix(BOM).split(b"\n") if line.startswith(b"data:")]
    whole = parse(b"\n".join(data))
    return [whole] if whole or len(data) < 2 else [parse(line) for line in data]


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
