"""What the meters have counted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counted:
    """One meter event. `at` is when it happened, `received_at` when it was sent; both in Unix seconds."""

    identifier: str
    event_name: str
    customer: str
    value: int
    at: int
    received_at: float
    cancelled: bool = False


@dataclass(slots=True)
class MeterEvents:
    """Every event, by its identifier and by meter and customer."""

    events: list[Counted] = field(default_factory=list)
    by_identifier: dict[str, Counted] = field(default_factory=dict)
    by_customer: dict[tuple[str, str], list[Counted]] = field(default_factory=dict)

    def take(self, event: Counted) -> None:
        self.events.append(event)
        self.by_identifier[event.identifier] = event
        self.by_customer.setdefault((event.event_name, event.customer), []).append(event)

    def latest(self, identifier: str) -> Counted | None:
        """The last event with this identifier: after a day it may be used again."""
        return self.by_identifier.get(identifier)

    def within(self, event_name: str, customer: str, start: int, end: int, seen_by: float) -> list[Counted]:
        """The events from `start` until before `end` that had arrived by `seen_by`."""
        return [
            event
            for event in self.by_customer.get((event_name, customer), ())
            if start <= event.at < end and event.received_at <= seen_by and not event.cancelled
        ]


def aggregated(events: list[Counted], formula: str) -> int:
    """One figure for all of them, by the meter's formula."""
    if formula == "count":
        return len(events)
    if formula == "last":
        return max(events, key=lambda event: (event.at, event.received_at)).value if events else 0
    return sum(event.value for event in events)
