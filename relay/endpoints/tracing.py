"""One span a request, when there is a collector: route, status, our request id, how long. Nothing about anybody."""

from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.settings import Settings

UNWATCHED = frozenset({"/livez", "/readyz", "/metrics"})
NAMED_BY_ID = ("/api/assets", "/api/requests", "/api/keys", "/api/claude/v1/models")


def traced(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The app itself without a collector: then no exporter is loaded, and no request costs more."""
    return Traced(app, settings) if settings.OTEL_EXPORTER_OTLP_ENDPOINT else app


class Traced:
    """A caller's `traceparent` is taken up, so its trace and ours are one."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from relay.gateways.traces import open_tracer

        self._app = app
        self._tracer = open_tracer(settings)
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
            await self._app(scope, receive, _noting(span, send))


def route_of(path: str) -> str:
    """The path without what names somebody's things."""
    for prefix in NAMED_BY_ID:
        if path.startswith(prefix + "/"):
            return prefix + "/…"
    known = path.startswith("/api/") and len(path) < 60
    return path if known else "/…"


def _noting(span: Any, send: Send) -> Send:
    async def send_and_note(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            span.set_attribute("request_id", Headers(raw=message["headers"]).get("request-id", ""))
        await send(message)

    return send_and_note
