"""Every table. Money is integer pico-dollars (`_pico`), times are UTC, public ids are text with a prefix."""

from relay.tables.columns import UtcDateTime, table
from relay.tables.credit import Balance, Entry, Grant, Hold
from relay.tables.metered import Price, PriceVersion, Usage, UsageHour
from relay.tables.people import Account, ApiKey, BearerToken, Session, SignInCode
from relay.tables.running import Lease

__all__ = [
    "Account",
    "ApiKey",
    "Balance",
    "BearerToken",
    "Entry",
    "Grant",
    "Hold",
    "Lease",
    "Price",
    "PriceVersion",
    "Session",
    "SignInCode",
    "Usage",
    "UsageHour",
    "UtcDateTime",
    "table",
]
