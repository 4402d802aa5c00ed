"""What can be asked of the ledger, and what it answers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from relay.pricing import Tokens

Ended = Literal["complete", "client_gone", "upstream_error", "process_died"]


@dataclass(frozen=True, slots=True)
class Hold:
    """Reserve `amount_pico` for a call that has not begun. Refused with InsufficientCredit or CapReached."""

    request_id: str
    account_id: str
    amount_pico: int
    model: str
    price_version: str
    max_tokens: int
    at: datetime
    expires_at: datetime
    streamed: bool = True
    key_id: str = ""
    key_capped: bool = False
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """Keep what was learnt so far with the hold, and give it more time. Nothing happens once it is closed."""

    request_id: str
    journal: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Renew:
    """Give holds more time: their calls are open and well, even if there is nothing to journal."""

    request_ids: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Close a hold with its true price: one usage row, the rest of the hold returns. Zero is a release.

    `swept` asks for it only if the hold's time is still over when it comes to it: its call may have spoken since.
    """

    request_id: str
    account_id: str
    at: datetime
    ended: Ended
    cost_pico: int = 0
    price_pico: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    tier: str = "base"
    estimated: bool = False
    unsplit_cache_writes: bool = False
    status: int = 200
    first_token_ms: int | None = None
    stop_reason: str = ""
    upstream_request_id: str = ""
    swept: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """The hold is durable; `available_pico` is what remains beside it."""

    available_pico: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The usage row is durable. `first` is False when the hold had been closed before: nothing was booked."""

    available_pico: int
    first: bool = True


Command = Hold | Journal | Renew | Settle
