"""What the audit finds."""

from typing import NamedTuple


class Difference(NamedTuple):
    """`what` is the table and column, `id` the row; `ours` is stored, `recomputed` follows from the facts."""

    what: str
    id: str
    ours: int | str | None
    recomputed: int | str | None


def compare(what: str, row: object, ours: int | str | None, recomputed: int | str | None) -> list[Difference]:
    """Nothing when both are the same."""
    return [] if ours == recomputed else [Difference(what, str(row), ours, recomputed)]
