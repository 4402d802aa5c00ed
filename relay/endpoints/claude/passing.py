"""What goes to upstream with a request, and the free endpoints, which pass without a hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.types import Send

from relay.admission import Body, check_betas
from relay.endpoints.claude import wire
from relay.errors import BadInput, ProductError, UpstreamFailed, UpstreamRefused
from relay.gateways.claude import VERSION, Answer
from relay.services import Services

FREE_SECONDS = 30
Header = tuple[bytes, bytes]


def forwarded_headers(headers: Mapping[str, str]) -> list[Header]:
    """Built from nothing: the API version and the betas that admission knows. No cookie, no key, no address.

    BadInput names what of them is not known.
    """
    version = headers.get("anthropic-version", VERSION.decode())
    if not version.isascii() or not version.replace("-", "").isalnum() or len(version) > 40:
        raise BadInput("anthropic-version: send 2023-06-01.")
    found = [(b"anthropic-version", version.encode())]
    if betas := check_betas(headers):
        found.append((b"anthropic-beta", ",".join(betas).encode("ascii")))
    return found


async def pass_free(
    services: Services,
    path: str,
    query: bytes,
    body: Body,
    forwarded: Sequence[Header],
    send: Send,
    request_id: str,
) -> None:
    """`count_tokens` and `models`: asked of upstream, answered whole."""
    target = path + ("?" + query.decode("ascii", "ignore") if query else "")
    if not target.isprintable() or " " in target:
        raise BadInput("The address has characters that do not belong into one.")
    method = "POST" if body else "GET"
    answer, found = await services.claude.ask(method, target, forwarded, body, FREE_SECONDS)
    if (refused := our_fault(answer)) is not None:
        raise refused
    await pass_whole(answer, found, send, request_id)


async def pass_whole(answer: Answer, body: bytes, send: Send, request_id: str) -> None:
    """An answer that has been read to its end: as it is, or as an error in the envelope."""
    head = wire.answer_headers(request_id, answer.headers)
    if answer.status != 200:
        body = _in_envelope(answer.status, body, request_id)
        head = [(name, value) for name, value in head if name != b"content-type"]
        head.append((b"content-type", b"application/json"))
    await wire.start(send, answer.status, [*head, (b"content-length", str(len(body)).encode())])
    await wire.write(send, body, more=False)


def _in_envelope(status: int, body: bytes, request_id: str) -> bytes:
    """Upstream's words under our id: it is the one that answer, receipt and usage row have in common."""
    try:
        found: Any = orjson.loads(body)
        if found["type"] == "error" and isinstance(found["error"]["type"], str):
            return orjson.dumps(found | {"request_id": request_id})
    except (orjson.JSONDecodeError, KeyError, TypeError):
        pass
    return wire.envelope(UpstreamRefused(status), request_id)


def our_fault(answer: Answer) -> ProductError | None:
    """Upstream's refusal of our own key, plan or address is not the client's: it is told as our failure."""
    if answer.status in (401, 402, 403, 407):
        return UpstreamFailed("Claude refused our access. We have been told; nothing was charged.")
    if answer.status != 200 and not 400 <= answer.status < 600:
        return UpstreamFailed(f"Claude answered with status {answer.status}. Nothing was charged.")
    return None
