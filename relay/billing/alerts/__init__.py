"""Alerts by mail: decided by the clock from what changed, written down once, then sent.

`rules` says when one is due; `deciding` looks and writes it down; `sending` mails it; `letters` is what it says.
"""

from relay.billing.alerts.choices import Choices, choices, choose
from relay.billing.alerts.deciding import look
from relay.billing.alerts.sending import send_due
from relay.database import Database
from relay.gateways.mail import Mail
from relay.settings import Settings

__all__ = ["Choices", "choices", "choose", "look", "send_due", "tell"]


async def tell(database: Database, mail: Mail, settings: Settings) -> None:
    """One look, and one round of sending: what the clock calls at every turn."""
    await look(database)
    await send_due(database, mail, settings)
