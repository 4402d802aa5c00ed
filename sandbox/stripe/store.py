"""Everything that the sandbox's Stripe knows, in memory; one store a server."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.errors import Refused

KEY_SECONDS = 24 * 3600
LETTERS = string.ascii_letters + string.digits

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer to an idempotency key, and what it answered."""

    digest: bytes
    status: int
    body: Json
    expires_at: float


@dataclass(slots=True)
class Store:
    """The objects by kind and id, oldest first. `clock` gives the Unix time in seconds."""

    clock: Callable[[], float] = time.time
    customers: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, Kept] = field(default_factory=dict)

    def now(self) -> int:
        return int(self.clock())

    def new_id(self, prefix: str) -> str:
        """An id such as Stripe makes, `cus_…`."""
        return f"{prefix}_{''.join(secrets.choice(LETTERS) for _ in range(14))}"

    def recall(self, key: str, asked: bytes) -> Kept | None:
        """What was answered to this key before, if it was; the same key for another request is refused."""
        kept = self.answers.get(key)
        if kept is None or kept.expires_at <= self.clock():
            return None
        if kept.digest != _digest(asked):
            raise Refused(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were first "
                f"used with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        return kept

    def remember(self, key: str, asked: bytes, status: int, body: Json) -> None:
        """Keeps an answer for 24 hours."""
        self.answers[key] = Kept(_digest(asked), status, body, self.clock() + KEY_SECONDS)


def _digest(asked: bytes) -> bytes:
    return hashlib.sha256(asked).digest()
