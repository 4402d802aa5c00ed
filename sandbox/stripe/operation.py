"""What an object's file offers to the server: a method, a path, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe.store import Json


@dataclass(frozen=True, slots=True)
class Operation:
    """`run(store, form, **path_parameters)` answers with an object or raises `Refused`."""

    method: str
    path: str
    run: Callable[..., Json]
