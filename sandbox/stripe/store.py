"""Everything that the sandbox's Stripe knows, in memory; one store a server."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.door.errors import Refused, missing
from sandbox.stripe.life.metering import MeterEvents
from sandbox.stripe.life.timeline import Timeline

KEY_SECONDS = 24 * 3600
LETTERS = string.ascii_letters + string.digits

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The first answer to an idempotency key, and what it answered."""

    digest: str
    status: int
    body: Json
    expires_at: float


@dataclass(slots=True)
class Caller:
    """The request that is being worked on, as its events name it; `seconds` it was asked to take."""

    id: str | None = None
    idempotency_key: str | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Options:
    """What a test may set: times in seconds, and what happens when a customer cannot pay."""

    aggregation_seconds: float = 0.2
    meter_call_seconds: float = 0.002
    delayed_payment_seconds: float = 3.0
    refund_seconds: float = 3.0
    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: str = "unpaid"


@dataclass(slots=True)
class Store:
    """The objects by kind and id, oldest first. `clock` gives the Unix time in seconds; `ahead` is how far the
    sandbox's own time was moved from it. `told` hears of every event.
    """

    clock: Callable[[], float] = time.time
    ahead: float = 0.0
    address: str = "http://127.0.0.1"
    options: Options = field(default_factory=Options)
    tables: dict[str, dict[str, Json]] = field(default_factory=dict)
    index: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, Kept] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    caller: Caller = field(default_factory=Caller)
    told: list[Callable[[Json], None]] = field(default_factory=list)
    locks: set[str] = field(default_factory=set)
    meter_events: MeterEvents = field(default_factory=MeterEvents)

    def now(self) -> int:
        """The sandbox's own time, in whole seconds."""
        return int(self.exact_now())

    def exact_now(self) -> float:
        return self.clock() + self.ahead

    def new_id(self, prefix: str) -> str:
        """An id such as Stripe makes, `cus_…`."""
        return f"{prefix}_{''.join(secrets.choice(LETTERS) for _ in range(14))}"

    def table(self, kind: str) -> dict[str, Json]:
        """The objects of one kind, by Stripe's own name of it."""
        return self.tables.setdefault(kind, {})

    def all(self, kind: str) -> list[Json]:
        """The objects of one kind that have not been deleted, oldest first."""
        return [one for one in self.table(kind).values() if not one.get("deleted")]

    def add(self, made: Json) -> Json:
        """Keeps a new object."""
        self.table(made["object"])[made["id"]] = made
        self.index[made["id"]] = made
        return made

    def get(self, kind: str, object_id: str, param: str = "id") -> Json:
        """One living object; Stripe's 404 when there is none."""
        found = self.table(kind).get(object_id)
        if found is None or found.get("deleted"):
            raise missing(kind.rpartition(".")[2].replace("_", " "), object_id, param)
        return found

    def find(self, object_id: str) -> Json | None:
        """Any object by its id alone."""
        return self.index.get(object_id)

    def drop(self, kind: str, object_id: str) -> Json:
        """Forgets an object, but for the fact that it was there. Answers as Stripe does to a delete."""
        self.table(kind)[object_id] = {"id": object_id, "object": kind, "deleted": True}
        self.index[object_id] = self.table(kind)[object_id]
        return self.index[object_id]

    @property
    def customers(self) -> dict[str, Json]:
        return self.table("customer")

    def recall(self, key: str, asked: bytes) -> Kept | None:
        """What was answered to this key before, if it was; the same key for another request is refused."""
        kept = self.answers.get(key)
        if kept is None or kept.expires_at <= self.exact_now():
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
        self.answers[key] = Kept(_digest(asked), status, body, self.exact_now() + KEY_SECONDS)


def _digest(asked: bytes) -> str:
    return hashlib.sha256(asked).hexdigest()
