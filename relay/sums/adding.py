"""Groups of usage rows into `usage_sums`: of their account, and of everybody."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection

from relay.prepared import InsertSet
from relay.sums.groups import COUNTS, Group
from relay.tables import EVERYBODY, UsageSum, table

KEY = ("account_id", "split", "unit", "since", "name")
_ADD = InsertSet(table(UsageSum), (*KEY, *COUNTS), key=KEY, adds=COUNTS)


def add(connection: Connection, groups: Iterable[Group]) -> None:
    """Adds them, one upsert for each sum that changes. The accounts' balances are locked already."""
    sums: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for group in groups:
        for key in keys_of(group):
            so_far = sums.get(key)
            sums[key] = tuple(a + b for a, b in zip(so_far, group.sums, strict=True)) if so_far else group.sums
    # One order for every worker, so that two of them never wait for each other's rows.
    ordered = sorted(sums.items(), key=lambda item: item[0])
    names = (*KEY, *COUNTS)
    _ADD.run(connection, [dict(zip(names, (*key, *counts), strict=True)) for key, counts in ordered])


def keys_of(group: Group) -> Iterator[tuple[Any, ...]]:
    """The sums that a group is part of. Whose key it was means nothing among everybody's."""
    units = (("hour", group.hour), ("day", group.hour.replace(hour=0)))
    for unit, since in units:
        for account_id in (group.account_id, EVERYBODY):
            yield account_id, "", unit, since, ""
            yield account_id, "model", unit, since, group.model
        yield group.account_id, "key", unit, since, group.key_id
