"""A small server with the relay's wire format, for the panel's browser tests."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from relay.settings import ROOT

PANEL = ROOT / "assets" / "panel" / "v1"
STRICT_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html dompurify"
)
ISOLATED = {"cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp"}

Event = tuple[str, dict[str, Any]]


def set_already() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class FakeRelay:
    """`asked`: the bodies of all messages; `answers`: what to say to which text; `pace_s`: between words.

    After `pause_after` words nothing more is said until `go_on` is set.
    """

    signed_in: bool = True
    email: str = "ada@example.com"
    available_usd: str = "9.412345"
    pace_s: float = 0.0
    said: int = 0
    pause_after: int = 1_000_000
    go_on: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=set_already)
    code: str = "004213"
    answers: dict[str, str] = field(default_factory=dict)
    example: str = ""
    style: str = ""
    faults: list[tuple[int, str, str, dict[str, str]]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers_seen: list[dict[str, str]] = field(default_factory=list)
    other_hits: list[str] = field(default_factory=list)
    dropped: int = 0
    tells_balance: bool = False
    followers: int = 0
    tool_again: bool = False

    def app(self) -> Starlette:
        """The routes that the panel uses, a page that embeds it as /, and the built files."""
        routes = [
            Route("/", self.page),
            Route("/host.js", self.host_script),
            Route("/host.css", self.host_style),
            Route("/example.js", self.example_script),
            Route("/panel/v1/{name}", self.panel_file),
            Route("/api/auth/me", self.me),
            Route("/api/auth/request", self.request_code, methods=["POST"]),
            Route("/api/auth/verify", self.verify, methods=["POST"]),
            Route("/api/auth/logout", self.logout, methods=["POST"]),
            Route("/assistant-token", self.token, methods=["POST"]),
            Route("/api/balance", self.balance),
            Route("/api/balance/events", self.balance_events),
            Route("/api/requests/{id}", self.receipt),
            Route("/api/claude/v1/messages", self.messages, methods=["POST"]),
            Route("/{path:path}", self.anything_else),
        ]
        return Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=self.strict)])

    async def strict(self, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update({"content-security-policy": STRICT_CSP, **ISOLATED})
        return response

    async def page(self, request: Request) -> Response:
        attributes = " ".join(f'{name}="{value}"' for name, value in request.query_params.items() if name != "dir")
        direction = request.query_params.get("dir", "ltr")
        return Response(
            f'<!doctype html><html lang="en" dir="{direction}"><meta charset="utf-8"><title>Editor</title>'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/host.css">'
            '<script type="module" src="/panel/v1/panel.js"></script>'
            '<script type="module" src="/host.js"></script>'
            '<script type="module" src="/example.js"></script>'
            f"<assistant-panel {attributes}></assistant-panel></html>",
            media_type="text/html",
        )

    async def host_script(self, request: Request) -> Response:
        return Response(
            "window.heard = []\n"
            "const panel = document.querySelector('assistant-panel')\n"
            "for (const name of ['ready','response-start','response-end','balance','signin-required',"
            "'error'])\n"
            "  panel.addEventListener(name, (event) => heard.push([name, event.detail]))\n"
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " heard.push(['csp', event.violatedDirective + ' ' + event.blockedURI]))\n",
            media_type="text/javascript",
        )

    async def example_script(self, request: Request) -> Response:
        return Response(self.example, media_type="text/javascript")

    async def host_style(self, request: Request) -> Response:
        return Response("html, body { margin: 0; height: 100%; }\n" + self.style, media_type="text/css")

    async def panel_file(self, request: Request) -> Response:
        return FileResponse(
            PANEL / request.path_params["name"], headers={"cross-origin-resource-policy": "cross-origin"}
        )

    async def me(self, request: Request) -> Response:
        if not self.signed_in:
            return problem(401, "not_signed_in", "Sign in.")
        return JSONResponse({"account": {"id": f"acc-{self.email}", "email": self.email}})

    async def request_code(self, request: Request) -> Response:
        self.email = (await request.json())["email"]
        return JSONResponse({}, 202)

    async def verify(self, request: Request) -> Response:
        if (await request.json())["code"] != self.code:
            return problem(401, "code_invalid", "That code is not right.")
        self.signed_in = True
        return JSONResponse({"account": {"id": f"acc-{self.email}", "email": self.email}})

    async def logout(self, request: Request) -> Response:
        self.signed_in = False
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        return JSONResponse({"token": "a-short-lived-token"})

    async def balance(self, request: Request) -> Response:
        if not self.signed_in:
            return problem(401, "not_signed_in", "Sign in.")
        return JSONResponse(self.balance_now())

    def balance_now(self) -> dict[str, Any]:
        grant = {
            "kind": "monthly",
            "granted_usd": "10",
            "remaining_usd": self.available_usd,
            "expires_at": None,
        }
        return {
            "available_usd": self.available_usd,
            "held_usd": "0",
            "credit_usd": self.available_usd,
            "overage_usd": "0",
            "grants": [grant] if float(self.available_usd) else [],
        }

    async def balance_events(self, request: Request) -> Response:
        """An older relay tells no changes, and the panel asks again after each answer."""
        if not self.tells_balance:
            return problem(404, "not_found", "There is nothing at this address.")
        return StreamingResponse(self.balances(), media_type="text/event-stream")

    async def balances(self) -> AsyncIterator[bytes]:
        self.followers += 1
        told = ""
        try:
            while True:
                if told != self.available_usd:
                    told = self.available_usd
                    yield f"event: balance\ndata: {json.dumps(self.balance_now())}\n\n".encode()
                await asyncio.sleep(0.02)
        finally:
            self.followers -= 1

    async def receipt(self, request: Request) -> Response:
        return JSONResponse({"request_id": request.path_params["id"], "price_usd": "0.000777", "ended": "client_gone"})

    async def anything_else(self, request: Request) -> Response:
        self.other_hits.append(request.url.path)
        return Response(status_code=404)

    async def messages(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.headers_seen.append(dict(request.headers))
        while not self.may_answer.is_set():  # noqa: ASYNC110 (set by another thread)
            await asyncio.sleep(0.01)
        if not self.signed_in:
            return envelope(401, "authentication_error", "Sign in.", {})
        if request.headers["x-account"] != f"acc-{self.email}":
            return envelope(409, "invalid_request_error", "Somebody else is signed in now.", {})
        if self.faults:
            return envelope(*self.faults.pop(0))
        identity = f"req-{len(self.asked)}"
        return StreamingResponse(
            self.stream(body, identity), media_type="text/event-stream", headers={"request-id": identity}
        )

    async def stream(self, body: dict[str, Any], identity: str) -> AsyncIterator[bytes]:
        try:
            for name, data in self.events(body, identity):
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
                if name == "content_block_delta":
                    await asyncio.sleep(self.pace_s)
                    self.said += 1
                while self.said >= self.pause_after and not self.go_on.is_set():  # noqa: ASYNC110 (set by another thread)
                    await asyncio.sleep(0.01)
        except (asyncio.CancelledError, GeneratorExit):
            self.dropped += 1
            raise

    def events(self, body: dict[str, Any], identity: str) -> list[Event]:
        content = body["messages"][-1]["content"]
        last = content[-1]
        answered = last["type"] == "tool_result"
        asked = body["messages"][0]["content"][-1]["text"] if answered else last["text"]
        text = self.answers.get(asked, "Hello from Claude.")
        if answered and not self.tool_again:
            text = "It is set."
        cut = text.endswith("<cut>")
        tool = text.removeprefix("<tool>") if text.startswith("<tool>") else None
        start: Event = (
            "message_start",
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 9}}},
        )
        block = tool_events(tool) if tool else text_events(text.removesuffix("<cut>"))
        return [start, *block] if cut else [start, *block, *ending(identity, bool(tool), self.available_usd)]


def text_events(text: str) -> list[Event]:
    empty = {"type": "text", "text": ""}
    words = [text[at : at + 6] for at in range(0, len(text), 6)]
    deltas = [
        (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}},
        )
        for word in words
    ]
    start = ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": empty})
    return [start, *deltas, ("content_block_stop", {"type": "content_block_stop", "index": 0})]


def tool_events(call: str) -> list[Event]:
    name, given = call.split(" ", 1)
    use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    halves = [given[: len(given) // 2], given[len(given) // 2 :]]
    deltas = [
        (
            "content_block_delta",
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": half},
            },
        )
        for half in halves
    ]
    start = ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": use})
    return [start, *deltas, ("content_block_stop", {"type": "content_block_stop", "index": 0})]


def ending(identity: str, tool: bool, available: str) -> list[Event]:
    usage = {
        "input_tokens": 812,
        "output_tokens": 240,
        "cache_read_input_tokens": 5120,
        "cache_creation_input_tokens": 0,
    }
    booked = {"input_tokens": 812, "output_tokens": 240, "cache_read_tokens": 5120, "cache_write_tokens": 0}
    receipt = {"request_id": identity, "price_usd": "0.004215", "available_usd": available, "usage": booked}
    reason = {"stop_reason": "tool_use" if tool else "end_turn"}
    return [
        ("message_delta", {"type": "message_delta", "delta": reason, "usage": usage}),
        ("message_stop", {"type": "message_stop"}),
        ("receipt", receipt),
    ]


def problem(status: int, code: str, detail: str) -> Response:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def envelope(status: int, kind: str, message: str, headers: dict[str, str]) -> Response:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req-x"}
    return JSONResponse(body, status, headers={"request-id": "req-x", **headers})
