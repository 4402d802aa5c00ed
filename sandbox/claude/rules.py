"""Rules that a well-formed request can still break. Each is answered with 400 (404 for the model)."""

from __future__ import annotations

import re

from sandbox.claude.errors import Refusal
from sandbox.claude.models import MODELS, Model
from sandbox.claude.request import (
    MessageRequest,
    Prompt,
    Text,
    ThinkingAdaptive,
    ThinkingOn,
    ToolChoice,
    ToolResult,
    ToolUse,
    Turn,
)

BETA_NAME = re.compile(r"^[a-z0-9-]+-20\d\d-\d\d-\d\d$")
BREAKPOINTS_MAX = 4


def model_of(prompt: Prompt) -> Model:
    """The model asked for, or a 404."""
    if prompt.model not in MODELS:
        raise Refusal(404, f"model: {prompt.model[:100]}")
    return MODELS[prompt.model]


def check_betas(header: str) -> None:
    """Refuses a beta header that is no beta's name."""
    for name in filter(None, (part.strip() for part in header.split(","))):
        if not BETA_NAME.match(name):
            raise Refusal(400, f"Unexpected value(s) `{name[:80]}` for the `anthropic-beta` header.")


def check_prompt(prompt: Prompt, model: Model, betas: str) -> None:
    """What holds for `messages` and `count_tokens` alike."""
    _check_turns(prompt.messages)
    _check_tools(prompt)
    _check_pairs(prompt.messages)
    _check_breakpoints(prompt)
    if prompt.messages[-1].role == "assistant" and not model.prefill:
        raise Refusal(
            400,
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        )
    if isinstance(prompt.thinking, ThinkingAdaptive) and not model.adaptive:
        raise Refusal(400, "adaptive thinking is not supported on this model")
    if prompt.speed == "fast" and not (model.fast and "fast-mode-2026-02-01" in betas):
        raise Refusal(400, f"speed: 'fast' needs a model with fast mode and its beta header; got '{model.id}'")


def _check_turns(turns: list[Turn]) -> None:
    if not turns:
        raise Refusal(400, "messages: at least one message is required")
    if turns[0].role != "user":
        raise Refusal(400, 'messages: first message must use the "user" role')
    for number, turn in enumerate(turns):
        last = number == len(turns) - 1
        if not turn.content and not (last and turn.role == "assistant"):
            raise Refusal(400, f"messages.{number}: all messages must have non-empty content")
        if any(isinstance(block, Text) and not block.text for block in turn.content):
            raise Refusal(400, "messages: text content blocks must be non-empty")


def _check_tools(prompt: Prompt) -> None:
    names = [tool.name for tool in prompt.tools]
    if len(set(names)) != len(names):
        raise Refusal(400, "tools: Tool names must be unique.")
    for number, tool in enumerate(prompt.tools):
        if tool.input_schema.get("type") != "object":
            raise Refusal(400, f"tools.{number}.custom.input_schema.type: Input should be 'object'")
    choice = prompt.tool_choice
    if choice is not None and not names:
        raise Refusal(400, "tool_choice may only be specified while providing tools")
    if isinstance(choice, ToolChoice) and choice.name not in names:
        raise Refusal(400, f"Tool '{choice.name[:128]}' not found in provided tools")


def _check_pairs(turns: list[Turn]) -> None:
    """Every tool use is answered in the very next turn, and nothing else is."""
    asked: set[str] = set()
    for number, turn in enumerate(turns):
        answered = {block.tool_use_id for block in turn.content if isinstance(block, ToolResult)}
        if asked - answered:
            ids = ", ".join(sorted(asked - answered))
            raise Refusal(
                400,
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}.",
            )
        if answered - asked:
            ids = ", ".join(sorted(answered - asked))
            raise Refusal(400, f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {ids}.")
        asked = {block.id for block in turn.content if isinstance(block, ToolUse)}


def _check_breakpoints(prompt: Prompt) -> None:
    blocks = [*prompt.tools, *prompt.system, *(block for turn in prompt.messages for block in turn.content)]
    marks = [mark for block in blocks if (mark := getattr(block, "cache_control", None)) is not None]
    if prompt.cache_control is not None:
        marks.append(prompt.cache_control)
    if len(marks) > BREAKPOINTS_MAX:
        raise Refusal(400, f"A maximum of 4 blocks with cache_control may be provided. Found {len(marks)}.")
    times = [mark.ttl for mark in marks]
    if "5m" in times and "1h" in times[times.index("5m") :]:
        raise Refusal(400, "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")


def check_message(request: MessageRequest, model: Model) -> None:
    """What holds for `messages` alone."""
    if request.max_tokens > model.max_tokens:
        raise Refusal(
            400,
            f"max_tokens: {request.max_tokens} > {model.max_tokens}, which is the maximum allowed number "
            f"of output tokens for {model.id}",
        )
    thinking = request.thinking
    if isinstance(thinking, ThinkingOn) and thinking.budget_tokens >= request.max_tokens:
        raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`")
    if any(not sequence.strip() for sequence in request.stop_sequences):
        raise Refusal(400, "stop_sequences: each stop sequence must contain non-whitespace")
