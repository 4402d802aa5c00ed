"""Claude's own API, as far as it is relayed."""

from collections.abc import Iterable
from typing import Any

from relay.endpoints.openapi.words import JSON, STREAM, answer, operation, path
from relay.endpoints.schemas import FLAG, TEXT, Schema


def _claude(summary: str, answers: dict[str, Schema], errors: Iterable[int], **rest: Any) -> Schema:
    return operation(summary, answers=answers, errors=errors, error_schema=(JSON, "ClaudeError"), **rest)


_MESSAGE_BODY: Schema = {
    "required": True,
    "description": "As Anthropic's Messages API. A field that is not known to be priced is refused by name.",
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["model", "max_tokens", "messages"],
                "properties": {
                    "model": TEXT,
                    "max_tokens": {"type": "integer", "minimum": 1},
                    "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                    "stream": FLAG,
                },
            }
        }
    },
}
_COUNT_BODY: Schema = {
    "required": True,
    "content": {JSON: {"schema": {"type": "object", "required": ["model", "messages"]}}},
}
_UPSTREAM: Schema = {"type": "object", "description": "as Anthropic answers"}
_FREE = (400, 401, 403, 429, 502, 503, 504, 529)
_SEND = _claude(
    "Talk to Claude, metered",
    {"200": answer("Upstream's answer, byte for byte.", {JSON: _UPSTREAM, STREAM: TEXT})},
    (400, 401, 402, 403, 404, 409, 413, 429, 502, 503, 504, 529),
    body=_MESSAGE_BODY,
    parameters=[
        {
            "name": "x-receipt",
            "in": "header",
            "description": "1 adds an `event: receipt` after `message_stop`",
            "schema": {"type": "string", "enum": ["1"]},
        },
        {
            "name": "x-account",
            "in": "header",
            "description": "the account that this is written for: 409 `another_account` when it is not who calls",
            "schema": TEXT,
        },
    ],
)
_UPSTREAM_ANSWER = {"200": answer("As Anthropic answers.", {JSON: _UPSTREAM})}
CLAUDE: Schema = {
    "/api/claude/v1/messages": {"post": _SEND},
    "/api/claude": {"post": _SEND},
    "/api/claude/v1/messages/count_tokens": {
        "post": _claude("Count tokens; free", _UPSTREAM_ANSWER, (*_FREE, 413), body=_COUNT_BODY)
    },
    "/api/claude/v1/models": {"get": _claude("The models; free", _UPSTREAM_ANSWER, _FREE)},
    "/api/claude/v1/models/{model}": {
        "get": _claude("One model; free", _UPSTREAM_ANSWER, (*_FREE, 404), parameters=[path("model", "its name")])
    },
}
