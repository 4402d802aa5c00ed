"""HTTP at its edge: bodies read within bounds, errors told in one shape (RFC 9457), a request id on every
answer.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from relay.endpoints.callers import services_of
from relay.endpoints.safety import SAFETY
from relay.errors import BadInput, Forbidden, MethodNotAllowed, NotFound, ProductError, TooLarge, TooMany, TooSlow
from relay.ids import new_id

log = structlog.get_logger(__name__)

BODY_BYTES_MAX = 65_536
FIELDS_MAX = 50
NO_STORE = {"cache-control": "no-store"}


class JsonAnswer(Response):
    """JSON that no cache keeps: everything that we say is about one person."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code, {**NO_STORE, **(headers or {})})

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def is_form(request: Request) -> bool:
    return _media_type(request.headers) == "application/x-www-form-urlencoded"


async def read_fields(request: Request, bytes_max: int = BODY_BYTES_MAX) -> Mapping[str, object]:
    """A JSON object or a form as a mapping. BadInput on anything else, on a field given twice; TooLarge over
    the bound.

    JSON must be declared as JSON: a page on another site can send text/plain without asking, but not that.
    """
    kind = _media_type(request.headers)
    body = await read_body(request, bytes_max)
    if kind == "application/json":
        return _json_object(body)
    if kind == "application/x-www-form-urlencoded":
        return _form(body)
    raise BadInput("Send application/json or application/x-www-form-urlencoded.")


async def read_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body, never more than `bytes_max` of it in memory, and never for longer than BODY_SILENCE_SECONDS in all:
    what is read here is small."""
    body = bytearray()
    try:
        async with asyncio.timeout(services_of(request).settings.BODY_SILENCE_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    raise TooLarge(f"The request is larger than {bytes_max // 1024} kB.")
    except TimeoutError:
        raise TooSlow() from None
    except ClientDisconnect:
        raise BadInput("The request ended before its body did.") from None
    return bytes(body)


def text_field(fields: Mapping[str, object], name: str, *, length_max: int = 1000) -> str:
    """A field that is text, or '' when it is not there. BadInput on another type or on too much of it."""
    value = fields.get(name, "")
    if not isinstance(value, str) or len(value) > length_max:
        raise BadInput(f"`{name}` is a string of at most {length_max} characters.")
    return value


def problem(error: ProductError, request_id: str = "") -> JsonAnswer:
    """`application/problem+json`: title, status, a stable `code`, and whatever the error adds."""
    body = {"type": "about:blank", "title": error.message, "status": error.status, "code": error.code}
    extra = {**error.details, **({"request_id": request_id} if request_id else {})}
    return JsonAnswer(
        {**extra, **body},
        error.status,
        {"content-type": "application/problem+json", **retry_header(error)},
    )


def retry_header(error: ProductError) -> dict[str, str]:
    return {"retry-after": str(error.retry_after)} if error.retry_after else {}


def request_id_of(scope: Scope) -> str:
    return str(scope.get("state", {}).get("request_id", ""))


async def _on_product_error(request: Request, error: Exception) -> Response:
    return problem(cast(ProductError, error), request_id_of(request.scope))


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    kinds: dict[int, type[ProductError]] = {
        403: Forbidden,
        404: NotFound,
        405: MethodNotAllowed,
        429: TooMany,
    }
    kind = kinds.get(status, BadInput if status < 500 else ProductError)
    answer = problem(kind(), request_id_of(request.scope))
    answer.headers.update(cast(HTTPException, error).headers or {})
    return answer


async def _on_defect(request: Request, error: Exception) -> Response:
    log.error("defect", error=type(error).__name__, path=request.url.path)
    return problem(ProductError(), request_id_of(request.scope))


exception_handlers: dict[Any, ExceptionHandler] = {
    ProductError: _on_product_error,
    HTTPException: _on_http_error,
    Exception: _on_defect,
}
"""For Starlette(exception_handlers=…): the one place where errors become answers."""


class WithRequestId:
    """Outermost: gives every request an id of ours, to the log, to `scope["state"]["request_id"]`, and to the
    client.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"] = dict(scope.get("state") or {})
        request_id = state.setdefault("request_id", new_id("req"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("request-id", request_id)
                for name, value in SAFETY:
                    headers.setdefault(name.decode(), value.decode())
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        found: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadInput("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise BadInput("The body is not a JSON object.")
    return cast(dict[str, object], found)


def _form(body: bytes) -> Mapping[str, object]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise BadInput("The body is not a form.") from None
    fields: dict[str, object] = dict(pairs)
    if len(fields) != len(pairs):
        raise BadInput("A field was given twice.")
    return fields
