"""How money, days and ranges are put into words on the pages."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from account_app import spans
from account_app.components.figures import count, dollars, share, spendable
from account_app.reading import zone_named
from relay.money import PICO_PER_CENT, PICO_PER_USD
from relay.usage import UsageRow

NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (0, "$0.00"),
        (1, "<$0.01"),
        (PICO_PER_CENT - 1, "<$0.01"),
        (PICO_PER_CENT, "$0.01"),
        (PICO_PER_USD + PICO_PER_CENT // 2, "$1.01"),
        (123_456 * PICO_PER_USD, "$123,456.00"),
        (-PICO_PER_USD - 1, "−$1.00"),
        (-1, "−<$0.01"),
    ],
)
def test_money_is_shown_in_cents_and_never_as_nothing_when_it_is_something(pico: int, text: str) -> None:
    assert dollars(pico) == text


def test_nobody_is_told_of_a_cent_that_they_do_not_have() -> None:
    assert spendable(5 * PICO_PER_USD - 1) == "$4.99"
    assert spendable(1) == "<$0.01"


def test_tokens_are_grouped() -> None:
    assert count(1234567) == "1,234,567"


def test_a_bar_of_anything_can_be_seen() -> None:
    assert share(0, 10) == "0%"
    assert share(1, 10**12) == "1.5%"
    assert share(10, 10) == "100.0%"


def test_days_are_those_of_the_readers_zone() -> None:
    span = spans.span_from({"range": "7d"}, NOW, ZoneInfo("Asia/Tokyo"))
    assert (span.first, span.last) == (date(2026, 11, 19), date(2026, 11, 25))
    assert span.start == datetime(2026, 11, 18, 15, tzinfo=UTC)
    assert span.end == datetime(2026, 11, 25, 15, tzinfo=UTC)


def test_a_day_of_a_clock_change_is_whole() -> None:
    span = spans.span_from({"from": "2026-10-25", "to": "2026-10-25"}, NOW, ZoneInfo("Europe/Berlin"))
    assert (span.end - span.start).total_seconds() == 25 * 3600


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, date(2026, 10, 26), date(2026, 11, 24)),
        ({"range": "month"}, date(2026, 11, 1), date(2026, 11, 24)),
        ({"range": "last-month"}, date(2026, 10, 1), date(2026, 10, 31)),
        ({"from": "2026-11-02", "to": "2026-11-03"}, date(2026, 11, 2), date(2026, 11, 3)),
    ],
)
def test_a_range_is_read_from_the_address(query: dict[str, object], first: date, last: date) -> None:
    span = spans.span_from(query, NOW, UTC)
    assert (span.first, span.last) == (first, last)


@pytest.mark.parametrize(
    "query",
    [
        {"range": ["7d"]},
        {"range": None},
        {"from": "2026-11-03", "to": "2026-11-02"},
        {"from": "1900-01-01", "to": "2026-11-02"},
        {"from": "yesterday00", "to": {}},
        {"from": 1, "to": True},
        {"by": ["model"], "from": "2026-02-30", "to": "2026-03-01"},
    ],
)
def test_a_range_that_cannot_be_read_is_the_last_thirty_days(query: dict[str, object]) -> None:
    assert spans.span_from(query, NOW, UTC).preset == "30d"
    assert spans.by_from(query) == "day"


def test_every_day_has_a_bar_also_without_use() -> None:
    days = [date(2026, 11, n) for n in range(1, 31)]
    rows = [
        UsageRow("2026-11-10", 3, price_pico=PICO_PER_USD),
        UsageRow("2026-11-12", 1, price_pico=PICO_PER_USD // 2),
    ]
    bars = spans.bars_of(rows, days)
    assert [bar.share for bar in bars if bar.share != "0%"] == ["100.0%", "50.0%"]
    assert bars[9].detail == "3 requests"
    assert bars[11].detail == "1 request"
    assert bars[-1].label == "Nov 30"
    assert 5 <= sum(bar.label != "" for bar in bars) <= 7
    assert spans.in_words(rows, days) == "$1.50 in 30 days, the most on 2026-11-10: $1.00."


def test_nothing_used_is_said_so() -> None:
    assert spans.in_words([], [date(2026, 11, 1)]) == "$0.00 in 1 day."
    assert spans.top_of([]) == "$0.00"


def test_utc_needs_no_zone_files() -> None:
    assert zone_named("UTC") is UTC
