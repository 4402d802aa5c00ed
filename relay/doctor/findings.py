"""One line of the doctor's report."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is `wrong` for what stops or costs something, `warning` for what a person should look at."""

    name: str
    state: State
    found: str
    expected: str = ""
    fix: str = ""


def ok(name: str, found: str) -> Finding:
    return Finding(name, "ok", found)


def warning(name: str, found: str, expected: str, fix: str) -> Finding:
    return Finding(name, "warning", found, expected, fix)


def wrong(name: str, found: str, expected: str, fix: str) -> Finding:
    return Finding(name, "wrong", found, expected, fix)


def judged(good: bool, name: str, found: str, expected: str, fix: str) -> Finding:
    """`ok` when it is as expected, `wrong` when it is not."""
    return ok(name, found) if good else wrong(name, found, expected, fix)
