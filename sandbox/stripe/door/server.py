"""Stripe on loopback: the door that every request passes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.stripe.door.absent import check_present
from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.forms import Form, Value, decode
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.rooms import find
from sandbox.stripe.door.showing import answer, check_paths
from sandbox.stripe.door.validate import check
from sandbox.stripe.mischief import Mischief, Wish
from sandbox.stripe.store import Caller, Json, Store
from sandbox.stripe.webhooks.events import API_VERSION
from sandbox.wire import Exchange, Request

KEY = re.compile(r"^(sk|rk)_test_\w+$")
KEY_LENGTH_MAX = 255
log = logging.getLogger(__name__)


class Door:
    """What every request of the API passes: the key, the version, the idempotency key, the shape of the answer."""

    def __init__(self, store: Store, mischief: Mischief, written: Callable[[], None]) -> None:
        """`written` is called when something may have changed, before the answer leaves."""
        self.store = store
        self.mischief = mischief
        self.written = written
        self.in_flight: set[str] = set()

    async def handle(self, exchange: Exchange) -> None:
        """Answers one request, well or as it was asked to."""
        request, request_id = exchange.request, self.store.new_id("req")
        wish = self.mischief.for_request(request.method, request.path)
        if wish and wish.behaviour == "refused":
            exchange.close(reset=True)
            return
        try:
            status, body, headers = await self._run(request, request_id, wish)
        except Refused as refused:
            status, body, headers = refused.status, refused.body(request_id), _retry(refused)
        except Exception:
            log.exception("the sandbox failed at %s %s", request.method, request.path)
            broken = Refused(500, "sandbox: this is a fault of the sandbox itself", kind="api_error")
            status, body, headers = broken.status, broken.body(request_id), {"Stripe-Should-Retry": "false"}
        self.written()
        if wish and wish.behaviour == "lost":
            exchange.close(reset=True)
            return
        _send(exchange, status, body, {"Request-Id": request_id, **headers})

    async def _run(self, request: Request, request_id: str, wish: Wish | None) -> tuple[int, Json, dict[str, str]]:
        operation, places = find(request.method, request.path)
        _authenticate(request)
        _check_version(request)
        if wish and wish.behaviour == "fail":
            raise asked_to_fail(wish)
        self.store.timeline.run(self.store)
        seconds = wish.ms / 1000 if wish and wish.behaviour == "slow" else 0.0
        form, key = _form(request), request.headers.get("idempotency-key", "")
        if request.method != "POST" or not key:
            return 200, await self._do(operation, form, places, Caller(request_id, seconds=seconds)), {}
        return await self._once(operation, request, form, places, Caller(request_id, key, seconds))

    async def _once(
        self, operation: Operation, request: Request, form: Form, places: dict[str, str], caller: Caller
    ) -> tuple[int, Json, dict[str, str]]:
        """Does the operation, unless this key has had its answer already."""
        key = caller.idempotency_key or ""
        if len(key) > KEY_LENGTH_MAX:
            raise Refused(400, "Idempotency-Key headers may be 255 characters at most.", kind="idempotency_error")
        asked = f"{request.method} {request.path} ".encode() + request.body
        kept = self.store.recall(key, asked)
        if kept is not None:
            return kept.status, kept.body, {"Idempotency-Key": key, "Idempotent-Replayed": "true"}
        if key in self.in_flight:
            raise Refused(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}.",
                code="idempotency_key_in_use",
            )
        self.in_flight.add(key)
        try:
            made = await self._do(operation, form, places, caller)
        finally:
            self.in_flight.discard(key)
        self.store.remember(key, asked, 200, made)
        return 200, made, {"Idempotency-Key": key}

    async def _do(self, operation: Operation, form: Form, places: dict[str, str], caller: Caller) -> Json:
        params = check(operation.kind, form)
        check_present(params)
        check_paths(operation.gives, params.get("expand", []))
        await asyncio.sleep(caller.seconds)
        lock = operation.lock(params) if operation.lock else ""
        if not lock:
            return self._done(operation, params, places, caller)
        if lock in self.store.locks:
            raise Refused(
                429,
                "This object cannot be accessed right now because another API request or Stripe process is currently "
                "accessing it.",
                code="lock_timeout",
            )
        self.store.locks.add(lock)
        try:
            await asyncio.sleep(self.store.options.meter_call_seconds)
            return self._done(operation, params, places, caller)
        finally:
            self.store.locks.discard(lock)

    def _done(self, operation: Operation, params: dict[str, Any], places: dict[str, str], caller: Caller) -> Json:
        self.store.caller = caller
        try:
            made = operation.run(self.store, params, **places)
            # The answer is built before anything else can change the object.
            return answer(self.store, made, params.get("expand", []))
        finally:
            self.store.caller = Caller()


def asked_to_fail(wish: Wish) -> Refused:
    kind = "invalid_request_error" if wish.status < 500 else "api_error"
    return Refused(wish.status, "sandbox: this request was asked to fail", code=wish.code, kind=kind)


def _authenticate(request: Request) -> None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    key = _basic_user(value) if scheme.lower() == "basic" else value
    if not key:
        raise Refused(401, "You did not provide an API key.")
    if not KEY.match(key):
        raise Refused(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")


def _basic_user(value: str) -> str:
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _check_version(request: Request) -> None:
    # Stripe knows older versions too; the product pins one, and another one here means that the pin slipped.
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise Refused(400, f"Invalid Stripe API version: {version[:60]}. The sandbox speaks {API_VERSION}.")


def _form(request: Request) -> Form:
    if request.method == "GET":
        return decode(request.query)
    kind = request.headers.get("content-type", "application/x-www-form-urlencoded")
    if request.path.startswith("/v2/"):
        return _json(request.body)
    if not kind.startswith("application/x-www-form-urlencoded"):
        raise Refused(400, "Invalid content type: use application/x-www-form-urlencoded.")
    return decode(request.body.decode("utf-8", "replace") or request.query)


def _json(body: bytes) -> Form:
    try:
        found: Value = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refused(400, "The body is no JSON.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body must be a JSON object.")
    return found


def _retry(refused: Refused) -> dict[str, str]:
    return {"Stripe-Should-Retry": "true" if refused.status in (409, 429) or refused.status >= 500 else "false"}


def _send(exchange: Exchange, status: int, body: Json, headers: dict[str, str]) -> None:
    told = {"Content-Type": "application/json", "Stripe-Version": API_VERSION, **headers}
    exchange.answer(status, orjson.dumps(body), told)
