"""Stripe's signatures: its SDK compares them, and time is measured both ways by the product's clock."""

from datetime import datetime
from typing import Any

import orjson
from stripe import SignatureVerificationError, WebhookSignature

from relay.errors import BadSignature

TOLERANCE_SECONDS = 300


def verified(body: bytes, header: str, now: datetime, secrets: tuple[str, ...]) -> Any:
    """The event in `body`. BadSignature unless one of the secrets signed it within five minutes of now."""
    if not any(_signed(body, header, secret) for secret in secrets):
        raise BadSignature()
    if abs(now.timestamp() - _signed_at(header)) > TOLERANCE_SECONDS:
        raise BadSignature()
    try:
        event: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise BadSignature("The body is not an event.")
    return event  # pyright: ignore[reportUnknownVariableType]


def _signed(body: bytes, header: str, secret: str) -> bool:
    verify: Any = WebhookSignature.verify_header  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    try:
        # Without a tolerance: the SDK's looks back alone, and at the machine's clock.
        return bool(verify(body.decode(), header, secret, tolerance=None))
    except (SignatureVerificationError, ValueError):
        return False


def _signed_at(header: str) -> int:
    """The first time in the header, as that is the one which the SDK found signed; whoever holds an old event can
    write another behind it.
    """
    return next(int(part.split("=")[1]) for part in header.split(",") if part.startswith("t="))
