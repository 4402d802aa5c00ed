"""Server-sent events as mappings, whatever upstream has made of them."""

from collections.abc import Mapping
from typing import cast

import orjson

COUNT_MAX = 10**8
"""A hundred times what any context holds. A larger count is impossible, and its price would fit no column."""
MESSAGE, ERROR = b"message_", b'"error"'
"""No event that tells of the bill is without one of these."""
EVENT_END = b"\n\n"
BOM = b"\xef\xbb\xbf"
JsonObject = Mapping[str, object]
"""As upstream wrote it: every value is looked at before it is believed."""


def usage_events(blocks: bytes) -> list[JsonObject]:
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


def events(blocks: bytes) -> list[JsonObject]:
    """What `blocks` tells: events that end in an empty line, lines that end in LF. U+2028 in a text ends no line."""
    return [event for block in blocks.split(EVENT_END) for event in _read(block)]


def _read(block: bytes) -> list[JsonObject]:
    """One event's data may stand on several lines; lines that are no JSON together are each read alone."""
    data = [line[5:] for line in block.removeprefix(BOM).split(b"\n") if line.startswith(b"data:")]
    whole = parse(b"\n".join(data))
    return [whole] if whole or len(data) < 2 else [parse(line) for line in data]


def parse(data: bytes) -> JsonObject:
    try:
        return an_object(orjson.loads(data)) or {}
    except orjson.JSONDecodeError:
        return {}


def an_object(value: object) -> JsonObject | None:
    """None for anything else."""
    return cast(JsonObject, value) if isinstance(value, dict) else None


def a_mapping(of: JsonObject, name: str) -> JsonObject:
    return an_object(of.get(name)) or {}


def a_count(usage: JsonObject, name: str, otherwise: int) -> int:
    value = usage.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
        return value
    return otherwise


def a_word(of: JsonObject, name: str, otherwise: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else otherwise
