"""Which tool comes next: a change is looked up before it is proposed; what was only asked about is not changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import orjson

from sandbox.claude.request import MessageRequest, Text, Tool, ToolChoice, ToolResult, ToolUse
from sandbox.claude.tooling import Filler, Schema, choose, stems

CHANGE = re.compile(
    r"\b(set|change|adjust|fix|improve|kern|reduce|increase|tighten|tighter|closer|loosen|looser|wider|apart)\b", re.I
)
TIGHTER = re.compile(r"\b(tighten|tighter|closer|reduce|less)\b", re.I)
LOOSER = re.compile(r"\b(loosen|looser|wider|apart|increase|more)\b", re.I)
SPACED = re.compile(r"\b(tighten|tighter|closer|loosen|looser|wider|apart)\b", re.I)
"""Said of letters, these mean their kerning."""
RELATIVE = re.compile(r"\bby\s+(\d+)", re.I)
GENERAL = re.compile(r"\s*(what (is|are)|how (do|does|should|can)|why|explain)\b", re.I)
OURS = re.compile(r"\b(this|these|my|our|here|selected|current|open)\b", re.I)
READING = re.compile(r"^(list|get|read|show|find|look)", re.I)
STEP = 20


@dataclass(frozen=True, slots=True)
class Use:
    """A tool and the input for it."""

    tool: Tool
    value: dict[str, object]


def plan(request: MessageRequest, asked: str) -> Use | None:
    """The tool to use now, or None when it is time to answer."""
    if GENERAL.match(asked) and not OURS.search(asked) and not Filler({}, asked).letters:
        return None
    used = _used(request)
    if used and (isinstance(request.tool_choice, ToolChoice) or not CHANGE.search(asked)):
        return None
    tool = choose(request, asked + " kerning" if SPACED.search(asked) else asked, without=used)
    if tool is None:
        return None
    forced = isinstance(request.tool_choice, ToolChoice)
    if not forced and _lacks_a_number(tool, asked) and (reading := _reading(request, tool, used)):
        tool = reading
    if used and READING.match(tool.name):
        return None
    value = Filler(tool.input_schema, asked).object(tool.input_schema)
    return Use(tool, value | _changed_number(request, tool, value, asked))


def _used(request: MessageRequest) -> set[str]:
    """What was used since the person last said something."""
    names: set[str] = set()
    for turn in reversed(request.messages):
        names |= {block.name for block in turn.content if isinstance(block, ToolUse)}
        if turn.role == "user" and any(isinstance(block, Text) for block in turn.content):
            break
    return names


def _numbers(tool: Tool) -> list[str]:
    properties = cast(dict[str, Schema], tool.input_schema.get("properties", {}))
    required = cast(list[str], tool.input_schema.get("required", []))
    return [name for name in required if properties.get(name, {}).get("type") in ("integer", "number")]


def _lacks_a_number(tool: Tool, asked: str) -> bool:
    """Whether what is now has to be known before the tool can be told what shall be."""
    return bool(_numbers(tool)) and (RELATIVE.search(asked) is not None or not re.search(r"\d", asked))


def _reading(request: MessageRequest, tool: Tool, used: set[str]) -> Tool | None:
    """A tool that reads what the other one writes, going by their names."""
    about = stems(tool.name)
    free = (one for one in request.tools if one.name not in used and READING.match(one.name))
    return next((one for one in free if about & stems(one.name)), None)


def _changed_number(request: MessageRequest, tool: Tool, value: dict[str, object], asked: str) -> dict[str, object]:
    """The number that was found for the same letters, moved by what was asked for, or by a small step."""
    names = _numbers(tool)
    if not names or not _lacks_a_number(tool, asked):
        return {}
    words = {key: text for key, text in value.items() if isinstance(text, str)}
    for found in _found(request):
        if all(found.get(key) == text for key, text in words.items()) and isinstance(found.get(names[0]), int | float):
            relative = RELATIVE.search(asked)
            step = int(relative.group(1)) if relative else STEP
            return {names[0]: cast(int, found[names[0]]) + (-step if _is_tighter(asked) else step)}
    return {names[0]: -STEP if _is_tighter(asked) else STEP}


def _is_tighter(asked: str) -> bool:
    return TIGHTER.search(asked) is not None or LOOSER.search(asked) is None


def _found(request: MessageRequest) -> Iterator[dict[str, object]]:
    """Every object in the newest results."""
    for block in request.messages[-1].content:
        if isinstance(block, ToolResult):
            for text in (part.text for part in block.content if isinstance(part, Text)):
                try:
                    yield from _objects(orjson.loads(text))
                except orjson.JSONDecodeError:
                    continue


def _objects(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        fields = cast(dict[str, object], value)
        yield fields
        for inner in fields.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in cast(list[object], value):
            yield from _objects(inner)
