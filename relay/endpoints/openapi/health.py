"""Whether it runs, and what this document is."""

from relay.endpoints.openapi.words import JSON, NOBODY, answer, ok, operation
from relay.endpoints.schemas import TEXT, Schema

HEALTH: Schema = {
    "/livez": {"get": operation("The process runs", answers=ok("It does.", "Status"), security=NOBODY)},
    "/readyz": {
        "get": operation("Requests may come", answers=ok("They may.", "Status"), errors=(503,), security=NOBODY)
    },
    "/metrics": {
        "get": operation(
            "Prometheus metrics",
            answers={"200": answer("Sums over everybody.", {"text/plain": TEXT})},
            security=NOBODY,
        )
    },
    "/api/openapi.json": {
        "get": operation(
            "This document",
            answers={"200": answer("OpenAPI 3.1.", {JSON: {"type": "object"}})},
            security=NOBODY,
        )
    },
}
