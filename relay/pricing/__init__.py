"""Tokens to money: what upstream charges us, what we charge, and the published versions of both."""

from relay.pricing.costs import (
    BASE,
    COSTS,
    KINDS,
    LONG_PROMPT_TOKENS,
    MODELS,
    STORAGE_KIND,
    STORAGE_MODEL,
    Cost,
    name_of,
    tier_name,
)
from relay.pricing.publishing import current, load, price_rows, publish, with_markup
from relay.pricing.table import (
    Charge,
    Line,
    PriceRow,
    PriceTable,
    Tokens,
    Unit,
    context_tokens,
    table_from_rows,
)

__all__ = [
    "BASE",
    "COSTS",
    "KINDS",
    "LONG_PROMPT_TOKENS",
    "MODELS",
    "STORAGE_KIND",
    "STORAGE_MODEL",
    "Charge",
    "Cost",
    "Line",
    "PriceRow",
    "PriceTable",
    "Tokens",
    "Unit",
    "context_tokens",
    "current",
    "load",
    "name_of",
    "price_rows",
    "publish",
    "table_from_rows",
    "tier_name",
    "with_markup",
]
