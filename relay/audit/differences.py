"""What the audit finds."""

from collections.abc import Iterable
from typing import NamedTuple

KEPT_MAX = 1000


class Difference(NamedTuple):
    """`what` is the table and column, `id` the row; `ours` is stored, `recomputed` follows from the facts."""

    what: str
    id: str
    ours: int | str | None
    recomputed: int | str | None


class Differences(list[Difference]):
    """The first KEPT_MAX that were found; `more` is how many there are beyond them.

    A book that is ill all through has a difference for every row: the first ones tell where to look.
    """

    def __init__(self) -> None:
        super().__init__()
        self.more = 0

    def take(self, found: Iterable[Difference]) -> None:
        """Each of them, as long as there is room."""
        for each in found:
            if len(self) < KEPT_MAX:
                self.append(each)
            else:
                self.more += 1


def compare(what: str, row: object, ours: int | str | None, recomputed: int | str | None) -> list[Difference]:
    """Nothing when both are the same."""
    return [] if ours == recomputed else [Difference(what, str(row), ours, recomputed)]
