"""Usage in spans of time that the reader chose, whole or split by what it was for."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select

from relay.tables import ApiKey, table
from relay.usage.rollups import SPLITS, UsageRow, named_rows
from relay.usage.summed import Fresh, summed

api_keys = table(ApiKey)

Split = Literal["model", "service", "key"]
BUCKETS_MAX = 1000


class Bucket(NamedTuple):
    """What was used in the `place`-th span, of one model, service or key. Its `usage.bucket` is that name.

    The name of storage is `storage`, and that of calls without a key is empty.
    """

    place: int
    usage: UsageRow


def buckets(
    connection: Connection,
    account_id: str,
    edges: Sequence[datetime],
    split: Split | None = None,
    fresh: Fresh | None = None,
) -> tuple[Bucket, ...]:
    """Sums of the hours that begin in [edges[n], edges[n + 1]), for every n; only where there was use, in order."""
    if not 2 <= len(edges) <= BUCKETS_MAX + 1:
        raise ValueError(f"2 to {BUCKETS_MAX + 1} edges")
    found = summed(connection, account_id, list(pairwise(edges)), SPLITS[split] if split else "", fresh)
    places: dict[int, list[tuple[str, Sequence[int]]]] = {}
    for (place, name), values in sorted(found.items()):
        places.setdefault(place, []).append((_name(split, name), values))
    return tuple(Bucket(place, row) for place, each in places.items() for row in named_rows(each))


def _name(split: Split | None, name: str) -> str:
    if split == "service":
        return "claude" if name else "storage"
    return "storage" if split == "model" and not name else name


def key_names(connection: Connection, account_id: str) -> dict[str, str]:
    """The names of the account's keys by id, also of those that were revoked: their use stays."""
    query = select(api_keys.c.id, api_keys.c.name).where(api_keys.c.account_id == account_id)
    return {row[0]: row[1] for row in connection.execute(query)}
