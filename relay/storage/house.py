"""What storage works with, handed around as one thing; and the bounds of it all."""

from dataclasses import dataclass
from datetime import timedelta

from relay.accounts import Identity
from relay.database import Database
from relay.errors import Forbidden
from relay.gateways.objects import Objects
from relay.pricing import GB_MONTH, STORAGE_KIND, STORAGE_MODEL, PriceTable
from relay.settings import Settings

MB = 10**6
FILES_MAX = 10_000
UPLOAD_SECONDS = 1800
"""For a whole upload. What is set aside for one is set aside a little longer, so that a store has time to answer."""

SET_ASIDE = timedelta(seconds=UPLOAD_SECONDS + 600)
UNDO = timedelta(days=7)
UNPAID = timedelta(days=30)
"""How long files are kept that nobody pays for; see docs/decisions/storage-and-credit.md."""

WARNED = timedelta(days=7)
"""How long before that is over it is told once more."""

MONTH_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Storehouse:
    database: Database
    objects: Objects
    settings: Settings
    prices: PriceTable

    @property
    def quota_bytes(self) -> int:
        return self.settings.STORAGE_QUOTA_MB * MB

    @property
    def asset_bytes_max(self) -> int:
        return self.settings.ASSET_MB_MAX * MB


def refuse_to_store(identity: Identity) -> None:
    """Forbidden for whoever may not keep more: a blocked account, and a key whose cap would not see what files cost."""
    if identity.blocked:
        raise Forbidden("This account is blocked. Its files can be read and deleted.")
    if identity.key_cap_pico is not None:
        raise Forbidden("A key with a cap cannot store files. Use one without, or sign in.")


def month_price(prices: PriceTable, size: int) -> int:
    """What so many bytes cost in thirty days, in pico-dollars, rounded up."""
    unit = prices.unit(STORAGE_MODEL, STORAGE_KIND).price_pico
    return ceil_div(size * MONTH_SECONDS * unit, GB_MONTH)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)
