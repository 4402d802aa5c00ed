"""What an object's file offers to the server: a method, a path, the parameters, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.store import Json


@dataclass(frozen=True, slots=True)
class Operation:
    """`run(store, params, **path_parameters)` answers with an object or raises `Refused`.

    `kind` is one of `stripe.params`; `gives` is the name of the object that it answers with, or lists. While an
    operation with a `lock` runs, another one with the same lock is refused as Stripe refuses it.
    """

    method: str
    path: str
    kind: type
    run: Callable[..., Json]
    lock: Callable[[dict[str, Any]], str] | None = None
    gives: str = ""
