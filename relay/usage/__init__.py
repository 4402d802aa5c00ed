"""Read-only figures of one account, for pages, exports and receipts. Every function takes a connection.

Balances come from the account's snapshot and charts from hourly roll-ups, so none of it grows with history;
the log and its receipts walk the indexes of `usage`, a page at a time.
"""

from relay.usage.balances import BalanceView, GrantView, balance
from relay.usage.buckets import Bucket, Split, buckets, key_names
from relay.usage.credits import credit_moves, overage_moves
from relay.usage.csv import csv
from relay.usage.forecasts import Pace, credit_ahead, pace, runs_out
from relay.usage.hours import HoursUsed
from relay.usage.log import SERVICES, RequestsView, RequestView, Wanted, requests
from relay.usage.receipts import CorrectionView, Receipt, receipt
from relay.usage.rollups import (
    BYS,
    By,
    UsageRow,
    UsageView,
    by_model,
    midnight,
    some_hours,
    total,
    usage,
    used_by_key,
)
from relay.usage.summed import Fresh, fresh_of

__all__ = [
    "BYS",
    "SERVICES",
    "BalanceView",
    "Bucket",
    "By",
    "CorrectionView",
    "Fresh",
    "GrantView",
    "HoursUsed",
    "Pace",
    "Receipt",
    "RequestView",
    "RequestsView",
    "Split",
    "UsageRow",
    "UsageView",
    "Wanted",
    "balance",
    "buckets",
    "by_model",
    "credit_ahead",
    "credit_moves",
    "csv",
    "fresh_of",
    "key_names",
    "midnight",
    "overage_moves",
    "pace",
    "receipt",
    "requests",
    "runs_out",
    "some_hours",
    "total",
    "usage",
    "used_by_key",
]
