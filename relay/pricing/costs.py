"""What upstream charges us: the one cost table. Each figure has a source and the day it was read there.

To add a model: one line in MODELS, then `account-app migrate` publishes a new price version.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product

CHECKED = "2026-11-24"
CLAUDE_PRICING = "Claude API docs: Pricing (platform.claude.com/docs/en/about-claude/pricing)"
CLAUDE_FAST = "Claude API docs: Fast mode (platform.claude.com/docs/en/build-with-claude/fast-mode)"
CLAUDE_REGION = "Claude API docs: Data residency (platform.claude.com/docs/en/manage-claude/data-residency)"
R2_PRICING = "Cloudflare R2 docs: Pricing (developers.cloudflare.com/r2/pricing)"

TOKEN_KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
KINDS = (*TOKEN_KINDS, "web_search")
BASE = "base"
LONG_PROMPT_TOKENS = 100_000
"""Above this (input + cache read + cache writes) a model with a `long` tier charges it for every token."""

PICO_PER_TOKEN = 10**6
"""One USD per million tokens is this many pico-dollars per token."""


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, in the order of TOKEN_KINDS."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal

    def pico(self, kind: str, multiplier: Fraction) -> int:
        """Pico-dollars per token. ArithmeticError when it is no whole number: too coarse a unit."""
        amount = Fraction(getattr(self, kind)) * multiplier * PICO_PER_TOKEN
        if amount.denominator != 1:
            raise ArithmeticError(f"{kind} at {amount} pico-dollars a token is not a whole number")
        return amount.numerator


@dataclass(frozen=True, slots=True)
class Model:
    """A model that we sell: its rates, the tiers that it has, and the limits that bound a request."""

    name: str
    base: Rates
    long: Rates | None = None
    us: bool = True
    fast: bool = False
    context_tokens: int = 1_000_000
    image_tokens_max: int = 5_000


def rates(text: str) -> Rates:
    """Reads `"input output 5m-write 1h-write read"`: the order of the columns of the published table."""
    given, output, write_5m, write_1h, read = (Decimal(part) for part in text.split())
    return Rates(given, output, read, write_5m, write_1h)


# Older models scale an image to about 1,600 tokens, later ones to 4,784 (docs: Vision); both are rounded up.
SMALL_IMAGES = 2_000
OLDER_CONTEXT = 200_000

# The region parameter exists from Opus 4.6 on; older models answer it with 400 (docs: Data residency).
# Fast mode on Opus 4.8 ends on 2026-11-30, so it is not sold.
MODELS = (
    Model("claude-fable-5-2", rates("8 40 10 16 0.20"), fast=True),
    Model("claude-fable-5-1", rates("10 50 12.5 20 0.25")),
    Model("claude-opus-5-5", rates("4 20 5 8 0.20"), fast=True),
    Model("claude-opus-5", rates("5 25 6.25 10 0.50"), fast=True),
    Model("claude-opus-4-8", rates("5 25 6.25 10 0.50")),
    Model("claude-opus-4-7", rates("5 25 6.25 10 0.50")),
    Model("claude-opus-4-6", rates("5 25 6.25 10 0.50")),
    Model(
        "claude-opus-4-5",
        rates("5 25 6.25 10 0.50"),
        us=False,
        context_tokens=OLDER_CONTEXT,
        image_tokens_max=SMALL_IMAGES,
    ),
    Model("claude-sonnet-5-5", rates("2 10 2.5 4 0.10")),
    Model("claude-sonnet-5", rates("2 10 2.5 4 0.20")),
    Model("claude-sonnet-4-6", rates("3 15 3.75 6 0.30")),
    Model("claude-haiku-5-5", rates("0.1 0.5 0.125 0.2 0.01"), long=rates("0.5 2.5 0.625 1 0.05")),
    Model(
        "claude-haiku-4-5",
        rates("1 5 1.25 2 0.10"),
        us=False,
        context_tokens=OLDER_CONTEXT,
        image_tokens_max=SMALL_IMAGES,
    ),
)
BY_NAME = {model.name: model for model in MODELS}

MULTIPLIERS = {"batch": Fraction(1, 2), "us": Fraction(11, 10), "fast": Fraction(2)}
WEB_SEARCH_PICO = 10 * 10**12 // 1000
"""$10 per 1,000 searches. No tier changes it: region, batch and speed multiply tokens alone."""

STORAGE_MODEL = ""
STORAGE_KIND = "storage_gb_month"
STORAGE_PICO = 15 * 10**9
"""$0.015 per GB-month."""

GB_MONTH = 10**9 * 30 * 24 * 3600
"""A GB-month in byte-seconds: a billion bytes for thirty days, as R2 counts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One row of the cost table: pico-dollars for one unit (a token, a search, a GB-month)."""

    model: str
    kind: str
    tier: str
    cost_pico: int
    source: str
    checked: str = CHECKED


def tier_name(*, long: bool = False, batch: bool = False, fast: bool = False, us: bool = False) -> str:
    """`base`, or the parts that apply joined in one fixed order, such as `long+us`."""
    given = {"long": long, "batch": batch, "fast": fast, "us": us}
    return "+".join(name for name, applies in given.items() if applies) or BASE


def _costs() -> Iterator[Cost]:
    for model in MODELS:
        yield from _costs_of(model)
    yield Cost(STORAGE_MODEL, STORAGE_KIND, BASE, STORAGE_PICO, R2_PRICING)


def _costs_of(model: Model) -> Iterator[Cost]:
    for long, batch, fast, us in product((False, True), repeat=4):
        # Fast mode is not offered in batches, and no model with a long tier has it.
        if (long and not model.long) or (fast and (batch or long or not model.fast)) or (us and not model.us):
            continue
        tier = tier_name(long=long, batch=batch, fast=fast, us=us)
        source = CLAUDE_FAST if fast else CLAUDE_REGION if us else CLAUDE_PRICING
        multiplier = _multiplier(batch=batch, fast=fast, us=us)
        published = model.long if long and model.long else model.base
        for kind in TOKEN_KINDS:
            yield Cost(model.name, kind, tier, published.pico(kind, multiplier), source)
        yield Cost(model.name, "web_search", tier, WEB_SEARCH_PICO, CLAUDE_PRICING)


def _multiplier(**parts: bool) -> Fraction:
    multiplier = Fraction(1)
    for name, applies in parts.items():
        multiplier *= MULTIPLIERS[name] if applies else 1
    return multiplier


COSTS: tuple[Cost, ...] = tuple(_costs())

_DATED = re.compile(r"-(?:\d{8}|latest)\Z", re.ASCII)


def name_of(model: object) -> str | None:
    """A sold model's own name, from itself, a dated snapshot or its `-latest` alias; None for all else."""
    found = model_of(model)
    return found.name if found else None


def model_of(name: object) -> Model | None:
    """The model of that name, dated snapshot or alias."""
    if not isinstance(name, str) or len(name) > 100:
        return None
    return BY_NAME.get(name) or BY_NAME.get(_DATED.sub("", name))


def context_tokens(model: str) -> int:
    """The most tokens that one prompt of the model can have."""
    return BY_NAME[model].context_tokens


def image_tokens_max(model: str) -> int:
    """The most tokens that one image can cost with the model."""
    return BY_NAME[model].image_tokens_max
