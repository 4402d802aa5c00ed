"""Read-only figures of one account, for pages, exports and receipts. Every function takes a connection.

Balances come from the account's snapshot and charts from hourly roll-ups, so none of it grows with history;
the log and its receipts walk the index of `usage`, a page at a time.
"""

from relay.usage.balances import BalanceView, GrantView, balance
from relay.usage.csv import csv
from relay.usage.receipts import CorrectionView, Receipt, RequestsView, RequestView, receipt, requests
from relay.usage.rollups import BYS, By, Summary, UsageRow, UsageView, summary, usage

__all__ = [
    "BYS",
    "BalanceView",
    "By",
    "CorrectionView",
    "GrantView",
    "Receipt",
    "RequestView",
    "RequestsView",
    "Summary",
    "UsageRow",
    "UsageView",
    "balance",
    "csv",
    "receipt",
    "requests",
    "summary",
    "usage",
]
