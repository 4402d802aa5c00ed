"""A metered request as a row of a table, and the words for how it ended."""

from dataclasses import dataclass

from account_app.components.figures import count, dollars, exact, seconds
from relay import clock
from relay.usage import RequestView

ENDINGS = {
    "complete": "Complete",
    "client_gone": "Stopped",
    "upstream_error": "Failed upstream",
    "process_died": "Interrupted",
}
TONES = {"complete": "plain", "client_gone": "warn", "upstream_error": "bad", "process_died": "bad"}


@dataclass(frozen=True)
class RequestLine:
    """`at` is RFC 3339; `exact` is the whole price, which the rounded one stands for."""

    id: str = ""
    at: str = ""
    model: str = ""
    tokens_in: str = ""
    tokens_out: str = ""
    cache_read: str = ""
    cache_write: str = ""
    first_token: str = ""
    latency: str = ""
    ending: str = ""
    tone: str = "plain"
    price: str = ""
    exact: str = ""


def request_line(request: RequestView, locale: str, *, all_input: bool = False) -> RequestLine:
    """`all_input` counts what came from the cache, or went to it, as input: where there is one column for it."""
    cached = request.cache_read_tokens + request.cache_write_tokens if all_input else 0
    return RequestLine(
        id=request.request_id,
        at=clock.rfc3339(request.at),
        model=request.model or "Storage",
        tokens_in=count(request.input_tokens + cached, locale),
        tokens_out=count(request.output_tokens, locale),
        cache_read=count(request.cache_read_tokens, locale),
        cache_write=count(request.cache_write_tokens, locale),
        first_token="" if request.first_token_ms is None else seconds(request.first_token_ms, locale),
        latency=seconds(request.duration_ms, locale),
        ending=ENDINGS.get(request.ended, request.ended),
        tone=TONES.get(request.ended, "plain"),
        price=dollars(request.total_pico, locale),
        exact=exact(request.total_pico, locale),
    )
