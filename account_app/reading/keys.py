"""What the keys page shows."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from account_app.components.figures import dollars
from account_app.session import Visitor
from relay import accounts
from relay.accounts import KeyRow
from relay.clock import rfc3339
from relay.money import PICO_PER_CENT, usd


@dataclass(frozen=True)
class KeyLine:
    """One key. `cap_usd` is its cap as a person types it; `state` says how near it is, `tone` how loudly."""

    id: str = ""
    name: str = ""
    hint: str = ""
    created: str = ""
    used: str = ""
    spent: str = ""
    cap: str = ""
    cap_usd: str = ""
    state: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class KeysFigures:
    rows: list[KeyLine] = field(default_factory=list[KeyLine])
    chosen: KeyLine = field(default_factory=KeyLine)
    room: bool = True
    most: str = str(accounts.KEYS_MAX)


def keys_of(connection: Connection, visitor: Visitor) -> KeysFigures:
    """The live keys; `chosen` is the one that the address names."""
    rows = accounts.list_keys(connection, visitor.account_id)
    lines = [_line(row, visitor.locale) for row in rows]
    wanted = visitor.query.get("key", "")
    chosen = next((line for line in lines if line.id == wanted), KeyLine())
    return KeysFigures(lines, chosen, len(lines) < accounts.KEYS_MAX)


def _line(row: KeyRow, locale: str) -> KeyLine:
    state, tone = _nearness(row)
    return KeyLine(
        id=row.id,
        name=row.name,
        hint=f"ak_…{row.hint}",
        created=rfc3339(row.created_at),
        used=rfc3339(row.last_used_at) if row.last_used_at else "",
        spent=dollars(row.spent_pico, locale),
        cap="No cap" if row.cap_pico is None else dollars(row.cap_pico, locale),
        cap_usd="" if row.cap_pico is None else usd(row.cap_pico),
        state=state,
        tone=tone,
    )


def _nearness(row: KeyRow) -> tuple[str, str]:
    if row.cap_pico is None:
        return "", "plain"
    if row.spent_pico + PICO_PER_CENT > row.cap_pico:
        return "Cap reached", "bad"
    return ("Cap is near", "warn") if row.spent_pico * 5 >= row.cap_pico * 4 else ("", "plain")
