"""Misbehaviour on request: `POST /sandbox/next {"status": 500, "times": 1}`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BEHAVIOURS = {
    "fail": "answers with `status` and does nothing",
    "lost": "does what was asked, then cuts the connection",
    "refused": "cuts the connection before anything is done",
    "slow": "waits `ms` milliseconds, 2000 unless told otherwise, and then does what was asked",
}
WEBHOOKS = {
    "duplicate": "the next event is delivered three times",
    "disorder": "the next two events (or `of` many) are delivered in reverse",
    "delay": "the next event is held back for `ms` milliseconds",
    "old_version": "the next event is of API version 2023-10-16, its object in the shape of that time",
    "other_mode": "the next event says that it is of live mode",
    "forged": "the next event's signature is wrong",
    "drop": "the next event is not delivered at all",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """One misbehaviour. `path` and `type` narrow it to requests or events whose path or type begins so."""

    behaviour: str
    status: int = 500
    code: str | None = None
    ms: int = 2000
    of: int = 2
    path: str = ""
    type: str = ""


class Mischief:
    """What the next requests and events are to suffer."""

    def __init__(self) -> None:
        self.requests: deque[Wish] = deque()
        self.webhooks: deque[Wish] = deque()

    def queue(self, wish: Mapping[str, Any]) -> int:
        """Takes the wish; how many wait now. ValueError says what is wrong with it."""
        known = {"behaviour", "webhooks", "times", *Wish.__slots__}
        times, hook = wish.get("times", 1), wish.get("webhooks")
        behaviour = hook or wish.get("behaviour", "fail")
        if wish.keys() - known or not isinstance(times, int) or behaviour not in (WEBHOOKS if hook else BEHAVIOURS):
            raise ValueError(f"behaviours: {', '.join(BEHAVIOURS)}; webhooks: {', '.join(WEBHOOKS)}")
        status = wish.get("status", 500)
        if not isinstance(status, int) or not 400 <= status <= 599 or (behaviour == "fail" and "status" not in wish):
            raise ValueError('post {"status": 500}, 400 to 599')
        options = {name: wish[name] for name in Wish.__slots__ if name in wish and name != "behaviour"}
        waiting = self.webhooks if hook else self.requests
        waiting.extend([Wish(behaviour, **options)] * times)
        return len(waiting)

    def for_request(self, method: str, path: str) -> Wish | None:
        """The wish that the request at hand must suffer, if any. `path` may be given as `POST /v1/…` too."""
        told = (path, f"{method} {path}")
        return _taken(self.requests, lambda wish: any(one.startswith(wish.path) for one in told))

    def for_event(self, kind: str) -> Wish | None:
        return _taken(self.webhooks, lambda wish: kind.startswith(wish.type))


def _taken(waiting: deque[Wish], fits: Any) -> Wish | None:
    for wish in waiting:
        if fits(wish):
            waiting.remove(wish)
            return wish
    return None
