"""The models on offer, with what each can do. Anything else is answered with 404."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Limits are in tokens."""

    id: str
    display_name: str
    created_at: str
    line: Literal["haiku", "sonnet", "opus", "fable"]
    max_input_tokens: int
    max_tokens: int
    fast: bool = False
    adaptive: bool = True
    prefill: bool = False
    image_tokens_max: int = 4784

    def info(self) -> dict[str, object]:
        """The model as `GET /v1/models` lists it."""
        return {
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": self.created_at,
            "lifecycle": "active",
            "deprecated_at": None,
            "retires_at": None,
            "line": self.line,
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "capabilities": self._capabilities(),
        }

    def _capabilities(self) -> dict[str, object]:
        yes, no = {"supported": True}, {"supported": False}
        adaptive = {"supported": self.adaptive}
        levels = dict.fromkeys(("low", "medium", "high", "xhigh", "max"), adaptive)
        return {
            "batch": yes,
            "citations": yes,
            "code_execution": no,
            "context_management": {
                "supported": False,
                "clear_thinking_20251015": no,
                "clear_tool_uses_20250919": no,
                "compact_20260112": no,
            },
            "effort": {**adaptive, **levels},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {"supported": False, "code_execution": no, "web_search": no},
            "structured_outputs": yes,
            "thinking": {
                "supported": True,
                "types": {"adaptive": adaptive, "between_tools": no, "disabled": yes, "enabled": yes},
            },
        }


MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model("claude-fable-5-2", "Claude Fable 5.2", "2026-10-20T00:00:00Z", "fable", 1_000_000, 128_000),
        Model("claude-haiku-5-5", "Claude Haiku 5.5", "2026-10-07T00:00:00Z", "haiku", 1_000_000, 64_000),
        Model("claude-sonnet-5-5", "Claude Sonnet 5.5", "2026-09-23T00:00:00Z", "sonnet", 1_000_000, 128_000),
        Model("claude-opus-5-5", "Claude Opus 5.5", "2026-09-23T00:00:00Z", "opus", 1_000_000, 128_000, True),
        Model("claude-fable-5-1", "Claude Fable 5.1", "2026-08-12T00:00:00Z", "fable", 1_000_000, 128_000),
        Model("claude-opus-5", "Claude Opus 5", "2026-07-08T00:00:00Z", "opus", 1_000_000, 128_000, True),
        Model("claude-sonnet-5", "Claude Sonnet 5", "2026-06-17T00:00:00Z", "sonnet", 1_000_000, 128_000),
        Model("claude-opus-4-8", "Claude Opus 4.8", "2026-05-20T00:00:00Z", "opus", 1_000_000, 128_000, True),
        Model("claude-opus-4-7", "Claude Opus 4.7", "2026-04-14T00:00:00Z", "opus", 1_000_000, 128_000, True),
        Model(
            "claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-17T00:00:00Z", "sonnet", 1_000_000, 64_000,
            image_tokens_max=1600,
        ),
        Model(
            "claude-opus-4-6", "Claude Opus 4.6", "2026-02-04T00:00:00Z", "opus", 1_000_000, 128_000,
            image_tokens_max=1600, fast=True,
        ),
        Model(
            "claude-opus-4-5", "Claude Opus 4.5", "2025-11-24T00:00:00Z", "opus", 200_000, 64_000,
            adaptive=False, prefill=True, image_tokens_max=1600,
        ),
        Model(
            "claude-haiku-4-5", "Claude Haiku 4.5", "2025-10-15T00:00:00Z", "haiku", 200_000, 64_000,
            adaptive=False, prefill=True, image_tokens_max=1600,
        ),
    )
}  # fmt: skip
