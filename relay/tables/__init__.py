"""Every table. Money is integer pico-dollars (`_pico`), times are UTC, public ids are text with a prefix."""

from relay.tables.billing import (
    Alert,
    AlertChoice,
    Checkout,
    Clawback,
    Invoice,
    MailStop,
    Outbox,
    Payment,
    Period,
    Plan,
    StripeEvent,
    Window,
)
from relay.tables.columns import UtcDateTime, table, upsert
from relay.tables.credit import Balance, Entry, Grant, Hold
from relay.tables.metered import Price, PriceVersion, Usage, UsageHour
from relay.tables.operating import Inspection, OperatorAction
from relay.tables.people import Account, ApiKey, BearerToken, Export, Session, SignInCode
from relay.tables.running import Lease, Look
from relay.tables.storage import Asset, StorageMeter
from relay.tables.summed import EVERYBODY, UsageSum

__all__ = [
    "EVERYBODY",
    "Account",
    "Alert",
    "AlertChoice",
    "ApiKey",
    "Asset",
    "Balance",
    "BearerToken",
    "Checkout",
    "Clawback",
    "Entry",
    "Export",
    "Grant",
    "Hold",
    "Inspection",
    "Invoice",
    "Lease",
    "Look",
    "MailStop",
    "OperatorAction",
    "Outbox",
    "Payment",
    "Period",
    "Plan",
    "Price",
    "PriceVersion",
    "Session",
    "SignInCode",
    "StorageMeter",
    "StripeEvent",
    "Usage",
    "UsageHour",
    "UsageSum",
    "UtcDateTime",
    "Window",
    "table",
    "upsert",
]
