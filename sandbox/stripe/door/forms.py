"""Stripe's form encoding: `a[b][0]=c` and back into dicts and lists."""

from __future__ import annotations

import re
from typing import cast
from urllib.parse import parse_qsl

from sandbox.stripe.door.errors import Refused

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
PART = re.compile(r"\[([^\[\]]*)\]")
DEPTH_MAX = 10

Value = str | list["Value"] | dict[str, "Value"]
Form = dict[str, Value]


def decode(encoded: str) -> Form:
    """A form body or query as nested values; every leaf is a string."""
    tree: Form = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        found = KEY.match(key)
        path = [found.group(1), *PART.findall(found.group(2))] if found else []
        if not path or len(path) > DEPTH_MAX:
            raise Refused(400, f"Invalid parameter name: {key[:100]}", code="parameter_unknown", param=key[:100])
        _put(tree, path, value)
    return {key: _lists(value) for key, value in tree.items()}


def _put(tree: Form, path: list[str], value: str) -> None:
    for part in path[:-1]:
        inner = tree.setdefault(_name(tree, part), {})
        if not isinstance(inner, dict):
            raise Refused(400, f"Invalid object at {part}", param=part)
        tree = inner
    tree[_name(tree, path[-1])] = value


def _name(tree: Form, part: str) -> str:
    # `a[]=x&a[]=y` appends.
    return part or str(len(tree))


def _lists(value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(one) for key, one in cast(Form, value).items()}
    if inner and all(key.isdigit() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
