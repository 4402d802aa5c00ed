"""Usage turns into money exactly, by published prices that an independent table agrees with."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, update
from sqlmodel import SQLModel

from relay import pricing, tables
from relay.errors import Misconfigured, NotFound
from relay.money import PICO_PER_USD
from relay.pricing import KINDS, LONG_PROMPT_TOKENS, MODELS, PriceTable, Tokens

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = [model.name for model in MODELS]

counts = st.integers(0, 300_000)
tokens_used = st.builds(Tokens, counts, counts, counts, counts, counts, st.integers(0, 50))


def price_table(markup_percent: int = 20) -> PriceTable:
    return pricing.table_from_rows("v", NOW, markup_percent, pricing.price_rows(markup_percent))


TABLE = price_table()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path / 'prices.db'}")
    with engine.begin() as connection:
        ours = [tables.table(tables.PriceVersion), tables.table(tables.Price)]
        SQLModel.metadata.create_all(connection, tables=ours)
        yield connection
    engine.dispose()


def oracle_usd(model: str, tokens: Tokens) -> Decimal:
    """What genai-prices says, which counts cache tokens and the prompt as one sum."""
    usage = Usage(
        input_tokens=tokens.prompt,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write_5m + tokens.cache_write_1h,
        cache_write_1h_tokens=tokens.cache_write_1h,
        web_searches=tokens.web_searches,
    )
    found = calc_price(usage, model, provider_id="anthropic", genai_request_timestamp=NOW)
    return found.total_price


def our_usd(model: str, tokens: Tokens) -> Decimal:
    return Decimal(TABLE.charge(model, TABLE.tier(model, tokens), tokens).cost_pico) / PICO_PER_USD


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_price_is_the_one_that_an_independent_table_has(model: str, kind: str) -> None:
    tokens = Tokens(**{"web_searches" if kind == "web_search" else kind: 1000})
    assert our_usd(model, tokens) == oracle_usd(model, tokens)


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_every_long_prompt_price_is_the_one_that_an_independent_table_has(kind: str) -> None:
    tokens = Tokens(**{"input": LONG_PROMPT_TOKENS + 1, kind: LONG_PROMPT_TOKENS + 1})
    assert our_usd("claude-haiku-5-5", tokens) == oracle_usd("claude-haiku-5-5", tokens)


@given(st.sampled_from(NAMES), tokens_used)
def test_any_usage_costs_what_an_independent_table_says(model: str, tokens: Tokens) -> None:
    assert our_usd(model, tokens) == oracle_usd(model, tokens)


@given(st.sampled_from(TABLE.rows), tokens_used, st.integers(0, 1000))
def test_the_lines_of_a_receipt_add_up_to_its_price(row: pricing.PriceRow, tokens: Tokens, markup: int) -> None:
    table = price_table(markup)
    if row.model == pricing.STORAGE_MODEL:
        return
    charge = table.charge(row.model, row.tier, tokens)
    assert sum(line.amount_pico for line in charge.lines) == charge.price_pico
    assert all(line.tokens * line.unit_price_pico == line.amount_pico for line in charge.lines)
    assert charge.cost_pico * (100 + markup) <= charge.price_pico * 100


@pytest.mark.parametrize("prompt", [LONG_PROMPT_TOKENS, LONG_PROMPT_TOKENS + 1])
def test_the_long_tier_begins_where_an_independent_table_begins_it(prompt: int) -> None:
    tokens = Tokens(input=prompt - 5, output=7, cache_read=5)
    assert our_usd("claude-haiku-5-5", tokens) == oracle_usd("claude-haiku-5-5", tokens)


def test_a_long_prompt_makes_every_token_dearer() -> None:
    short = Tokens(input=LONG_PROMPT_TOKENS - 3, output=10, cache_read=1, cache_write_5m=1, cache_write_1h=1)
    long = Tokens(input=LONG_PROMPT_TOKENS - 2, output=10, cache_read=1, cache_write_5m=1, cache_write_1h=1)
    assert TABLE.tier("claude-haiku-5-5", short) == "base"
    assert TABLE.tier("claude-haiku-5-5", long) == "long"
    assert TABLE.tier("claude-sonnet-5-5", long) == "base"
    assert TABLE.unit("claude-haiku-5-5", "output", "long").cost_pico == 2_500_000


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({}, "base"),
        ({"geo": "global", "speed": "standard", "service_tier": "priority"}, "base"),
        ({"geo": "not_available"}, "base"),
        ({"geo": "us"}, "us"),
        ({"service_tier": "batch"}, "batch"),
        ({"geo": "us", "service_tier": "batch"}, "batch+us"),
        ({"speed": "fast"}, "fast"),
        ({"speed": "fast", "geo": "us"}, "fast+us"),
    ],
)
def test_the_tier_is_what_upstream_says_of_the_call(said: dict[str, str], tier: str) -> None:
    assert TABLE.tier("claude-opus-5-5", Tokens(input=1), **said) == tier


def test_tiers_multiply_the_cost_of_tokens_and_leave_searches_alone() -> None:
    cost = {tier: TABLE.unit("claude-opus-5-5", "output", tier).cost_pico for tier in ("base", "batch", "us")}
    assert cost == {"base": 20_000_000, "batch": 10_000_000, "us": 22_000_000}
    assert TABLE.unit("claude-opus-5-5", "output", "fast+us").cost_pico == 44_000_000
    assert {TABLE.unit(row.model, "web_search", row.tier).cost_pico for row in TABLE.rows if row.model} == {10**10}


@pytest.mark.parametrize("said", [{"geo": "mars"}, {"speed": "warp"}, {"service_tier": "gold"}])
@pytest.mark.parametrize("model", NAMES)
def test_words_that_nobody_priced_cost_the_dearest_tier(model: str, said: dict[str, str]) -> None:
    for tokens in (Tokens(input=10, output=10), Tokens(input=LONG_PROMPT_TOKENS + 1)):
        tier = TABLE.tier(model, tokens, **said)
        price = TABLE.charge(model, tier, tokens).price_pico
        is_long = "long" in tier
        others = {row.tier for row in TABLE.rows if row.model == model and ("long" in row.tier) == is_long}
        assert price == max(TABLE.charge(model, other, tokens).price_pico for other in others)


def test_a_combination_that_is_not_sold_costs_the_dearest_tier() -> None:
    assert TABLE.tier("claude-haiku-4-5", Tokens(input=1), geo="us") == "base"
    assert TABLE.tier("claude-sonnet-5-5", Tokens(input=1), speed="fast") == "us"
    assert TABLE.tier("claude-opus-5", Tokens(input=1), speed="fast", service_tier="batch") == "fast+us"


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-sonnet-5-5-20260915", "claude-sonnet-5-5"),
        ("claude-opus-5-20260724", "claude-opus-5"),
        ("claude-haiku-4-5-latest", "claude-haiku-4-5"),
        ("claude-opus-4-20250514", None),
        ("claude-sonnet-5-5-20260915\n", None),
        ("claude-sonnet-5-5-２０２６０９１５", None),
        ("claude-sonnet", None),
        ("", None),
        (None, None),
        (["claude-opus-5"], None),
        ("claude-opus-5" * 1000, None),
    ],
)
def test_a_model_is_known_by_its_snapshots_and_aliases(given_name: object, name: str | None) -> None:
    assert TABLE.name_of(given_name) == name
    assert TABLE.knows(given_name) == (name is not None)


def test_every_price_names_its_source_and_the_day_it_was_checked() -> None:
    assert {row.checked for row in TABLE.rows} == {"2026-11-24"}
    assert all(row.source for row in TABLE.rows)


def test_a_stored_gigabyte_month_has_a_price() -> None:
    unit = TABLE.unit(pricing.STORAGE_MODEL, pricing.STORAGE_KIND)
    assert unit == (15 * 10**9, 18 * 10**9)


@given(st.integers(1, 10**12), st.integers(0, 1000))
def test_a_markup_that_does_not_divide_is_rounded_up(cost_pico: int, markup: int) -> None:
    exact = Decimal(cost_pico) * (100 + markup) / 100
    assert 0 <= pricing.with_markup(cost_pico, markup) - exact < 1


def test_publishing_twice_publishes_once(connection: Connection) -> None:
    assert pricing.publish(connection, 20, NOW) == "2026-11-24.1"
    assert pricing.publish(connection, 20, NOW) is None
    assert pricing.publish(connection, 20, NOW + timedelta(days=30)) is None


def test_what_was_published_is_what_is_read(connection: Connection) -> None:
    pricing.publish(connection, 20, NOW)
    table = pricing.current(connection)
    assert table.rows == TABLE.rows
    assert (table.version, table.published_at, table.markup_percent) == ("2026-11-24.1", NOW, 20)


def test_another_markup_is_another_version(connection: Connection) -> None:
    for second, markup in enumerate(range(20, 32)):
        pricing.publish(connection, markup, NOW + timedelta(seconds=second))
    assert pricing.current(connection).version == "2026-11-24.12"
    assert pricing.publish(connection, 0, NOW + timedelta(days=1)) == "2026-11-25.1"


def test_another_cost_is_another_version(connection: Connection) -> None:
    pricing.publish(connection, 20, NOW)
    prices = tables.table(tables.Price)
    connection.execute(update(prices).where(prices.c.model == "claude-opus-5").values(cost_pico=1))
    assert pricing.publish(connection, 20, NOW) == "2026-11-24.2"


def test_old_prices_stay_readable(connection: Connection) -> None:
    pricing.publish(connection, 20, NOW)
    pricing.publish(connection, 50, NOW + timedelta(days=1))
    assert pricing.current(connection, NOW + timedelta(hours=1)).markup_percent == 20
    assert pricing.current(connection, NOW + timedelta(days=1)).markup_percent == 50
    assert pricing.load(connection, "2026-11-24.1").markup_percent == 20


def test_a_time_before_the_first_prices_has_none(connection: Connection) -> None:
    with pytest.raises(Misconfigured, match="account-app migrate"):
        pricing.current(connection)
    pricing.publish(connection, 20, NOW)
    with pytest.raises(NotFound):
        pricing.current(connection, NOW - timedelta(seconds=1))
    with pytest.raises(NotFound):
        pricing.load(connection, "1999-01-01.1")
