"""Prices: published as this version has them, checked lately, and the same as an independent table says."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from genai_prices import Usage, calc_price
from sqlalchemy import Connection

from relay import clock, pricing
from relay.database import Database
from relay.doctor.findings import Finding, judged, ok, warning, wrong
from relay.errors import Misconfigured, ProductError
from relay.money import PICO_PER_USD
from relay.pricing import MODELS
from relay.settings import Settings

OLD_DAYS = 30
TOKENS = 10_000
"""Few enough to stay below the long tier, many enough for every price to come out whole."""

KINDS = {
    "input": {"input_tokens": TOKENS},
    "output": {"output_tokens": TOKENS},
    "cache_read": {"input_tokens": TOKENS, "cache_read_tokens": TOKENS},
    "cache_write_5m": {"input_tokens": TOKENS, "cache_write_tokens": TOKENS},
}


async def check(settings: Settings) -> list[Finding]:
    database = Database(settings.database_url, checkpoints=False)
    try:
        published = await database.read(lambda c: _published(c, settings.MARKUP_PERCENT))
    except Misconfigured as error:
        return [wrong("prices", "none published", "a version", str(error))]
    except ProductError:
        return [wrong("prices", "the database does not answer", "an answer", "See the database's own line.")]
    finally:
        database.close()
    return [published, _age(), *_compared()]


def _published(connection: Connection, markup_percent: int) -> Finding:
    current = pricing.current(connection)
    ours = {(row.model, row.kind, row.tier, row.price_pico) for row in pricing.price_rows(markup_percent)}
    same = ours == {(row.model, row.kind, row.tier, row.price_pico) for row in current.rows}
    fix = "Run `account-app migrate`; running servers take the new version within seconds."
    return judged(same, "prices", f"version {current.version}", "costs and markup of this version", fix)


def _age() -> Finding:
    oldest = min(date.fromisoformat(cost.checked) for cost in pricing.COSTS)
    days = (clock.now().date() - oldest).days
    if days <= OLD_DAYS:
        return ok("prices: checked", f"{days} days ago")
    fix = "Compare relay/pricing/costs.py with its sources, correct it, set CHECKED to today."
    return warning("prices: checked", f"{days} days ago", f"at most {OLD_DAYS}", fix)


def _compared() -> list[Finding]:
    different = [f"{model} {kind}: {ours} here, {theirs} there" for model, kind, ours, theirs in _differences()]
    if not different:
        return [ok("prices: genai-prices", "agrees")]
    fix = "One of the two is wrong or out of date: look at the source that the price names."
    return [warning("prices: genai-prices", "; ".join(different), "the same", fix)]


def _differences() -> Iterator[tuple[str, str, Decimal, Decimal]]:
    """USD per million tokens, where we and genai-prices know the model and differ."""
    ours = {(cost.model, cost.kind): cost.cost_pico for cost in pricing.COSTS if cost.tier == pricing.BASE}
    for model in MODELS:
        for kind, tokens in KINDS.items():
            try:
                found = calc_price(Usage(**tokens), model.name, provider_id="anthropic")
            except LookupError:
                continue
            theirs = found.total_price / TOKENS * 1_000_000
            here = Decimal(ours[model.name, kind]) * 1_000_000 / PICO_PER_USD
            if here != theirs:
                yield model.name, kind, here.normalize(), theirs.normalize()
