"""Usage rows summed: by hour, model and key, with what each kind of token cost; and their way into `usage_sums`.

The ledger adds to the sums and pages read them, so both find here what a sum is.
"""

from relay.sums.adding import add
from relay.sums.groups import COUNTS, HOURLY_COUNTS, Group, grouped, merged
from relay.sums.spans import Piece, hour_from, hours_of, pieces_of

__all__ = [
    "COUNTS",
    "HOURLY_COUNTS",
    "Group",
    "Piece",
    "add",
    "grouped",
    "hour_from",
    "hours_of",
    "merged",
    "pieces_of",
]
