"""What Claude refuses, in Anthropic's envelope."""

from __future__ import annotations

import secrets

import orjson

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """An answer that is an error: its HTTP status, its words, and headers to go with it."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def envelope(status: int, message: str, request_id: str) -> bytes:
    """The JSON body of an error."""
    kind = "request_too_large" if status == 413 else TYPES.get(status, "api_error")
    error = {"type": kind, "message": message}
    return orjson.dumps({"type": "error", "error": error, "request_id": request_id})


def new_id(prefix: str) -> str:
    """An id such as Anthropic makes: `req_01…`, `msg_01…`, `toolu_01…`."""
    number, letters = int.from_bytes(secrets.token_bytes(16), "big"), ""
    for _ in range(22):
        number, rest = divmod(number, len(ALPHABET))
        letters += ALPHABET[rest]
    return f"{prefix}_01{letters}"
