"""`GET /api/openapi.json`: the description of every route that answers. A new route is described here."""

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.endpoints.answers import JsonAnswer
from relay.endpoints.callers import services_of
from relay.endpoints.ranges import EXAMPLE_DATE, EXAMPLE_MOMENT, LIMIT_DEFAULT, LIMIT_MAX
from relay.endpoints.schemas import FLAG, SCHEMAS, TEXT, Schema, ref
from relay.usage import BYS

JSON, CSV, STREAM = "application/json", "text/csv", "text/event-stream"
PROBLEM, FORM = "application/problem+json", "application/x-www-form-urlencoded"
SIGNED_IN: list[dict[str, list[str]]] = [{"session": []}, {"bearer": []}, {"key": []}]
NOBODY: list[dict[str, list[str]]] = []
WHY = {
    400: "A field is wrong; `title` says which.",
    401: "Nobody is signed in, or the code is wrong.",
    402: "Not enough credit, or the spend cap is reached.",
    403: "Another site's page, or a blocked account.",
    404: "There is nothing at this address.",
    413: "The request is too large.",
    429: "Too many; `retry-after` says how long to wait.",
    502: "Claude could not be reached.",
    503: "The database does not answer.",
    504: "Claude did not answer in time.",
    529: "Claude is overloaded.",
}


async def get_openapi(request: Request) -> Response:
    return JsonAnswer(document(services_of(request).settings.api_origin))


routes = [Route("/api/openapi.json", get_openapi, methods=["GET"])]


def document(origin: str) -> Schema:
    """The OpenAPI 3.1 document of the API that answers at `origin`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Account, assistant and billing",
            "version": "1",
            "description": "Money is an exact decimal string in USD; times are RFC 3339 in UTC.",
        },
        "servers": [{"url": origin}],
        "paths": {**_AUTH, **_CLAUDE, **_USAGE, **_HEALTH},
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
    }


def _operation(
    summary: str,
    *,
    answers: dict[str, Schema],
    errors: Iterable[int] = (),
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    security: list[dict[str, list[str]]] = SIGNED_IN,
    error_schema: tuple[str, str] = (PROBLEM, "Problem"),
) -> Schema:
    failed = {str(status): _answer(WHY[status], {error_schema[0]: ref(error_schema[1])}) for status in errors}
    operation: Schema = {"summary": summary, "security": security, "responses": {**answers, **failed}}
    if given := list(parameters):
        operation["parameters"] = given
    if body is not None:
        operation["requestBody"] = body
    return operation


def _answer(description: str, content: dict[str, Schema] | None = None) -> Schema:
    headers: Schema = {"request-id": {"schema": TEXT, "description": "names this answer in our log"}}
    kinds = {kind: {"schema": schema} for kind, schema in (content or {}).items()}
    return {"description": description, "headers": headers} | ({"content": kinds} if kinds else {})


def _ok(description: str, name: str) -> dict[str, Schema]:
    return {"200": _answer(description, {JSON: ref(name)})}


def _query(name: str, description: str, **schema: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"} | schema}


def _path(name: str, description: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": TEXT}


def _fields(*required: str, **properties: Schema) -> Schema:
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"required": True, "content": {JSON: {"schema": schema}, FORM: {"schema": schema}}}


_SCHEMES: Schema = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "a token of /api/auth/token, or an API key",
    },
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_SEEN = {"303": _answer("For a form: the next page.")}
_AUTH: Schema = {
    "/api/auth/request": {
        "post": _operation(
            "Mail a sign-in code",
            body=_fields("email", email=TEXT),
            answers={"202": _answer("The same for every address.", {JSON: ref("Message")}), **_SEEN},
            errors=(400, 403, 413, 429, 503),
            security=NOBODY,
        )
    },
    "/api/auth/verify": {
        "post": _operation(
            "Sign in with the mailed code",
            body=_fields("email", "code", email=TEXT, code=TEXT, next=TEXT),
            answers={**_ok("Signed in; sets the session cookie.", "Account"), **_SEEN},
            errors=(400, 401, 403, 413, 429, 503),
            security=NOBODY,
        )
    },
    "/api/auth/logout": {
        "post": _operation(
            "Sign out",
            parameters=[_query("everywhere", "1 ends every session of the account", enum=["0", "1"])],
            answers={"204": _answer("Signed out."), **_SEEN},
            errors=(400, 401, 403, 503),
            security=[{}, *SIGNED_IN],
        )
    },
    "/api/auth/me": {"get": _operation("Who am I", answers=_ok("The account.", "Account"), errors=(401, 503))},
    "/api/auth/token": {
        "post": _operation(
            "A 15-minute bearer token for the panel on another site",
            answers=_ok("Told once.", "Token"),
            errors=(401, 403, 503),
        )
    },
}


def _claude(summary: str, answers: dict[str, Schema], errors: Iterable[int], **rest: Any) -> Schema:
    return _operation(summary, answers=answers, errors=errors, error_schema=(JSON, "ClaudeError"), **rest)


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
    {"200": _answer("Upstream's answer, byte for byte.", {JSON: _UPSTREAM, STREAM: TEXT})},
    (400, 401, 402, 403, 404, 413, 429, 502, 503, 504, 529),
    body=_MESSAGE_BODY,
    parameters=[
        {
            "name": "x-receipt",
            "in": "header",
            "description": "1 adds an `event: receipt` after `message_stop`",
            "schema": {"type": "string", "enum": ["1"]},
        }
    ],
)
_UPSTREAM_ANSWER = {"200": _answer("As Anthropic answers.", {JSON: _UPSTREAM})}
_CLAUDE: Schema = {
    "/api/claude/v1/messages": {"post": _SEND},
    "/api/claude": {"post": _SEND},
    "/api/claude/v1/messages/count_tokens": {
        "post": _claude("Count tokens; free", _UPSTREAM_ANSWER, (*_FREE, 413), body=_COUNT_BODY)
    },
    "/api/claude/v1/models": {"get": _claude("The models; free", _UPSTREAM_ANSWER, _FREE)},
    "/api/claude/v1/models/{model}": {
        "get": _claude("One model; free", _UPSTREAM_ANSWER, (*_FREE, 404), parameters=[_path("model", "its name")])
    },
}
_A_MOMENT: Schema = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
    "examples": [EXAMPLE_DATE, EXAMPLE_MOMENT],
}
_RANGE = [
    _query("from", "The first day, or an RFC 3339 time. By default 30 days before `to`.", **_A_MOMENT),
    _query("to", "The last day, included, or an RFC 3339 time. By default now.", **_A_MOMENT),
    _query("by", "What a row is. Hours: at most 400 days of them.", enum=list(BYS), default="day"),
    _query("zone", "The IANA time zone in which days begin.", default="UTC", examples=["Europe/Berlin"]),
]
_USAGE: Schema = {
    "/api/balance": {"get": _operation("What is there to spend", answers=_ok("Now.", "Balance"), errors=(401, 503))},
    "/api/balance/events": {
        "get": _operation(
            "The balance now and after each change, as server-sent events named `balance`",
            answers={"200": _answer("Each event's data is a Balance. Ends when signed out.", {STREAM: TEXT})},
            errors=(401, 429, 503),
        )
    },
    "/api/usage": {
        "get": _operation(
            "Usage by hour, day, model or service",
            parameters=_RANGE,
            answers=_ok("Buckets with use, and their sum.", "Usage"),
            errors=(400, 401, 503),
        )
    },
    "/api/usage.csv": {
        "get": _operation(
            "The same rows for a spreadsheet",
            parameters=_RANGE,
            answers={"200": _answer("RFC 4180, with a header row.", {CSV: TEXT})},
            errors=(400, 401, 503),
        )
    },
    "/api/requests": {
        "get": _operation(
            "Metered requests, newest first",
            parameters=[
                _query("before", "`next` of the page before."),
                _query("limit", "How many.", type="integer", minimum=1, maximum=LIMIT_MAX, default=LIMIT_DEFAULT),
            ],
            answers=_ok("A page.", "Requests"),
            errors=(400, 401, 503),
        )
    },
    "/api/requests/{request_id}": {
        "get": _operation(
            "The receipt of one request",
            parameters=[_path("request_id", "its `request-id`")],
            answers=_ok("What it cost, line by line.", "Receipt"),
            errors=(401, 404, 503),
        )
    },
}
_HEALTH: Schema = {
    "/livez": {"get": _operation("The process runs", answers=_ok("It does.", "Status"), security=NOBODY)},
    "/readyz": {
        "get": _operation("Requests may come", answers=_ok("They may.", "Status"), errors=(503,), security=NOBODY)
    },
    "/metrics": {
        "get": _operation(
            "Prometheus metrics",
            answers={"200": _answer("Sums over everybody.", {"text/plain": TEXT})},
            security=NOBODY,
        )
    },
    "/api/openapi.json": {
        "get": _operation(
            "This document",
            answers={"200": _answer("OpenAPI 3.1.", {JSON: {"type": "object"}})},
            security=NOBODY,
        )
    },
}
