"""ASGI by hand: reading bodies within bounds, writing answers and errors in Anthropic's envelope."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from relay.admission import Body
from relay.endpoints.claude.bodies import Kept
from relay.endpoints.safety import SAFETY
from relay.errors import BadInput, MethodNotAllowed, ProductError, TooLarge, TooSlow
from relay.money import usd
from relay.settings import Settings

BODY_BYTES_MAX = 32 << 20
EVENTS, JSON = b"text/event-stream", b"application/json"
Header = tuple[bytes, bytes]
PASSED_ON = (b"content-type", b"retry-after", b"retry-after-ms", b"x-should-retry")
"""What of upstream's headers reaches the client: nothing that tells of our account there."""


class ClientGone(Exception):
    """The client hung up before its request was whole."""


async def read_body(scope: Scope, receive: Receive, kept: Kept, settings: Settings) -> Body:
    """The whole body, at most 32 MB of it: TooLarge beyond, before more is read than that. Overloaded when all bodies
    together are too many.

    TooSlow when nothing comes for BODY_SILENCE_SECONDS, or it is not whole after BODY_SECONDS: a body that never ends
    must not be kept for ever.
    """
    try:
        async with asyncio.timeout(settings.BODY_SILENCE_SECONDS) as patience:
            return await _read_body(scope, receive, kept, patience, settings)
    except TimeoutError:
        raise TooSlow() from None


async def _read_body(scope: Scope, receive: Receive, kept: Kept, patience: asyncio.Timeout, settings: Settings) -> Body:
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > BODY_BYTES_MAX:
        raise TooLarge()
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise BadInput("Send the body without content-encoding.")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = message.get("body", b"")
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge()
        kept.take(len(body))
        return body
    now = asyncio.get_running_loop().time
    end = now() + settings.BODY_SECONDS
    # Grown piece by piece: joining 32 MB at the end stops every stream for ten milliseconds.
    body = bytearray()
    while message["type"] == "http.request":
        piece = message.get("body", b"")
        if len(body) + len(piece) > BODY_BYTES_MAX:
            raise TooLarge()
        kept.take(len(piece))
        body += piece
        if not message.get("more_body"):
            return body
        patience.reschedule(min(end, now() + settings.BODY_SILENCE_SECONDS))
        message = await receive()
    raise ClientGone


def media_type(upstream: dict[bytes, bytes]) -> bytes:
    """What an answer with these headers says that it is, without its parameters: EVENTS, JSON, or something else."""
    return upstream.get(b"content-type", b"").partition(b";")[0].strip().lower()


def answer_headers(request_id: str, upstream: dict[bytes, bytes]) -> list[Header]:
    """The head of a relayed answer: ours, and what may pass of upstream's."""
    headers = [(b"request-id", request_id.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    headers += SAFETY
    headers += [(name, upstream[name]) for name in PASSED_ON if name in upstream]
    if b"request-id" in upstream:
        headers.append((b"upstream-request-id", upstream[b"request-id"]))
    return headers


async def start(send: Send, status: int, headers: Sequence[Header]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def write(send: Send, data: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def answer_error(send: Send, error: ProductError, request_id: str) -> None:
    """Anthropic's envelope, so that every SDK raises its own exception; ours adds `code` and figures in USD."""
    body = envelope(error, request_id)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"request-id", request_id.encode()),
        (b"cache-control", b"no-store"),
        *SAFETY,
    ]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", str(error.details.get("allow", "")).encode()))
    if error.status in (401, 402):
        # The SDKs retry on some answers; credit does not come back by asking again.
        headers.append((b"x-should-retry", b"false"))
    await start(send, error.status, headers)
    await write(send, body, more=False)


def envelope(error: ProductError, request_id: str) -> bytes:
    return orjson.dumps({"type": "error", "error": error_object(error), "request_id": request_id})


def error_object(error: ProductError) -> dict[str, Any]:
    details = {
        (name.removesuffix("_pico") + "_usd" if name.endswith("_pico") else name): (
            usd(value) if name.endswith("_pico") and isinstance(value, int) else value
        )
        for name, value in error.details.items()
    }
    return details | {"type": error.claude_type, "code": error.code, "message": error.message}


def receipt_event(request_id: str, **receipt: object) -> bytes:
    return b"event: receipt\ndata: " + orjson.dumps({"type": "receipt", "request_id": request_id} | receipt) + b"\n\n"
