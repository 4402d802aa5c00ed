"""Claude on loopback: `POST /v1/messages`, `count_tokens`, the models, and the sandbox's own pages."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from sandbox.claude import pages, play, rules
from sandbox.claude.behaviours import GOOD, Behaviour, in_text, parse
from sandbox.claude.books import Books, Entry
from sandbox.claude.compose import answer, last_user_text
from sandbox.claude.counting import Input, PromptCache, segments
from sandbox.claude.errors import Refusal, envelope, new_id
from sandbox.claude.models import MODELS, Model
from sandbox.claude.request import MessageRequest, P, Prompt
from sandbox.claude.request import parse as parse_body
from sandbox.claude.script import Told
from sandbox.wire import Exchange, Request, Server

KEY_PREFIX = "sandbox-"
VERSIONS = {"2023-01-01", "2023-06-01", "2026-10-21"}
JSON = {"content-type": "application/json"}
ORGANIZATION = "00000000-5a4d-4b0c-8000-000000000000"
HTML = {"content-type": "text/html; charset=utf-8"}


@dataclass(slots=True)
class Queued:
    """A behaviour that waits for the next request to `path`."""

    path: str
    behaviour: Behaviour


class Claude:
    """One stand-in for Anthropic's API, with its own books, cache and queue of behaviours.

    `pace` is in tokens per second, 0 for as fast as can be; `clock` gives seconds that only go forward."""

    def __init__(self, pace: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self.books = Books()
        self.cache = PromptCache(clock)
        self.queue: deque[Queued] = deque()
        self.server = Server(self.handle)

    async def handle(self, exchange: Exchange) -> None:
        """Answers one request."""
        request_id = new_id("req")
        try:
            await self._route(exchange, request_id)
        except Refusal as refusal:
            self._refuse(exchange, refusal, request_id)

    async def _route(self, exchange: Exchange, request_id: str) -> None:
        request = exchange.request
        if request.too_large:
            raise Refusal(413, "Request exceeds the maximum size")
        match request.method, request.path:
            case "POST", "/v1/messages":
                await self._messages(exchange, request_id)
            case "POST", "/v1/messages/count_tokens":
                await self._misbehave(self._queued("count_tokens"))
                self._count(exchange, request_id)
            case "GET", path if path == "/v1/models" or path.startswith("/v1/models/"):
                self._authenticate(request)
                await self._misbehave(self._queued("models"))
                self._send(exchange, _models(path.removeprefix("/v1/models").strip("/")), request_id)
            case method, path if path == "/" or path.startswith("/sandbox"):
                self._own(exchange, method, path, request_id)
            case method, path if path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/models"):
                raise Refusal(405, f"Method {method} is not allowed for {path}")
            case _:
                raise Refusal(404, "Not found")

    def _authenticate(self, request: Request) -> str:
        """The caller's key. Only keys that the sandbox gave out pass, so that a customer's key would be
        noticed.
        """
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if not key:
            raise Refusal(401, "x-api-key header is required")
        if not key.startswith(KEY_PREFIX):
            raise Refusal(401, "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            raise Refusal(400, "anthropic-version: header is required")
        if request.headers["anthropic-version"] not in VERSIONS:
            raise Refusal(
                400,
                f'anthropic-version: "{request.headers["anthropic-version"][:40]}" is not a valid version',
            )
        rules.check_betas(request.headers.get("anthropic-beta", ""))
        return key

    async def _messages(self, exchange: Exchange, request_id: str) -> None:
        entry = self.books.open(Entry(request_id, headers=_safe(exchange.request.headers)))
        try:
            await self._answer(exchange, entry)
        except Refusal as refusal:
            entry.ended, entry.status = "refused", refusal.status
            raise
        except asyncio.CancelledError:
            entry.ended = "client_gone"
            raise

    async def _answer(self, exchange: Exchange, entry: Entry) -> None:
        key = self._authenticate(exchange.request)
        request = _json(MessageRequest, exchange.request)
        entry.model, entry.stream = request.model[:100], request.stream
        model = rules.model_of(request)
        rules.check_prompt(request, model, exchange.request.headers.get("anthropic-beta", ""))
        rules.check_message(request, model)
        behaviour = self._queued("messages") or in_text(last_user_text(request.messages))
        entry.behaviour = behaviour.words
        await self._misbehave(behaviour, plain=not request.stream)
        if "cut_before_head" in behaviour:
            entry.ended = "cut"
            exchange.close()
            return
        billed = self._bill(entry, key, request, model)
        told = Told(request, answer(request, behaviour), billed, new_id("msg"), behaviour)
        pace = 0.0 if "fast" in behaviour else behaviour.number("pace", self.pace)
        send = play.stream if request.stream else play.plain
        await send(exchange, entry, told, pace, _headers(entry.request_id, stream=request.stream))

    def _bill(self, entry: Entry, key: str, request: MessageRequest, model: Model) -> Input:
        parts = segments(request, model)
        size = sum(part.tokens for part in parts)
        if size > model.max_input_tokens:
            raise Refusal(400, f"prompt is too long: {size} tokens > {model.max_input_tokens} maximum")
        billed = self.cache.bill(f"{key} {model.id}", parts)
        entry.input_tokens, entry.cache_read_input_tokens = billed.fresh, billed.read
        entry.cache_write_5m_tokens, entry.cache_write_1h_tokens = billed.write_5m, billed.write_1h
        entry.started = True
        return billed

    async def _misbehave(self, behaviour: Behaviour | None, *, plain: bool = False) -> None:
        """What goes wrong before the status line."""
        behaviour = behaviour or GOOD
        if "slow_head" in behaviour:
            await asyncio.sleep(behaviour.number("ms", 200) / 1000)
        if "stall_before_head" in behaviour:
            await asyncio.Event().wait()
        retry = behaviour.options.get("retry")
        if "overloaded" in behaviour or (plain and "error_event" in behaviour):
            raise Refusal(529, "Overloaded", {"retry-after": retry} if retry else {})
        if "rate_limited" in behaviour:
            raise Refusal(
                429,
                "This request would exceed your organization's rate limit.",
                {"retry-after": retry or "7"},
            )
        if "error500" in behaviour:
            raise Refusal(500, "Internal server error")
        if "invalid" in behaviour:
            raise Refusal(400, "sandbox: this request was asked to be invalid")

    def _queued(self, path: str) -> Behaviour | None:
        """The behaviour that was queued for this path, taken from the queue."""
        for number, queued in enumerate(self.queue):
            if queued.path == path:
                del self.queue[number]
                return queued.behaviour
        return None

    def _count(self, exchange: Exchange, request_id: str) -> None:
        self._authenticate(exchange.request)
        prompt = _json(Prompt, exchange.request)
        model = rules.model_of(prompt)
        rules.check_prompt(prompt, model, exchange.request.headers.get("anthropic-beta", ""))
        total = sum(part.tokens for part in segments(prompt, model))
        self._send(exchange, {"input_tokens": total}, request_id)

    def _own(self, exchange: Exchange, method: str, path: str, request_id: str) -> None:
        """The sandbox's own pages and levers, which the real service does not have."""
        match method, path:
            case "GET", "/":
                exchange.answer(200, pages.front(len(self.books.entries)), HTML)
            case "GET", "/sandbox":
                exchange.answer(200, pages.behaviours(), HTML)
            case "GET", "/sandbox/books":
                self._send(exchange, self.books.rows(), request_id)
            case "POST", "/sandbox/next":
                self._send(exchange, {"queued": self._queue(exchange.request.body)}, request_id)
            case "POST", "/sandbox/reset":
                self.books.clear()
                self.queue.clear()
                self.cache.expiries.clear()
                self._send(exchange, {"reset": True}, request_id)
            case _:
                raise Refusal(404, "Not found")

    def _queue(self, body: bytes) -> int:
        """Queues `{"behaviour": words, "times": 1, "path": "messages" | "count_tokens" | "models"}`."""
        try:
            wish = orjson.loads(body)
            words, times, path = wish["behaviour"], wish.get("times", 1), wish.get("path", "messages")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refusal(400, 'sandbox: post {"behaviour": "overloaded"}') from None
        behaviour = parse(words.removeprefix("[[sandbox:").removesuffix("]]"))
        self.queue.extend(Queued(path, behaviour) for _ in range(times))
        return len(self.queue)

    def _send(self, exchange: Exchange, body: object, request_id: str) -> None:
        exchange.answer(200, orjson.dumps(body), _headers(request_id, stream=False))

    def _refuse(self, exchange: Exchange, refusal: Refusal, request_id: str) -> None:
        headers = {**_headers(request_id, stream=False), **refusal.headers}
        exchange.answer(refusal.status, envelope(refusal.status, refusal.message, request_id), headers)


def _json(kind: type[P], request: Request) -> P:
    content_type = request.headers.get("content-type", "")
    if not content_type.startswith("application/json"):
        raise Refusal(400, "content-type: must be application/json")
    return parse_body(kind, request.body)


def _headers(request_id: str, *, stream: bool) -> dict[str, str]:
    kind = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"} if stream else JSON
    return {**kind, "request-id": request_id, "anthropic-organization-id": ORGANIZATION}


def _safe(headers: dict[str, str]) -> dict[str, str]:
    """The headers for the books, with all but the last four letters of a key hidden."""
    return {
        name: f"…{value[-4:]}" if name in ("x-api-key", "authorization") else value for name, value in headers.items()
    }


def _models(wanted: str) -> dict[str, object]:
    if wanted:
        if wanted not in MODELS:
            raise Refusal(404, f"model: {wanted[:100]}")
        return MODELS[wanted].info()
    found = [model.info() for model in MODELS.values()]
    return {"data": found, "has_more": False, "first_id": found[0]["id"], "last_id": found[-1]["id"]}
