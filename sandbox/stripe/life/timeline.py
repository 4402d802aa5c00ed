"""What is going to happen, in order of time: the end of a trial, the next invoice, a retry of a payment."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.stripe.store import Store

Happening = Callable[["Store", str], None]
HAPPENINGS: dict[str, Happening] = {}


def happening(name: str) -> Callable[[Happening], Happening]:
    """Gives a function a name under which it can be planned and written to disk."""

    def named(function: Happening) -> Happening:
        HAPPENINGS[name] = function
        return function

    return named


@dataclass(slots=True)
class Timeline:
    """A heap of `(due, order, name, id)`. What came to nothing stays: each happening looks whether it still fits."""

    due: list[tuple[float, int, str, str]] = field(default_factory=list)
    order: int = 0

    def plan(self, at: float, name: str, object_id: str) -> None:
        """`name` will be done to the object at this Unix time."""
        self.order += 1
        heapq.heappush(self.due, (at, self.order, name, object_id))

    def run(self, store: Store) -> int:
        """Does what is due by now; how many that was."""
        done = 0
        while self.due and self.due[0][0] <= store.exact_now():
            _, _, name, object_id = heapq.heappop(self.due)
            HAPPENINGS[name](store, object_id)
            done += 1
        return done

    def steps(self, store: Store, to: float) -> Iterator[int]:
        """Moves the store's time on to `to`, one thing that is due after the other; how many each time."""
        while self.due and self.due[0][0] <= to:
            store.ahead += max(0.0, self.due[0][0] - store.exact_now())
            yield self.run(store)
        store.ahead += max(0.0, to - store.exact_now())
        yield self.run(store)
