"""What Claude says of the results of tools: a table where there is one in them."""

from __future__ import annotations

from typing import cast

import orjson

from sandbox.claude.request import Text, ToolResult

ROWS_MAX = 8


def tell(results: list[ToolResult]) -> str:
    """The results in words. A failed call is said to have failed."""
    told = [_one(result) for result in results]
    if any(result.is_error for result in results):
        return "\n\n".join(told) + "\n\nTell me how you would like to go on, and I will try another way."
    return "\n\n".join(told)


def _one(result: ToolResult) -> str:
    text = " ".join(block.text for block in result.content if isinstance(block, Text)).strip()
    if result.is_error:
        return f"The call failed: {_short(text) or 'it gave no reason'}."
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return f"Here is what came back: {_short(text) or 'it is done'}"
    return _table(found)


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "…"


def _table(found: object) -> str:
    rows = _rows(found)
    if rows:
        names = list(rows[0])
        lines = ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows[:ROWS_MAX]]
        more = f"\n\n…and {len(rows) - ROWS_MAX} more." if len(rows) > ROWS_MAX else ""
        return (
            "Here is what I found:\n\n"
            + "\n".join(["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *lines])
            + more
        )
    if isinstance(found, dict):
        fields = cast(dict[str, object], found).items()
        told = ", ".join(f"{name.replace('_', ' ')} **{_short(str(value))}**" for name, value in fields)
        return f"It is done: {told}. Look at it beside its neighbours before you keep it."
    return f"The answer is {_short(str(found))}."


def _rows(found: object) -> list[dict[str, object]]:
    """The first list of objects in the result, or nothing."""
    if isinstance(found, dict):
        inner = cast(dict[str, object], found).values()
        return next((rows for value in inner if (rows := _rows(value))), [])
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in cast(list[object], found)):
        return cast(list[dict[str, object]], found)
    return []
