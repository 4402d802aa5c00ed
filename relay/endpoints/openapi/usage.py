"""Balance, usage, requests and receipts."""

from relay.endpoints.openapi.words import CSV, STREAM, answer, ok, operation, path, query
from relay.endpoints.ranges import EXAMPLE_DATE, EXAMPLE_MOMENT, LIMIT_DEFAULT, LIMIT_MAX
from relay.endpoints.schemas import TEXT, Schema
from relay.usage import BYS

_A_MOMENT: Schema = {
    "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
    "examples": [EXAMPLE_DATE, EXAMPLE_MOMENT],
}
_RANGE = [
    query("from", "The first day, or an RFC 3339 time. By default 30 days before `to`.", **_A_MOMENT),
    query("to", "The last day, included, or an RFC 3339 time. By default now.", **_A_MOMENT),
    query("by", "What a row is. Hours: at most 400 days of them.", enum=list(BYS), default="day"),
    query("zone", "The IANA time zone in which days begin.", default="UTC", examples=["Europe/Berlin"]),
]
USAGE: Schema = {
    "/api/balance": {"get": operation("What is there to spend", answers=ok("Now.", "Balance"), errors=(401, 503))},
    "/api/balance/events": {
        "get": operation(
            "The balance now and after each change, as server-sent events named `balance`",
            answers={"200": answer("Each event's data is a Balance. Ends when signed out.", {STREAM: TEXT})},
            errors=(401, 429, 503),
        )
    },
    "/api/usage": {
        "get": operation(
            "Usage by hour, day, model or service",
            parameters=_RANGE,
            answers=ok("Buckets with use, and their sum.", "Usage"),
            errors=(400, 401, 503),
        )
    },
    "/api/usage.csv": {
        "get": operation(
            "The same rows for a spreadsheet",
            parameters=_RANGE,
            answers={"200": answer("RFC 4180, with a header row.", {CSV: TEXT})},
            errors=(400, 401, 503),
        )
    },
    "/api/requests": {
        "get": operation(
            "Metered requests, newest first",
            parameters=[
                query("before", "`next` of the page before."),
                query("service", "Calls, or hours of storage.", enum=["claude", "storage"], default="claude"),
                query("limit", "How many.", type="integer", minimum=1, maximum=LIMIT_MAX, default=LIMIT_DEFAULT),
            ],
            answers=ok("A page.", "Requests"),
            errors=(400, 401, 503),
        )
    },
    "/api/requests/{request_id}": {
        "get": operation(
            "The receipt of one request",
            parameters=[path("request_id", "its `request-id`")],
            answers=ok("What it cost, line by line.", "Receipt"),
            errors=(401, 404, 503),
        )
    },
}
