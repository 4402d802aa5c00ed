"""Reading untrusted JSON: each step names the place that is wrong and what would be right."""

import re
from typing import cast

import orjson

from relay.errors import BadInput

Body = bytes | bytearray
"""As it came; a large one was put together piece by piece."""
Object = dict[str, object]

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
SHOWN_MAX = 60
PARTS_MAX = 500_000
"""Commas, brackets and braces. Reading stops all other streams for as long as it takes, and that goes with the parts,
not with the bytes. They are about every second token at most, and no model reads more than a million tokens.
"""


def shown(value: object) -> str:
    """A short, printable form of what was sent, for a message."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def wrong(path: str, problem: str) -> BadInput:
    """The refusal of one place in the request, such as `messages.0.content.2.source`."""
    return BadInput(f"{path}: {problem}" if path else problem)


def parse(body: Body) -> tuple[Object, bytes]:
    """The request object, and the same request written compactly: what its texts' bytes are counted on.

    BadInput when the body is no JSON object, has too many parts, is nested too deeply, or names a field twice (we
    and upstream could each believe another one of the two).
    """
    if len(body) > PARTS_MAX and sum(body.count(mark) for mark in (b",", b"[", b"{")) > PARTS_MAX:
        raise BadInput(f"The body has more than {PARTS_MAX:,} commas and brackets: more than any model reads.")
    try:
        parsed: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"The body is not valid JSON: {error}.") from None
    try:
        compact = orjson.dumps(parsed)
    except TypeError:
        raise BadInput("The body is nested deeper than 250 levels. Send a flatter one.") from None
    fields = an_object(parsed, "The body")
    if _repeats_a_field(body, compact):
        raise BadInput("The body names a field twice in one object. Send each field once.")
    return fields, compact


def _repeats_a_field(body: Body, compact: bytes) -> bool:
    """Whether the compact writing has lost members that the body had."""
    # Both have equally many quotes, unless the body writes a quote inside a text as \u0022 (slower).
    if b"\\" in body and b"\\u0022" in body:
        return _STRING.sub(b"", body).count(b":") != _STRING.sub(b"", compact).count(b":")
    return body.count(b'"') != compact.count(b'"')


def an_object(value: object, path: str) -> Object:
    if type(value) is not dict:
        raise wrong(path, f"must be a JSON object, not {shown(value)}.")
    return cast(Object, value)


def a_list(value: object, path: str, at_most: int) -> list[object]:
    if type(value) is not list:
        raise wrong(path, f"must be a list, not {shown(value)}.")
    items = cast(list[object], value)
    if len(items) > at_most:
        raise wrong(path, f"has {len(items):,} items; the most is {at_most:,}.")
    return items


def a_string(value: object, path: str) -> str:
    if type(value) is not str:
        raise wrong(path, f"must be a string, not {shown(value)}.")
    return value


def a_flag(value: object, path: str) -> bool:
    if type(value) is not bool:
        raise wrong(path, f"must be true or false, not {shown(value)}.")
    return value


def a_count(value: object, path: str, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise wrong(path, f"must be a whole number from {low:,} to {high:,}, not {shown(value)}.")
    return value


def one_of(value: object, allowed: frozenset[str], path: str) -> str:
    if type(value) is not str or value not in allowed:
        raise wrong(path, f"{shown(value)} is not offered here. Use one of: {', '.join(sorted(allowed))}.")
    return value


def only(fields: Object, allowed: frozenset[str], path: str) -> None:
    """Refuses the first field that is not in the list: nothing passes whose price is not known."""
    if not fields.keys() <= allowed:
        culprit = next(name for name in fields if name not in allowed)
        place = f"{path}.{culprit[:SHOWN_MAX]}" if path else culprit[:SHOWN_MAX]
        raise wrong(place, "this field is not offered here, because what it costs is not known. Leave it out.")
