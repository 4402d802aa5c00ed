"""Spans below a request's, where time is spent that is not ours: database, Claude, Stripe.

Only with a collector are these built instead of what they extend, so without one nothing is asked and nothing costs.
None tells anything about anybody: a span is named by what is done, and has no attribute.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, Tracer

from relay.database import Batch, Database
from relay.gateways.claude import Answer, Claude
from relay.gateways.payments import Payments
from relay.settings import Settings


class WatchedDatabase(Database):
    """Waiting for it includes waiting for the group's commit. What no request waits for is not told."""

    def __init__(self, url: str, tracer: Tracer) -> None:
        super().__init__(url)
        self._tracer = tracer

    async def write(self, work: Callable[..., Any]) -> Any:
        with _within(self._tracer, "database write"):
            return await super().write(work)

    async def batch(self, batch: Batch, command: Any, otherwise: Callable[[Sequence[Any]], None] | None = None) -> Any:
        with _within(self._tracer, f"ledger {type(command).__name__.lower()}"):
            return await super().batch(batch, command, otherwise)

    async def look_up(self, batch: Batch, command: Any) -> Any:
        with _within(self._tracer, "database look-up"):
            return await super().look_up(batch, command)

    async def read(self, work: Callable[..., Any]) -> Any:
        with _within(self._tracer, "database read"):
            return await super().read(work)


_waiting: ContextVar[Span | None] = ContextVar("waiting", default=None)


class WatchedClaude(Claude):
    """`claude wait` is from the question to the moment at which our own answer begins; the stream follows it."""

    def __init__(self, settings: Settings, tracer: Tracer) -> None:
        super().__init__(settings)
        self._tracer = tracer

    async def send(
        self, method: str, path: str, headers: Iterable[tuple[bytes, bytes]] = (), body: bytes | bytearray = b""
    ) -> Answer:
        end_of_waiting()
        _waiting.set(self._tracer.start_span("claude wait"))
        return await super().send(method, path, headers, body)


def end_of_waiting() -> None:
    """Called when the request at hand is answered, or gets no answer."""
    span = _waiting.get()
    if span is not None:
        span.end()
        _waiting.set(None)


class WatchedPayments(Payments):
    def __init__(self, settings: Settings, tracer: Tracer) -> None:
        super().__init__(settings)
        self._tracer = tracer

    async def _do(self, call: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        with self._tracer.start_as_current_span(f"stripe {verb_of(call)}", record_exception=False):
            return await super()._do(call)


def verb_of(call: Callable[..., object]) -> str:
    """The method of ours that asks: calls of Stripe's SDK are handed on as lambdas of it."""
    before, _, _ = call.__qualname__.partition(".<locals>")
    return before.rpartition(".")[2]


def _within(tracer: Tracer, name: str) -> AbstractContextManager[Span | None]:
    """A span of the request at hand. Its exceptions may hold what people wrote, so they are not kept."""
    if not trace.get_current_span().is_recording():
        return nullcontext()
    return tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)
