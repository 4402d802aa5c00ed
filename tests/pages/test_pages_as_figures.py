"""How money, days and ranges are put into words on the pages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.numbers import format_decimal, parse_pattern
from hypothesis import given
from hypothesis import strategies as st

from account_app import spans
from account_app.acting import amount
from account_app.components.drawn import Axis, Bar
from account_app.components.figures import (
    change,
    count,
    dated,
    dollars,
    exact,
    hour_of,
    round_count,
    round_dollars,
    share,
    spendable,
)
from account_app.reading.ahead import look_ahead
from account_app.reading.bars import bars_of, in_words, money_axis, round_top
from account_app.reading.rows import in_weeks
from account_app.spans import Bins, Span, zone_named
from relay.money import PICO_PER_CENT, PICO_PER_USD
from relay.usage import BalanceView, Bucket, GrantView, UsageRow

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


@pytest.mark.parametrize(
    "tag",
    ["en-US", "en-IN", "de", "de-AT", "de-CH", "fr", "es", "pl", "pt-PT", "sv", "ja", "ar-EG", "fa", "hi", "lv", "he"],
)
def test_numbers_are_written_as_babel_writes_them(tag: str) -> None:
    locale = Locale.parse(tag, sep="-")
    pattern = parse_pattern(locale.currency_formats["standard"].pattern.replace("¤", "$"))
    for number in (0, 7, 999, 1_000, 12_345, 123_456, 9_876_543_210):
        assert _bare(count(number, tag)) == format_decimal(number, locale=locale)
        assert _bare(count(-number, tag)) == format_decimal(-number, locale=locale)
        assert _bare(dollars(number * PICO_PER_CENT, tag)) == pattern.apply(Decimal(number).scaleb(-2), locale)


def test_what_is_written_from_right_to_left_keeps_its_order_within_our_words() -> None:
    day = date(2027, 10, 5)
    told = [count(7, "he"), dollars(PICO_PER_USD, "ar-EG"), dated(day, "fa"), change(3, 2, "ar")]
    assert all(text[0] == "\u2068" and text[-1] == "\u2069" for text in told)
    assert "\u2068" not in dollars(PICO_PER_USD, "de") + dated(day, "ja")


def test_the_whole_of_an_amount_is_written_as_the_reader_writes() -> None:
    assert exact(125_000_000) == "$0.000125"
    assert exact(1_234_500_000_000_000, "de") == "1.234,5\xa0$"
    assert [exact(5 * PICO_PER_USD), exact(-1), exact(0)] == ["$5", "−$0.000000000001", "$0"]


def test_hours_are_the_readers_and_one_that_comes_twice_says_which_it_is() -> None:
    berlin = [datetime(2026, 10, 25, n, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")) for n in (0, 1, 12)]
    assert [hour_of(at, "de") for at in berlin] == ["02:00 (UTC+2)", "02:00 (UTC+1)", "13:00"]
    assert hour_of(berlin[2], "en-US") == "1:00\u202fPM"
    chatham = datetime(2026, 4, 4, 13, 45, tzinfo=UTC).astimezone(ZoneInfo("Pacific/Chatham"))
    assert hour_of(chatham) == "3:30\u202fAM (UTC+13:45)"


def test_amounts_are_read_as_people_type_them_and_no_comma_is_guessed() -> None:
    typed = ("25", " $12.50 ", "12,50 $", "12,5", "1,000", "1.000,00")
    assert [amount({"usd": one}, "usd") for one in typed] == ["25", "12.50", "12.50", "12.5", "1,000", "1.000,00"]


def _bare(text: str) -> str:
    """Without the marks that keep it apart from the words around it."""
    return text.replace("\u2068", "").replace("\u2069", "")


def test_the_round_figures_beside_a_chart_are_short() -> None:
    told = [round_dollars(pico) for pico in (80 * PICO_PER_USD, 2_000_000 * PICO_PER_USD, 40 * PICO_PER_CENT)]
    assert told == ["$80", "$2,000,000", "$0.40"]
    assert round_dollars(80 * PICO_PER_USD, "de-DE") == "80\xa0$"
    assert [round_count(tokens) for tokens in (250, 2_500, 10**12)] == ["250", "2.5K", "1T"]


def test_the_lines_of_a_chart_are_never_rounded() -> None:
    cents = (20_000, 100, 25, 5)
    assert [money_axis(cent * PICO_PER_CENT, "en-US") for cent in cents] == [
        Axis("$200", "$100"),
        Axis("$1.00", "$0.50"),
        Axis("$0.25", "$0.125"),
        Axis("$0.05", "$0.025"),
    ]


def test_a_change_that_rounds_to_nothing_has_no_direction() -> None:
    assert [change(now, 1000) for now in (1120, 880, 1003, 997)] == ["+12%", "−12%", "0%", "0%"]


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


def test_weeks_end_with_the_range_and_only_the_first_may_be_cut() -> None:
    year = Span("12m", date(2025, 11, 25), date(2026, 11, 24), UTC)
    bins = spans.bins_of(year, "en-US")
    assert (bins.edges[0], bins.edges[1]) == (year.start, datetime(2025, 11, 26, tzinfo=UTC))
    assert {after - at for at, after in pairwise(bins.edges[1:])} == {timedelta(days=7)}
    assert (bins.edges[-1], bins.names[-1]) == (year.end, "Week from Nov 18")
    days = [Bucket(place, UsageRow("", 1)) for place in range(365)]
    assert [week.usage.requests for week in in_weeks(days, 365)] == [1] + [7] * 52


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


def month_of_bars(rows: dict[int, UsageRow]) -> tuple[Bins, list[Bar], Axis]:
    bins = spans.bins_of(Span("custom", date(2026, 11, 1), date(2026, 11, 30), UTC), "en-US")
    found = [Bucket(place, row) for place, row in rows.items()]
    made, _, top = bars_of(bins, found, [], {}, "en-US", show="price")
    return bins, made, top


def test_every_day_has_a_bar_also_without_use() -> None:
    dear, cheap = UsageRow("", 3, price_pico=PICO_PER_USD), UsageRow("", 1, price_pico=PICO_PER_USD // 2)
    bins, made, top = month_of_bars({9: dear, 11: cheap})
    assert len(made) == 30
    assert [bar.share for bar in made if bar.share != "0%"] == ["100.0%", "50.0%"]
    assert (made[9].detail, made[11].detail, made[-1].label) == ("3 requests", "1 request", "Nov 30")
    assert 5 <= sum(bar.label != "" for bar in made) <= 7
    total = UsageRow("total", 4, price_pico=PICO_PER_USD * 3 // 2)
    assert in_words(total, made, bins, "en-US") == "$1.50 in 30 days, the most on Tue, Nov 10: $1.00."
    assert top == Axis("$1.00", "$0.50")


@given(st.integers(1, 10**15))
def test_the_upper_line_of_a_chart_is_a_round_number_near_what_is_drawn(amount: int) -> None:
    top = round_top(amount)
    assert amount <= top <= 2 * amount
    assert len(str(top).rstrip("0")) <= 2


def test_nothing_used_is_said_so() -> None:
    bins, made, top = month_of_bars({})
    assert in_words(UsageRow("total"), made, bins, "en-US") == "$0.00 in 30 days."
    assert top == Axis()


def test_what_comes_after_the_fifth_shares_a_colour() -> None:
    bins = spans.bins_of(Span("custom", date(2026, 11, 1), date(2026, 11, 1), UTC), "en-US")
    found = [Bucket(3, UsageRow(f"model-{n}", 1, price_pico=n * PICO_PER_USD)) for n in range(1, 9)]
    made, series, _ = bars_of(bins, found, [], {}, "en-US", show="price")
    assert [part.name for part in series] == ["model-8", "model-7", "model-6", "model-5", "model-4", "Others"]
    assert made[3].slices[-1].value == "$6.00"
    assert len(made) == 24


@pytest.mark.parametrize(
    ("locale", "money", "number"),
    [
        ("de-DE", "1.234,50\xa0$", "1.234.567"),
        ("en-GB", "$1,234.50", "1,234,567"),
        ("fr", "1\u202f234,50\xa0$", "1\u202f234\u202f567"),
        ("hi-IN", "$1,234.50", "12,34,567"),
        ("../../etc", "$1,234.50", "1,234,567"),
        ("xx", "$1,234.50", "1,234,567"),
    ],
)
def test_numbers_are_written_as_the_reader_writes_them(locale: str, money: str, number: str) -> None:
    assert dollars(123450 * PICO_PER_CENT, locale) == money
    assert count(1234567, locale) == number


def test_credit_is_counted_back_over_grants_and_use() -> None:
    today, zone = date(2026, 11, 24), ZoneInfo("Asia/Kolkata")
    spent = {today - timedelta(days=n): PICO_PER_USD * (n % 3) for n in range(29, -1, -1)}
    given = (spans.midnight(date(2026, 11, 20), zone), 50 * PICO_PER_USD)
    balance = balance_with(60 * PICO_PER_USD)
    ahead = look_ahead(balance, spent, [given], zone, "en-US")
    rows = {bar.name: bar.value for bar in ahead.picture.rows}
    assert rows["Today"] == "$60.00"
    assert rows["Nov 20, 2026"] == "$63.00"
    # After the 15th came the grant, and 9 dollars of use.
    assert rows["Nov 15, 2026"] == "$19.00"
    assert ahead.pace is not None
    assert "runs out between" in ahead.lasts


def test_too_little_use_says_nothing_of_the_future() -> None:
    spent = {date(2026, 11, n): 0 for n in range(1, 25)} | {date(2026, 11, 24): PICO_PER_USD}
    ahead = look_ahead(balance_with(PICO_PER_USD), spent, [], UTC, "en-US")
    assert (ahead.pace, ahead.lasts, ahead.picture.may) == (None, "", "")


def balance_with(credit_pico: int) -> BalanceView:
    grant = GrantView(1, "topup", credit_pico, credit_pico, None, NOW, "", "")
    return BalanceView(credit_pico, 0, credit_pico, 0, 0, False, None, None, NOW, (grant,))


def test_utc_needs_no_zone_files() -> None:
    assert zone_named("UTC") is UTC
