"""Usage rows and their hourly roll-ups, written in the transaction that settles them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from relay.clock import hour_of
from relay.ledger.commands import Settle
from relay.prepared import InsertSet
from relay.sums import HOURLY_COUNTS
from relay.tables import UsageHour, table

usage_hours = table(UsageHour)
_KEY = ("account_id", "hour", "service", "model", "key_id")
_NAMES = (*_KEY, *HOURLY_COUNTS)
_ROLL_UP = InsertSet(usage_hours, _NAMES, key=_KEY, adds=HOURLY_COUNTS)


def usage_row(command: Settle, hold: Row[Any]) -> dict[str, Any]:
    """The row of `usage` for a hold and what became of it."""
    tokens = command.tokens
    return {
        "request_id": command.request_id,
        "kind": "request",
        "account_id": command.account_id,
        "key_id": hold.key_id,
        "service": "claude",
        "model": hold.model,
        "tier": command.tier,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_read_tokens": tokens.cache_read,
        "cache_write_5m_tokens": tokens.cache_write_5m,
        "cache_write_1h_tokens": tokens.cache_write_1h,
        "web_searches": tokens.web_searches,
        "storage_byte_seconds": 0,
        "cost_pico": command.cost_pico,
        "price_pico": command.price_pico,
        "price_version": hold.price_version,
        "held_pico": hold.amount_pico,
        "ended": command.ended,
        "estimated": command.estimated,
        "unsplit_cache_writes": command.unsplit_cache_writes,
        "status": command.status,
        "started_at": hold.created_at,
        "at": command.at,
        "first_token_ms": command.first_token_ms,
        "stop_reason": word(command.stop_reason),
        "upstream_request_id": word(command.upstream_request_id),
        "amends": None,
        "reason": "",
    }


def word(told: str) -> str:
    """Upstream's own word, bounded. PostgreSQL takes no NUL in a text, and one would keep the row from being booked."""
    return told.replace("\0", "")[:200]


def roll_up(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Adds usage rows to their hours, one upsert per hour, model and key, however many rows there are."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        key = (row["account_id"], hour_of(row["at"]), row["service"], row["model"], row["key_id"])
        added = _addends(row)
        sums[key] = [a + b for a, b in zip(sums[key], added, strict=True)] if key in sums else added
    # One order for every worker, so that two of them never wait for each other's rows.
    ordered = sorted(sums.items(), key=lambda item: item[0])
    _ROLL_UP.run(connection, [dict(zip(_NAMES, (*key, *added), strict=True)) for key, added in ordered])


def _addends(row: dict[str, Any]) -> list[int]:
    writes = row["cache_write_5m_tokens"] + row["cache_write_1h_tokens"]
    return [
        1 if row["kind"] == "request" else 0,
        row["input_tokens"],
        row["output_tokens"],
        row["cache_read_tokens"],
        writes,
        row["cost_pico"],
        row["price_pico"],
    ]
