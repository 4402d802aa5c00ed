"""Choosing a tool, and making up an input that fits its JSON schema."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import cast

from sandbox.claude.request import MessageRequest, NoneChoice, Tool, ToolChoice

WORD = re.compile(r"[a-z]{3,}")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
QUOTED = re.compile(r"[\"'`“‘]([^\"'`”’]{1,200})[\"'`”’]")
SPOKEN = re.compile(r"(?<!\w)([^\W_])(?:\s*(?:and|und|/|\+|–|→)\s*)([^\W_])(?!\w)")
CAPITALS = re.compile(r"(?<!\w)([A-Z])([A-Z])(?!\w)")
NAMED = re.compile(
    r"\b(?:pair|of|kern|kerning|tighten|loosen)\s+[\"'“‘]?(?!(?:as|at|by|in|is|it|me|my|of|on|so|to|up)\b)([A-Za-z])([A-Za-z.,])(?!\w)"
)
"""Two letters after a word of kerning, unless they are a word themselves: `kerning of To`."""
LONE = re.compile(r"\b(?:with|letter|glyph|of)\s+[\"'“‘]?([A-Za-z])(?!\w)")
DULL = {
    "the",
    "and",
    "for",
    "with",
    "that",
    "this",
    "from",
    "what",
    "how",
    "you",
    "are",
    "can",
    "get",
    "use",
    "all",
}
DEPTH_MAX = 8

Schema = dict[str, object]


def choose(request: MessageRequest, text: str, without: Collection[str] = ()) -> Tool | None:
    """The tool that the request forces, or the one whose name and description suit the text best."""
    choice = request.tool_choice
    tools = [tool for tool in request.tools if tool.name not in without]
    if not tools or isinstance(choice, NoneChoice):
        return None
    if isinstance(choice, ToolChoice):
        return next(tool for tool in request.tools if tool.name == choice.name)
    best = max(tools, key=lambda tool: _likeness(tool, text))
    forced = choice is not None and choice.type == "any"
    return best if forced or _likeness(best, text) >= 2 else None


def _likeness(tool: Tool, text: str) -> int:
    asked = stems(text)
    spelled = re.sub(r"([a-z])([A-Z])", r"\1 \2", tool.name)
    return 2 * len(asked & stems(spelled)) + len(asked & stems(tool.description))


def stems(text: str) -> set[str]:
    return {word[:5] for word in WORD.findall(text.lower().replace("_", " ")) if word not in DULL}


def _letters(text: str) -> list[str]:
    """The letters that are spoken of: `A and V`, `A/V`, a pair such as `AV`, `of To`, or one: `with T`."""
    for pattern in (SPOKEN, CAPITALS, NAMED, LONE):
        if found := pattern.search(text):
            return list(found.groups())
    return []


class Filler:
    """Fills a schema with what the text offers: quoted words for strings, its numbers for numbers."""

    def __init__(self, root: Schema, text: str) -> None:
        self.root = root
        self.text = text
        self.quoted = list(QUOTED.findall(text))
        self.letters = _letters(text)
        self.numbers = [float(found) for found in NUMBER.findall(text)]

    def fill(self, schema: Schema, name: str = "", depth: int = 0) -> object:
        """A value that the schema accepts. `pattern` and `format` are met for dates and addresses only."""
        schema = self._resolved(schema)
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if "enum" in schema:
            return self._enum(cast(list[object], schema["enum"]))
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next(one for one in kind if one != "null")
        if kind == "object":
            return self.object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        return self._scalar(cast(str, kind), schema, name)

    def _resolved(self, schema: Schema) -> Schema:
        for key in ("anyOf", "oneOf"):
            if options := cast(list[Schema], schema.get(key)):
                return self._resolved(next((one for one in options if one.get("type") != "null"), options[0]))
        if all_of := cast(list[Schema], schema.get("allOf")):
            return {key: value for part in all_of for key, value in self._resolved(part).items()}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found: object = self.root
        for part in reference.removeprefix("#/").split("/"):
            found = cast(Schema, found)[part]
        return self._resolved(cast(Schema, found))

    def _enum(self, values: list[object]) -> object:
        lowered = self.text.lower()
        return next((value for value in values if str(value).lower() in lowered), values[0])

    def object(self, schema: Schema, depth: int = 0) -> dict[str, object]:
        """Every required property, and the optional ones that the text names."""
        properties = cast(dict[str, Schema], schema.get("properties", {}))
        required = cast(list[str], schema.get("required", []))
        lowered, letters = self.text.lower(), len(self.letters)
        wanted: list[str] = []
        for name, inner in properties.items():
            # A letter is asked about by being there, not by its role.
            by_letter = inner.get("maxLength") == 1 and letters > 0
            letters -= by_letter
            if name in required or ((by_letter or name.lower() in lowered) and depth < DEPTH_MAX):
                wanted.append(name)
        return {name: self.fill(properties[name], name, depth + 1) for name in wanted}

    def _array(self, schema: Schema, name: str, depth: int) -> list[object]:
        items = cast(Schema, schema.get("items", {"type": "string"}))
        count = max(cast(int, schema.get("minItems", 0)), 0 if depth >= DEPTH_MAX else 1)
        return [self.fill(items, name, depth + 1) for _ in range(count)]

    def _scalar(self, kind: str, schema: Schema, name: str) -> object:
        if kind == "boolean":
            return True
        if kind == "null":
            return None
        if kind in ("integer", "number"):
            return self._number(schema, whole=kind == "integer")
        return self._string(schema, name)

    def _number(self, schema: Schema, *, whole: bool) -> float:
        low = cast(float, schema.get("minimum", cast(float, schema.get("exclusiveMinimum", float("-inf"))) + 1))
        high = cast(float, schema.get("maximum", cast(float, schema.get("exclusiveMaximum", float("inf"))) - 1))
        value = self.numbers.pop(0) if self.numbers else 10.0
        value = min(max(value, low), high)
        if step := cast(float, schema.get("multipleOf", 0)):
            value = -(-value // step) * step
        return int(value) if whole or value == int(value) else value

    def _string(self, schema: Schema, name: str) -> str:
        formats = {"date": "2026-11-24", "date-time": "2026-11-24T09:00:00Z", "email": "designer@example.com",
                   "uri": "https://example.com/", "uuid": "6f1c2a34-0b5d-4e6f-8a7b-9c0d1e2f3a4b"}  # fmt: skip
        if schema.get("format") in formats:
            return formats[cast(str, schema["format"])]
        if schema.get("maxLength") == 1 and self.letters:
            return self.letters.pop(0)
        named = re.search(rf"\b{re.escape(name.lower())}\s+(\w+)", self.text, re.IGNORECASE) if name else None
        value = self.quoted.pop(0) if self.quoted else (named.group(1) if named else name or "a")
        value = value.ljust(cast(int, schema.get("minLength", 0)), "n")
        return value[: cast(int, schema.get("maxLength", len(value)))]
