"""Corrections. What was booked stays; a new usage row amends it, and the difference moves the account's credit."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from relay import clock, pricing
from relay.errors import BadInput, Conflict, NotFound
from relay.ids import new_id
from relay.ledger import shelf
from relay.ledger.book import Book, GrantState, Movement
from relay.ledger.commands import Settle
from relay.ledger.rolling import add_late, late_among
from relay.ledger.usage_rows import roll_up, word
from relay.money import PICO_PER_USD, USD_MAX
from relay.pricing import Tokens
from relay.tables import ApiKey, Usage, table

usage, api_keys = table(Usage), table(ApiKey)
FACTS = ("request", "storage")
"""The kinds of usage row that say what was used; the others correct them."""

TOKENS_MAX = 10**8
ALIVE_AFTER_ALL = "The process that was taken for dead told the final figures."
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,80}", re.ASCII)
_AMENDED = (
    select(usage)
    .where(
        or_(usage.c.request_id == bindparam("of"), usage.c.amends == bindparam("of")),
        usage.c.kind.in_((*FACTS, "correction")),
    )
    .order_by(usage.c.id)
)
_SPENT = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("of"))
    .values(spent_pico=api_keys.c.spent_pico + bindparam("price"))
)
Amended = Sequence[Row[Any]]
"""A request's usage row, then its corrections in their order."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a request comes to in all."""

    tokens: Tokens
    tier: str
    cost_pico: int
    price_pico: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """The request's price in all, before and after. `first` is False when this key had corrected it already."""

    correction_id: str
    before_pico: int
    after_pico: int
    first: bool = True


def correct(
    connection: Connection,
    request_id: str,
    *,
    reason: str,
    tokens: Mapping[str, int] | None = None,
    price_pico: int | None = None,
    key: str | None = None,
) -> Corrected:
    """Books the difference between what a request was booked as and what it should have been.

    `tokens` gives the true totals of those kinds that were wrong (by the fields of `pricing.Tokens`), priced by the
    request's own price version; or `price_pico` is all that shall be paid, whatever was used. What was paid too much
    comes back as promo credit that does not expire, also when it was overage: its window may have gone to Stripe.
    What was paid too little is taken like a settlement. The same `key` twice corrects once.

    NotFound when there is no such request; BadInput when nothing would change, or a figure is absurd; Conflict when
    the key has corrected another request.
    """
    correction_id = _correction_id(key)
    book = _locked_book(connection, request_id)
    rows = amended(connection, request_id)
    before = in_all(rows)
    if (amends := _amended_by(connection, correction_id)) is not None:
        if amends != request_id:
            raise Conflict("This key has corrected another request.")
        return Corrected(correction_id, before.price_pico, before.price_pico, first=False)
    after = _truth(connection, rows[0], before, tokens, price_pico)
    if after == before:
        raise BadInput("This is what the request was booked as; nothing was corrected.")
    now = clock.now()
    row = difference(rows, after, correction_id, now, reason)
    row["estimated"] = rows[-1].estimated and after.tokens == before.tokens
    shelf.add_grants(connection, [book])
    movements = move(connection, book, row)
    connection.execute(insert(usage), row)
    roll_up(connection, [row])
    add_late(connection, late_among({book.account_id: book}, [row]))
    if row["key_id"]:
        connection.execute(_SPENT, {"of": row["key_id"], "price": row["price_pico"]})
    shelf.put_back(connection, [book], [(book.account_id, movement) for movement in movements], now)
    return Corrected(correction_id, before.price_pico, after.price_pico)


def _correction_id(key: str | None) -> str:
    if key is None:
        return new_id("cor")
    if not _KEY.fullmatch(key):
        raise BadInput("A key has 1 to 80 letters, digits, and any of _ . : -", field="key")
    return f"cor_{key}"


def _locked_book(connection: Connection, request_id: str) -> Book:
    owner = select(usage.c.account_id).where(usage.c.request_id == request_id, usage.c.kind.in_(FACTS))
    account_id = connection.execute(owner).scalar_one_or_none()
    if account_id is None:
        raise NotFound("There is no request with this id.")
    return shelf.take(connection, [account_id])[account_id]


def _amended_by(connection: Connection, correction_id: str) -> str | None:
    """The request that this correction amends, if it is booked. Asked after the account is locked."""
    query = select(usage.c.amends).where(usage.c.request_id == correction_id, usage.c.kind == "correction")
    return connection.execute(query).scalar_one_or_none()


def _truth(
    connection: Connection, request: Row[Any], before: Truth, tokens: Mapping[str, int] | None, price_pico: int | None
) -> Truth:
    if (tokens is None) == (price_pico is None):
        raise BadInput("A correction gives the true tokens, or the price that shall be paid.")
    if price_pico is not None:
        if not 0 <= price_pico <= USD_MAX * PICO_PER_USD:
            raise BadInput(f"A price is between 0 and {USD_MAX} USD.")
        return replace(before, price_pico=price_pico)
    if request.service != "claude":
        raise BadInput("This row has no tokens; give the price that shall be paid.")
    found = replace(before.tokens, **(tokens or {}))
    if not all(0 <= count <= TOKENS_MAX for count in asdict(found).values()):
        raise BadInput(f"A number of tokens is between 0 and {TOKENS_MAX:,}.")
    prices = pricing.load(connection, request.price_version)
    tier = prices.tier_for_length(request.model, before.tier, found)
    charge = prices.charge(request.model, tier, found)
    return Truth(found, tier, charge.cost_pico, charge.price_pico)


def amended(connection: Connection, request_id: str) -> Amended:
    """Lock the account first: nothing is added then."""
    return connection.execute(_AMENDED, {"of": request_id}).all()


def in_all(rows: Amended) -> Truth:
    """What the rows of one request add up to."""
    return Truth(
        pricing.tokens_of(*rows),
        rows[-1].tier,
        sum(row.cost_pico for row in rows),
        sum(row.price_pico for row in rows),
    )


def late_truth(rows: Amended, told: Settle) -> dict[str, Any] | None:
    """The usage row for what a swept call really came to. None when that was booked, or somebody has corrected it."""
    truth = Truth(told.tokens, told.tier, told.cost_pico, told.price_pico)
    if len(rows) != 1 or in_all(rows) == truth:
        return None
    row = difference(rows, truth, f"cor_late:{told.request_id}", told.at, ALIVE_AFTER_ALL)
    return row | {
        "ended": told.ended,
        "estimated": told.estimated,
        "unsplit_cache_writes": told.unsplit_cache_writes,
        "status": told.status,
        "first_token_ms": told.first_token_ms,
        "stop_reason": word(told.stop_reason),
        "upstream_request_id": word(told.upstream_request_id),
    }


def difference(rows: Amended, truth: Truth, correction_id: str, at: datetime, reason: str) -> dict[str, Any]:
    """The usage row that brings a request's rows to the truth: its figures are signed."""
    request, before = rows[0], in_all(rows)
    was, now = asdict(before.tokens), asdict(truth.tokens)
    more = {kind: now[kind] - was[kind] for kind in now}
    return {
        "request_id": correction_id,
        "kind": "correction",
        "account_id": request.account_id,
        "key_id": request.key_id,
        "service": request.service,
        "model": request.model,
        "tier": truth.tier,
        "input_tokens": more["input"],
        "output_tokens": more["output"],
        "cache_read_tokens": more["cache_read"],
        "cache_write_5m_tokens": more["cache_write_5m"],
        "cache_write_1h_tokens": more["cache_write_1h"],
        "web_searches": more["web_searches"],
        "storage_byte_seconds": 0,
        "cost_pico": truth.cost_pico - before.cost_pico,
        "price_pico": truth.price_pico - before.price_pico,
        "price_version": request.price_version,
        "held_pico": 0,
        "ended": request.ended,
        "estimated": False,
        "unsplit_cache_writes": False,
        "status": request.status,
        "started_at": at,
        "at": at,
        "first_token_ms": None,
        "stop_reason": "",
        "upstream_request_id": request.upstream_request_id,
        "amends": request.request_id,
        "reason": reason,
    }


def move(connection: Connection, book: Book, row: dict[str, Any]) -> list[Movement]:
    """Moves the credit of a correction. The book's grants must be there already."""
    correction_id, price_pico = row["request_id"], row["price_pico"]
    if price_pico < 0:
        key = f"correction:{correction_id}"
        back = shelf.new_grant(
            connection, book.account_id, "promo", -price_pico, key, row["reason"], "correction", None, row["at"]
        )
        return book.give(GrantState(back, "promo", -price_pico, None), correction_id)
    if not book.grants and book.may_owe(price_pico):
        shelf.add_last_grant(connection, book, row["at"])
    return book.settle(0, price_pico, row["at"], correction_id)
