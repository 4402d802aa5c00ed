"""What goes to upstream with a request, and the free endpoints, which pass without a hold."""

from collections.abc import Mapping, Sequence

from starlette.types import Send

from relay.admission import Body, check_betas
from relay.endpoints.claude import wire
from relay.errors import BadInput, ProductError, UpstreamFailed
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
    head = [*wire.answer_headers(request_id, answer.headers), (b"content-length", str(len(found)).encode())]
    await wire.start(send, answer.status, head)
    await wire.write(send, found, more=False)


def our_fault(answer: Answer) -> ProductError | None:
    """Upstream's refusal of our own key, plan or address is not the client's: it is told as our failure."""
    if answer.status in (401, 402, 403) or 300 <= answer.status < 400 or answer.status < 200:
        return UpstreamFailed("Claude refused our access. We have been told; nothing was charged.")
    return None
