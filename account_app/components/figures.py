"""Numbers as people read them, in their own locale. Exact until here; the cent appears on the screen alone."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import (
    NumberPattern,
    format_compact_decimal,
    format_percent,
    get_decimal_symbol,
    get_group_symbol,
    parse_pattern,
)

from account_app.components.drawn import Compared
from relay.money import PICO_PER_CENT, PICO_PER_USD, usd

DEFAULT = "en-US"
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}", re.ASCII)


def is_locale(tag: object) -> bool:
    """Whether it is the tag of a locale that we have words for, such as `de-AT`."""
    return isinstance(tag, str) and bool(_TAG.fullmatch(tag)) and _known(tag) is not None


def dollars(pico: int, locale: str = DEFAULT) -> str:
    """`$1.23`; `<$0.01` for what is not zero but less than a cent; a minus sign for less than nothing."""
    if pico < 0:
        return f"−{dollars(-pico, locale)}"
    if 0 < pico < PICO_PER_CENT:
        return f"<{dollars(PICO_PER_CENT, locale)}"
    cents = (pico + PICO_PER_CENT // 2) // PICO_PER_CENT
    whole, part = divmod(cents, 100)
    return _money(locale).apply(whole, f"{part:02}")


def spendable(pico: int, locale: str = DEFAULT) -> str:
    """Like `dollars`, but rounded down: nobody is told of a cent that they do not have."""
    return dollars(pico if pico < PICO_PER_CENT else pico // PICO_PER_CENT * PICO_PER_CENT, locale)


def round_dollars(pico: int, locale: str = DEFAULT) -> str:
    """Like `dollars`, for round amounts: whole dollars without cents."""
    if pico % PICO_PER_USD:
        return dollars(pico, locale)
    return _money(locale).apply(pico // PICO_PER_USD)


def exact(pico: int, locale: str = DEFAULT) -> str:
    """`$0.000125`: all of it, as far as it is not zero."""
    if pico < 0:
        return f"−{exact(-pico, locale)}"
    whole, _, part = usd(pico).partition(".")
    return _money(locale).apply(int(whole), part)


def round_count(number: int, locale: str = DEFAULT) -> str:
    """`25K`, `1T`, for the round figures beside a chart."""
    return format_compact_decimal(number, locale=_locale(locale), fraction_digits=2)


def count(number: int, locale: str = DEFAULT) -> str:
    """`12,345`."""
    return f"-{count(-number, locale)}" if number < 0 else _whole(locale).apply(number)


def megabytes(size: int, locale: str = DEFAULT) -> str:
    """`340 B`, `1.2 kB`, `45 MB`, `1 GB`: three digits at most, thousands by thousands."""
    unit, power = "B", 0
    for name in ("kB", "MB", "GB", "TB"):
        # What would be written as a thousand of a unit is one of the next.
        if Decimal(size).scaleb(-power) < Decimal("999.5"):
            break
        unit, power = name, power + 3
    number = Decimal(size).scaleb(-power)
    return f"{parse_pattern('#,##0.#' if number < 100 else '#,##0').apply(number, _locale(locale))} {unit}"


def requests(number: int, locale: str = DEFAULT) -> str:
    """`1 request`, `12,345 requests`."""
    return "1 request" if number == 1 else f"{count(number, locale)} requests"


def files(number: int, locale: str = DEFAULT) -> str:
    """`1 file`, `12,345 files`."""
    return "1 file" if number == 1 else f"{count(number, locale)} files"


def seconds(milliseconds: int, locale: str = DEFAULT) -> str:
    """`340 ms`, `2.4 s`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    return f"{parse_pattern('#,##0.0').apply(Decimal(milliseconds).scaleb(-3), _locale(locale))} s"


def change(now: int, before: int, locale: str = DEFAULT) -> str:
    """`+12%` against the time before; empty when there was nothing to compare with."""
    if before <= 0:
        return ""
    ratio = Decimal(now - before) / before
    text = (
        format_percent(abs(ratio), locale=_locale(locale))
        if abs(ratio) < 10
        else f"{count(round(abs(ratio)), locale)}×"
    )
    sign = "" if abs(ratio) < _HALF_A_PER_CENT else "−" if ratio < 0 else "+"
    return _isolated(f"{sign}{text}", locale)


_HALF_A_PER_CENT = Decimal("0.005")


def compared(now: int, before: int, words: Callable[[int, str], str], locale: str) -> Compared:
    """A figure beside that of the time before, both in those words."""
    return Compared(words(now, locale), words(before, locale), change(now, before, locale))


def percent(part: int, whole: int, locale: str = DEFAULT) -> str:
    """`17%`; empty of nothing."""
    return format_percent(Decimal(part) / whole, locale=_locale(locale)) if whole else ""


@lru_cache(4096)
def day(when: date, locale: str = DEFAULT) -> str:
    """`Nov 24`."""
    return _isolated(format_skeleton("MMMd", when, locale=_locale(locale)), locale)


@lru_cache(4096)
def whole_day(when: date, locale: str = DEFAULT) -> str:
    """`Tue, Nov 24`."""
    return _isolated(format_skeleton("MMMEd", when, locale=_locale(locale)), locale)


def dated(when: date, locale: str = DEFAULT) -> str:
    """`Nov 24, 2026`."""
    return _isolated(format_date(when, "medium", locale=_locale(locale)), locale)


def hour_of(at: datetime, locale: str = DEFAULT) -> str:
    """`14:00`, or `2:00 PM` where people say so; `02:00 (UTC+1)` where clocks show that hour twice."""
    offset = at.utcoffset()
    if offset is None or offset == at.replace(fold=1 - at.fold).utcoffset():
        return _clock(at.time(), locale)
    return f"{_clock(at.time(), locale)} ({_from_utc(offset)})"


@lru_cache(4096)
def _clock(at: time, locale: str) -> str:
    return _isolated(format_time(at, "short", locale=_locale(locale)), locale)


def _from_utc(offset: timedelta) -> str:
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    return f"UTC{'−' if offset < timedelta() else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


def share(part: int, whole: int) -> str:
    """A CSS percentage for a bar; anything that is not zero can be seen."""
    if part <= 0 or whole <= 0:
        return "0%"
    return f"{max(1.5, round(100 * part / whole, 2))}%"


def _isolated(text: str, locale: str) -> str:
    """What is written from right to left keeps its own order within our words, which are not."""
    return f"\u2068{text}\u2069" if _locale(locale).text_direction == "rtl" else text


@lru_cache(256)
def _known(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag, sep="_" if "_" in tag else "-")
    except (UnknownLocaleError, ValueError):
        return None


def _locale(tag: str) -> Locale:
    return _known(tag) or Locale("en", "US")


class _Shape(NamedTuple):
    """How a locale writes a number. A chart writes hundreds: Babel, asked each time, takes twenty times as long."""

    before: str
    after: str
    group: str
    point: str
    first: int
    then: int

    def apply(self, whole: int, part: str = "") -> str:
        digits = str(whole)
        groups = [digits[-self.first :]]
        digits = digits[: -self.first]
        while digits:
            groups.append(digits[-self.then :])
            digits = digits[: -self.then]
        point = self.point if part else ""
        return f"{self.before}{self.group.join(reversed(groups))}{point}{part}{self.after}"


@lru_cache(256)
def _money(tag: str) -> _Shape:
    # The narrow sign: "US$" and "$US" would only say that the reader is elsewhere; every price here is in USD.
    pattern = _locale(tag).currency_formats["standard"].pattern
    return _shape(parse_pattern(pattern.replace("¤", "$")), tag)


@lru_cache(256)
def _whole(tag: str) -> _Shape:
    return _shape(_locale(tag).decimal_formats[None], tag)


def _shape(pattern: NumberPattern, tag: str) -> _Shape:
    locale = _locale(tag)
    before, after = pattern.apply(7, locale).split(
        "7" + get_decimal_symbol(locale) + "00" if pattern.frac_prec[0] else "7"
    )
    if locale.text_direction == "rtl":
        before, after = f"\u2068{before}", f"{after}\u2069"
    return _Shape(before, after, get_group_symbol(locale), get_decimal_symbol(locale), *pattern.grouping)
