"""How many tokens a prompt has, block by block, and what of it the prompt cache already holds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import orjson

from sandbox.claude import tokens
from sandbox.claude.errors import Refusal
from sandbox.claude.models import Model
from sandbox.claude.request import (
    Block,
    Document,
    Image,
    PlainText,
    Prompt,
    SearchResult,
    Strict,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
)

# Anthropic publishes what tools add to the system prompt: 346 tokens for `auto`, 313 for a forced tool.
TOOLS_TOKENS_AUTO = 346
TOOLS_TOKENS_FORCED = 313
TURN_TOKENS = 4
PIXELS_PER_TOKEN = 750
PAGE_TOKENS = 2000
SECONDS = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the prompt: its tokens, the block that it is, and the time to live if a cache mark ends
    it.
    """

    tokens: int
    block: Strict | None
    ttl: str | None

    @property
    def content(self) -> bytes:
        """The bytes by which the cache knows this part again."""
        return b"" if self.block is None else self.block.model_dump_json(exclude={"cache_control"}).encode()


@dataclass(frozen=True, slots=True)
class Input:
    """The prompt's tokens as they are billed."""

    fresh: int
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0

    @property
    def total(self) -> int:
        return self.fresh + self.read + self.write_5m + self.write_1h


def segments(prompt: Prompt, model: Model) -> list[Segment]:
    """The prompt in the order in which it is cached: tools, system, messages."""
    found: list[Segment] = []
    if prompt.tools:
        forced = isinstance(prompt.tool_choice, ToolChoice) or getattr(prompt.tool_choice, "type", "") == "any"
        found.append(Segment(TOOLS_TOKENS_FORCED if forced else TOOLS_TOKENS_AUTO, None, None))
    found += [_segment(block, model, 0) for block in prompt.tools]
    found += [_segment(block, model, 0) for block in prompt.system]
    for turn in prompt.messages:
        found += [_segment(block, model, TURN_TOKENS if first else 0) for first, block in _firsts(turn.content)]
    if prompt.cache_control is not None and found:
        last = found[-1]
        found[-1] = Segment(last.tokens, last.block, prompt.cache_control.ttl)
    return found


def _firsts(blocks: list[Block]) -> Iterator[tuple[bool, Block]]:
    for number, block in enumerate(blocks):
        yield number == 0, block


def _segment(block: Strict, model: Model, extra: int) -> Segment:
    mark = getattr(block, "cache_control", None)
    return Segment(extra + block_tokens(block, model), block, mark.ttl if mark else None)


def block_tokens(block: Strict, model: Model) -> int:
    """The tokens of one block. Never more than its UTF-8 bytes, but for images and documents."""
    match block:
        case Text():
            return tokens.count(block.text)
        case Image():
            return _image_tokens(block, model)
        case Document():
            return _document_tokens(block)
        case Thinking():
            return tokens.count(block.thinking)
        case ToolUse():
            return tokens.count(block.name) + tokens.count(orjson.dumps(block.input).decode())
        case ToolResult() | SearchResult():
            return sum(block_tokens(inner, model) for inner in block.content)
        case _:
            return tokens.count(block.model_dump_json(exclude_defaults=True, exclude={"cache_control"}))


def _image_tokens(block: Image, model: Model) -> int:
    if block.source.type == "url":
        return model.image_tokens_max
    width, height = _dimensions(_decoded(block.source.data, "image"))
    return min(-(-width * height // PIXELS_PER_TOKEN), model.image_tokens_max)


def _decoded(data: str, kind: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, f"messages: {kind}.source.base64: invalid base64 data") from None


def _dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, read from the header of a PNG, GIF, WebP or JPEG."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return struct.unpack(">II", data[16:24])
    if data.startswith(b"GIF8") and len(data) >= 10:
        return struct.unpack("<HH", data[6:10])
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return 1000, 1000
    if data.startswith(b"\xff\xd8"):
        return _jpeg_dimensions(data)
    raise Refusal(400, "messages: Could not process image")


def _jpeg_dimensions(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise Refusal(400, "messages: Could not process image")


def _document_tokens(block: Document) -> int:
    title = tokens.count(block.title or "") + tokens.count(block.context or "")
    if isinstance(block.source, PlainText):
        return title + tokens.count(block.source.data)
    if block.source.type == "url":
        return title + PAGE_TOKENS
    pdf = _decoded(block.source.data, "document")
    if not pdf.startswith(b"%PDF"):
        raise Refusal(400, "messages: The PDF specified was not valid.")
    return title + PAGE_TOKENS * max(1, pdf.count(b"/Type /Page") - pdf.count(b"/Type /Pages"))


class PromptCache:
    """What was cached, by key and model, until when. Every marked prompt is cached, however short: upstream
    wants 1,024 tokens or more, and tests would have to be long for nothing.

    `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.expiries: dict[bytes, tuple[float, str]] = {}

    def bill(self, owner: str, parts: list[Segment]) -> Input:
        """Splits a prompt into what the cache holds, what it takes now, and the rest; remembers what it
        takes.
        """
        marks = [number for number, part in enumerate(parts) if part.ttl is not None]
        if not marks:
            return Input(sum(part.tokens for part in parts))
        prints = _running_prints(owner, parts)
        read_to = self._longest(prints, marks[-1])
        written = {"5m": 0, "1h": 0}
        start = read_to + 1
        for mark in marks:
            ttl = parts[mark].ttl or "5m"
            written[ttl] += sum(part.tokens for part in parts[start : mark + 1])
            start = max(start, mark + 1)
            self._keep(prints[mark], ttl)
        fresh = sum(part.tokens for part in parts[marks[-1] + 1 :])
        return Input(fresh, sum(part.tokens for part in parts[: read_to + 1]), written["5m"], written["1h"])

    def _longest(self, prints: list[bytes], last: int) -> int:
        """The last part of the longest prefix that is still cached, or -1. Reading renews it."""
        now = self.clock()
        for number in range(last, -1, -1):
            expiry, ttl = self.expiries.get(prints[number], (0.0, "5m"))
            if expiry > now:
                self.expiries[prints[number]] = (now + SECONDS[ttl], ttl)
                return number
        return -1

    def _keep(self, key: bytes, ttl: str) -> None:
        self.expiries[key] = (self.clock() + SECONDS[ttl], ttl)


def _running_prints(owner: str, parts: list[Segment]) -> list[bytes]:
    running, found = hashlib.blake2b(owner.encode(), digest_size=16), []
    for part in parts:
        running.update(part.content)
        found.append(running.digest())
    return found
