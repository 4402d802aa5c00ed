"""Time-outs of one call by one timer: until the first event, then between real events. Pings do not count."""

import asyncio
from collections.abc import Callable

from relay.errors import UpstreamTimedOut
from relay.gateways.claude import Answer
from relay.metering import Meter

LOOKS = 4
"""How often the shorter limit is looked at, so that it is exceeded by a quarter of it at most."""


class Silence:
    """Fails the answer when upstream says nothing; calls `on_stuck` when it is the client that takes nothing."""

    def __init__(
        self, meter: Meter, first_seconds: float, between_seconds: float, on_stuck: Callable[[], None]
    ) -> None:
        self.sending = False
        self._meter = meter
        self._first_seconds = first_seconds
        self._between_seconds = between_seconds
        self._step_seconds = min(first_seconds, between_seconds) / LOOKS
        self._on_stuck = on_stuck
        self._answer: Answer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0
        self._quiet = 0

    def watch(self, answer: Answer) -> None:
        self._answer = answer
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._step_seconds, self._look)

    def _look(self) -> None:
        events = self._meter.real_events
        self._quiet = 0 if events != self._seen else self._quiet + 1
        self._seen = events
        limit_seconds = self._between_seconds if events else self._first_seconds
        if self._quiet * self._step_seconds < limit_seconds:
            self._arm()
        elif self.sending:
            self._on_stuck()
        elif self._answer is not None:
            self._answer.fail(UpstreamTimedOut())
