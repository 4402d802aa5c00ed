"""Stripe on loopback: the door that every request passes, and the list of rooms behind it."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from collections.abc import Awaitable, Callable
from html import escape

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from stripe._api_version import _ApiVersion

from sandbox.page import page
from sandbox.queueing import Failures
from sandbox.stripe.errors import Refused
from sandbox.stripe.forms import Form, decode
from sandbox.stripe.objects import customer
from sandbox.stripe.operation import Operation
from sandbox.stripe.store import Json, Store

# A room is added here: each file under objects/ brings its own operations.
OPERATIONS: tuple[Operation, ...] = (*customer.OPERATIONS,)

API_VERSION = _ApiVersion.CURRENT
KEY = re.compile(r"^(sk|rk)_test_\w+$")
KEY_LENGTH_MAX = 255


def app(store: Store | None = None) -> Starlette:
    """A fresh Stripe around its own store."""
    door = Door(store or Store())
    return Starlette(
        routes=[
            Route("/", door.front, methods=["GET"]),
            Route("/sandbox/next", door.failures.queue, methods=["POST"]),
            *(Route(one.path, door.opened(one), methods=[one.method]) for one in OPERATIONS),
        ],
        exception_handlers={HTTPException: _unknown_route},
    )


class Door:
    """What every request passes: the key, the version, the idempotency key, the shape of the answer."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failures = Failures()

    def opened(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """The operation as an endpoint."""

        async def endpoint(request: Request) -> Response:
            request_id = self.store.new_id("req")
            try:
                status, body, headers = await self._run(operation, request)
            except Refused as refused:
                status, body, headers = refused.status, refused.body(), _retry(refused)
            return _answer(status, body, {"Request-Id": request_id, **headers})

        return endpoint

    async def _run(self, operation: Operation, request: Request) -> tuple[int, Json, dict[str, str]]:
        _authenticate(request)
        _check_version(request)
        status = self.failures.take()
        if status is not None:
            raise Refused(status, "sandbox: this request was asked to fail", kind="api_error")
        form, key = await _form(request), request.headers.get("idempotency-key", "")
        if request.method != "POST" or not key:
            return 200, operation.run(self.store, form, **request.path_params), {}
        return self._once(operation, request, form, key, await request.body())

    def _once(
        self, operation: Operation, request: Request, form: Form, key: str, body: bytes
    ) -> tuple[int, Json, dict[str, str]]:
        """Runs the operation, unless this key has had its answer already."""
        if len(key) > KEY_LENGTH_MAX:
            raise Refused(400, "Idempotency-Key headers may be 255 characters at most.", kind="idempotency_error")
        asked = f"{request.method} {request.url.path} ".encode() + body
        kept = self.store.recall(key, asked)
        if kept is not None:
            return kept.status, kept.body, {"Idempotency-Key": key, "Idempotent-Replayed": "true"}
        made = copy.deepcopy(operation.run(self.store, form, **request.path_params))
        self.store.remember(key, asked, 200, made)
        return 200, made, {"Idempotency-Key": key}

    async def front(self, request: Request) -> Response:
        """What this server is, and the customers that it has."""
        rows = "".join(
            f"<tr><td><code>{escape(one['id'])}</code></td><td>{escape(one.get('email') or '')}</td></tr>"
            for one in reversed(self.store.customers.values())
        )
        intro = f"<p>Stands in for Stripe's API, version {API_VERSION}. No money moves.</p><h2>Customers</h2>"
        return HTMLResponse(
            page("Sandbox: Stripe", f"{intro}<table>{rows}</table>" if rows else f"{intro}<p>None yet.</p>")
        )


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


async def _form(request: Request) -> Form:
    if request.method != "POST":
        return decode(request.url.query)
    kind = request.headers.get("content-type", "application/x-www-form-urlencoded")
    if not kind.startswith("application/x-www-form-urlencoded"):
        raise Refused(400, "Invalid content type: use application/x-www-form-urlencoded.")
    return decode((await request.body()).decode("utf-8", "replace"))


def _retry(refused: Refused) -> dict[str, str]:
    return {"Stripe-Should-Retry": "true" if refused.status in (409, 429) or refused.status >= 500 else "false"}


def _answer(status: int, body: Json, headers: dict[str, str]) -> Response:
    return JSONResponse(body, status_code=status, headers={**headers, "Stripe-Version": API_VERSION})


async def _unknown_route(request: Request, error: Exception) -> Response:
    method, path = request.method, request.url.path
    refused = Refused(404, f"Unrecognized request URL ({method}: {path}). The sandbox does not have this yet.")
    return _answer(404, refused.body(), {"Stripe-Should-Retry": "false"})
