"""One span a request, when there is a collector: route, status, our request id, how long. Nothing about anybody.

What it waited for is below it: see `relay.spans`.
"""

from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.services import Services

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

UNWATCHED = frozenset({"/livez", "/readyz", "/metrics"})
NAMED_BY_ID = ("/api/assets", "/api/requests", "/api/keys", "/api/claude/v1/models")


def traced(app: ASGIApp, services: Services) -> ASGIApp:
    """The app itself without a collector: then no exporter is loaded, and no request costs more."""
    return app if services.tracer is None else Traced(app, services.tracer)


class Traced:
    """A caller's `traceparent` is taken up, so its trace and ours are one."""

    def __init__(self, app: ASGIApp, tracer: "Tracer") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from relay.spans import end_of_waiting

        self._app = app
        self._tracer = tracer
        self._end_of_waiting = end_of_waiting
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNWATCHED:
            await self._app(scope, receive, send)
            return
        caller = self._propagator.extract({"traceparent": Headers(scope=scope).get("traceparent", "")})
        route = route_of(scope["path"])
        with self._tracer.start_as_current_span(f"{scope['method']} {route}", context=caller) as span:
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("http.route", route)
            try:
                await self._app(scope, receive, self._noting(span, send))
            finally:
                self._end_of_waiting()

    def _noting(self, span: Any, send: Send) -> Send:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._end_of_waiting()
                span.set_attribute("http.response.status_code", message["status"])
                span.set_attribute("request_id", Headers(raw=message["headers"]).get("request-id", ""))
            await send(message)

        return send_and_note


def route_of(path: str) -> str:
    """The path without what names somebody's things."""
    for prefix in NAMED_BY_ID:
        if path.startswith(prefix + "/"):
            return prefix + "/…"
    known = path.startswith("/api/") and len(path) < 60
    return path if known else "/…"
