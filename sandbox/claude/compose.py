"""Deciding what Claude answers: the blocks, why they end, and how many tokens they are. Deterministic."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

import orjson

from sandbox.claude import tokens
from sandbox.claude.behaviours import Behaviour, without_marker
from sandbox.claude.errors import new_id
from sandbox.claude.planning import plan
from sandbox.claude.prose import GREETING, HAIKU, NOTES, THANKS, THOUGHTS
from sandbox.claude.request import MessageRequest, Text, ThinkingAdaptive, ThinkingOn, ToolResult, Turn
from sandbox.claude.telling import tell
from sandbox.claude.tooling import Filler

GLYPH = re.compile(r"\bglyph\s+[\"'`]?(\w{1,20})\b", re.IGNORECASE)
CONTEXT = re.compile(r"<(\w+)>.*?</\1>", re.DOTALL)
"""What a page tells of itself beside the question: not what was asked."""
BRIEF = re.compile(r"\b(briefly|brief|short|one sentence|in a word|tl;?dr)\b", re.IGNORECASE)
SEPARATORS = "A line separator:\u2028a paragraph separator:\u2029and a next line:\u0085all inside one string. "


@dataclass(frozen=True, slots=True)
class Part:
    """One content block: its kind (`text`, `thinking`, `tool_use`) and its tokens in order.

    A `silent` part is generated and billed, and its text is not sent."""

    kind: str
    pieces: tuple[str, ...]
    name: str = ""
    id: str = ""
    silent: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `output_tokens` is what is billed for it."""

    parts: tuple[Part, ...]
    stop_reason: str
    stop_sequence: str | None = None

    @property
    def output_tokens(self) -> int:
        # The stop sequence was generated too, although it is not sent.
        return sum(len(part.pieces) for part in self.parts) + (1 if self.stop_sequence else 0)

    @property
    def thinking_tokens(self) -> int:
        return sum(len(part.pieces) for part in self.parts if part.kind == "thinking")


def answer(request: MessageRequest, behaviour: Behaviour) -> Answer:
    """What Claude says to this request, within `max_tokens` and up to the first stop sequence."""
    turn = request.messages[-1]
    asked = without_marker(CONTEXT.sub("", last_user_text(request.messages)).strip())
    parts: list[Part] = []
    if _thinks(request, asked):
        parts.append(_thinking(request))
    results = [block for block in turn.content if isinstance(block, ToolResult)]
    use = plan(request, asked)
    if use is not None:
        parts.append(_text(f"I will use `{use.tool.name}` for that."))
        written = tokens.pieces(orjson.dumps(use.value).decode())
        parts.append(Part("tool_use", written, use.tool.name, new_id("toolu")))
        return _within(parts, request.max_tokens, "tool_use")
    text = tell(results) if results else _reply(request, asked)
    if "u2028" in behaviour:
        text = SEPARATORS + text
    cut, sequence = _stopped(text, request.stop_sequences)
    said = _exactly(cut, int(behaviour.number("tokens", 0))) if "tokens" in behaviour.options else _text(cut)
    whole = _within([*parts, said], request.max_tokens, "stop_sequence" if sequence else "end_turn")
    return Answer(whole.parts, whole.stop_reason, sequence if whole.stop_reason == "stop_sequence" else None)


def last_user_text(turns: list[Turn]) -> str:
    """The text of the last user turn that has any; the results of tools are not the user's words."""
    for turn in reversed(turns):
        if turn.role == "user" and (texts := [block.text for block in turn.content if isinstance(block, Text)]):
            return "\n".join(texts)
    return ""


def _thinks(request: MessageRequest, asked: str) -> bool:
    if isinstance(request.thinking, ThinkingOn):
        return True
    # Adaptive thinking is the model's choice: a few words are answered without.
    return isinstance(request.thinking, ThinkingAdaptive) and len(asked.split()) > 3


def _thinking(request: MessageRequest) -> Part:
    silent = getattr(request.thinking, "display", None) == "omitted"
    budget = request.thinking.budget_tokens if isinstance(request.thinking, ThinkingOn) else request.max_tokens
    return Part("thinking", tokens.pieces(THOUGHTS)[:budget], silent=silent)


def _text(text: str) -> Part:
    return Part("text", tokens.pieces(text))


def _reply(request: MessageRequest, asked: str) -> str:
    if request.output_config is not None and request.output_config.format is not None:
        schema = request.output_config.format.schema_
        return orjson.dumps(Filler(schema, asked).fill(schema)).decode()
    if request.messages[-1].role == "assistant":
        return " and that is where I would begin. " + _note(asked).split("\n\n")[-1]
    if "haiku" in asked.lower():
        return HAIKU
    note = _note(asked)
    if BRIEF.search(asked):
        return note.split("\n\n")[0]
    glyph = GLYPH.search(asked)
    return f"For the glyph **{glyph.group(1)}**, this is how I would go about it.\n\n{note}" if glyph else note


@lru_cache(maxsize=4096)
def _note(asked: str) -> str:
    words = re.findall(r"[a-z][a-z-]*", asked.lower()[:4000])
    if len(words) <= 6:
        for note in (THANKS, GREETING):
            if any(word in note.stems for word in words):
                return note.text
    lowered = " ".join(words)
    scores = [sum(f" {stem}" in f" {lowered}" for stem in note.stems) for note in NOTES]
    if max(scores) > 0:
        return NOTES[scores.index(max(scores))].text
    return NOTES[hashlib.blake2b(asked.encode(), digest_size=1).digest()[0] % len(NOTES)].text


def _stopped(text: str, sequences: list[str]) -> tuple[str, str | None]:
    places = [(at, sequence) for sequence in sequences if (at := text.find(sequence)) >= 0]
    if not places:
        return text, None
    at, sequence = min(places)
    return text[:at], sequence


def _exactly(text: str, count: int) -> Part:
    """The text lengthened with more notes, or shortened, to `count` tokens."""
    said = list(tokens.pieces(text))
    number = 0
    while len(said) < count:
        said += ["\n\n", *tokens.pieces(NOTES[number % len(NOTES)].text)]
        number += 1
    return Part("text", tuple(said[:count]))


def _within(parts: list[Part], max_tokens: int, reason: str) -> Answer:
    """The parts up to `max_tokens`; what is beyond is not said."""
    kept: list[Part] = []
    left = max_tokens - (1 if reason == "stop_sequence" else 0)
    for part in parts:
        if len(part.pieces) > left:
            if left > 0:
                kept.append(Part(part.kind, part.pieces[:left], part.name, part.id, part.silent))
            return Answer(tuple(kept), "max_tokens")
        kept.append(part)
        left -= len(part.pieces)
    return Answer(tuple(kept), reason)
