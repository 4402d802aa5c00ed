"""What billing works with, handed around as one thing."""

from dataclasses import dataclass

from relay.database import Database
from relay.gateways.payments import Payments
from relay.settings import Settings


@dataclass(frozen=True, slots=True)
class Office:
    database: Database
    payments: Payments
    settings: Settings
