"""Sums of usage as the bars of a chart: whole or divided, beside those of the time before."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from account_app.components.drawn import Axis, Bar, Slice
from account_app.components.figures import count, dollars, exact, requests, round_count, round_dollars, share
from account_app.spans import Bins
from relay.money import PICO_PER_CENT, PICO_PER_USD
from relay.usage import Bucket, UsageRow

SERIES_MAX = 5
OTHERS = "6"
KINDS = (("input", "Input"), ("output", "Output"), ("cache_read", "Cache read"), ("cache_write", "Cache write"))
OTHER = ("other", "Other")
"""What is not the price of tokens: searches, storage, prices put right."""
WITHOUT_KEY = "Signed in, without a key"

Amounts = dict[int, dict[str, int]]
"""How much of each series, for each bar that has any."""


def bars_of(
    bins: Bins,
    found: Sequence[Bucket],
    before: Sequence[Bucket],
    names: dict[str, str],
    locale: str,
    show: str,
    address: Callable[[str], str] = lambda _: "",
) -> tuple[list[Bar], list[Slice], Axis]:
    """`address` is where the requests of a series are."""
    words = count if show == "tokens" else dollars
    amounts = _amounts(found, show)
    earlier = {place: sum(parts.values()) for place, parts in _amounts(before, show).items()}
    whole = {place: sum(parts.values()) for place, parts in amounts.items()}
    series = _series(amounts, show)
    top = round_top(max([*whole.values(), *earlier.values()], default=0))
    asked = {b.place: 0 for b in found}
    for bucket in found:
        asked[bucket.place] += bucket.usage.requests
    bars = [
        replace(
            column,
            value=words(whole.get(n, 0), locale),
            detail=requests(asked.get(n, 0), locale),
            share=share(whole.get(n, 0), top),
            slices=_slices(amounts.get(n, {}), series, names, words, locale),
            before=share(earlier[n], top) if earlier.get(n) else "",
            before_value=words(earlier.get(n, 0), locale),
        )
        for n, column in enumerate(columns_of(bins))
    ]
    totals: dict[str, int] = {}
    for parts in amounts.values():
        for name, amount in parts.items():
            totals[name] = totals.get(name, 0) + amount
    legend = _slices(totals, series, names, words, locale) if len(series) > 1 else []
    named = {colour: name for name, colour in series.items() if colour != OTHERS}
    legend = [replace(one, address=address(named[one.series])) if one.series in named else one for one in legend]
    return bars, legend, axis_of(top, round_count, locale) if show == "tokens" else money_axis(top, locale)


def columns_of(bins: Bins) -> list[Bar]:
    """A column for each bin, of which nothing is known yet."""
    last = len(bins.names) - 1
    labelled = [n for n, label in enumerate(bins.labels) if label]
    return [
        Bar(
            label=bins.labels[n],
            name=name,
            side="left" if n < last / 4 else "right" if n > last * 3 / 4 else "center",
            minor=n in labelled[-2::-2],
        )
        for n, name in enumerate(bins.names)
    ]


def round_top(amount: int) -> int:
    """The least of 1, 2, 2.5, 4, 5 or 8 times a power of ten that is no less: what the upper line of a chart is at."""
    if not amount:
        return 0
    power = 10 ** max(0, len(str(amount)) - 1)
    return next((power * tenth // 10 for tenth in (10, 20, 25, 40, 50, 80) if 10 * amount <= power * tenth), 10 * power)


def axis_of(top: int, words: Callable[[int, str], str], locale: str) -> Axis:
    upper, half = words(top, locale), words(top // 2, locale)
    return Axis(upper if top else "", half if half != upper else "")


def money_axis(top: int, locale: str) -> Axis:
    """Without cents where neither line has any; with more than cents where one would be rounded."""
    half = top // 2
    words = exact if half % PICO_PER_CENT else dollars if half % PICO_PER_USD else round_dollars
    return axis_of(top, words, locale)


def _amounts(found: Sequence[Bucket], show: str) -> Amounts:
    amounts: Amounts = {}
    for bucket in found:
        parts = amounts.setdefault(bucket.place, {})
        for name, amount in _parts(bucket.usage, show):
            parts[name] = parts.get(name, 0) + amount
    return amounts


def _parts(row: UsageRow, show: str) -> list[tuple[str, int]]:
    if show == "tokens":
        return [(kind, getattr(row, f"{kind}_tokens")) for kind, _ in KINDS]
    if show == "kinds":
        return [(kind, getattr(row, f"{kind}_pico")) for kind, _ in (*KINDS, OTHER)]
    return [(row.bucket, row.price_pico)]


def _series(amounts: Amounts, show: str) -> dict[str, str]:
    """Which colour a name has: the largest first; what comes after the fifth shares the sixth."""
    if show != "price":
        return {kind: str(n) for n, (kind, _) in enumerate(KINDS if show == "tokens" else (*KINDS, OTHER), 1)}
    totals: dict[str, int] = {}
    for parts in amounts.values():
        for name, amount in parts.items():
            totals[name] = totals.get(name, 0) + amount
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    return {name: str(n) if n <= SERIES_MAX else OTHERS for n, name in enumerate(ranked, 1)}


def title_of(name: str, names: dict[str, str]) -> str:
    if name == "":
        return WITHOUT_KEY
    return names.get(name) or {"storage": "Storage"}.get(name, name)


def _slices(
    parts: dict[str, int], series: dict[str, str], names: dict[str, str], words: Callable[[int, str], str], locale: str
) -> list[Slice]:
    titles = dict((*KINDS, OTHER))
    whole = sum(parts.values())
    by_colour: dict[str, tuple[str, int]] = {}
    for name, colour in series.items():
        title = "Others" if colour == OTHERS else titles.get(name) or title_of(name, names)
        by_colour[colour] = (title, by_colour.get(colour, ("", 0))[1] + parts.get(name, 0))
    return [
        Slice(colour, title, words(amount, locale) if len(series) > 1 else "", share(amount, whole))
        for colour, (title, amount) in by_colour.items()
        if amount
    ]


def in_words(total: UsageRow, bars: Sequence[Bar], bins: Bins, locale: str) -> str:
    """The chart in one sentence."""
    tallest = max(bars, key=lambda bar: float(bar.share.removesuffix("%")), default=Bar())
    peak = f", the most on {tallest.name}: {tallest.value}" if tallest.share != "0%" else ""
    length = f"1 {bins.unit}" if len(bars) == 1 else f"{count(len(bars), locale)} {bins.unit}s"
    return f"{dollars(total.price_pico, locale)} in {length}{peak}."
