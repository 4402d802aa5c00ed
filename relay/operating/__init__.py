"""What operators may see and do. Every verb asks who it is, and what changes something says so in the audit log.

The log is written in the transaction of the act itself, and the database refuses to change or delete its rows.
"""

from relay.operating.acting import block, correct, give, new_key, replay, unblock
from relay.operating.following import Behind, Booked, Followed, follow
from relay.operating.health import Answer, health_of
from relay.operating.inspecting import KINDS, Inspected, Kind, inspect, inspections
from relay.operating.log import Act, acts
from relay.operating.looking import Found, Opened, find, open_account
from relay.operating.overage import Beyond, Overage, overage_of
from relay.operating.people import is_operator, operators, refuse_unless_operator
from relay.operating.revenue import Margin, by_day, by_model, new_use, total_of

__all__ = [
    "KINDS",
    "Act",
    "Answer",
    "Behind",
    "Beyond",
    "Booked",
    "Followed",
    "Found",
    "Inspected",
    "Kind",
    "Margin",
    "Opened",
    "Overage",
    "acts",
    "block",
    "by_day",
    "by_model",
    "correct",
    "find",
    "follow",
    "give",
    "health_of",
    "inspect",
    "inspections",
    "is_operator",
    "new_key",
    "new_use",
    "open_account",
    "operators",
    "overage_of",
    "refuse_unless_operator",
    "replay",
    "total_of",
    "unblock",
]
