"""Charts of plain elements and SVG: no chart library, no script, and the same figures as a table behind each.

docs/decisions/charts-of-plain-elements.md says why. A pointer, a finger or the arrow keys walk along a chart from value
to value; to screen readers it is a slider that says each, beside the summary and the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from account_app import theme
from account_app.components import parts


@dataclass(frozen=True)
class Slice:
    """A part of a bar: its colour (`1` to `6`), what it stands for, and its share of the bar in CSS."""

    series: str
    name: str
    value: str
    share: str


@dataclass(frozen=True)
class Bar:
    """One column: `label` under the axis (may be empty), `name` and `value` in words, `share` of the tallest in CSS.

    `slices` divide it; `before` is the share that the same column of the time before had, empty for none. A `minor`
    label is left out where there is little room.
    """

    label: str = ""
    name: str = ""
    value: str = ""
    detail: str = ""
    share: str = "0%"
    slices: list[Slice] = field(default_factory=list[Slice])
    before: str = ""
    before_value: str = ""
    side: str = "center"
    minor: bool = False


@dataclass(frozen=True)
class Tick:
    """A label under a chart, and how far from its left edge it stands."""

    label: str
    left: str


@dataclass(frozen=True)
class Axis:
    """What the upper line of a chart and the one half-way stand for; the lowest is nothing."""

    top: str = ""
    half: str = ""


@dataclass(frozen=True)
class Point:
    """A day of a line: what it is called, what it was or may be, and its place from the left and from the top."""

    name: str
    value: str
    left: str
    top: str
    side: str = "center"


@dataclass(frozen=True)
class Fall:
    """How something runs down: what was, as an SVG path, and what may come, as a polygon; both in a square of 100.

    `now_left` is where the present stands; `rows` are the same in words.
    """

    was: str = ""
    may: str = ""
    slow: str = ""
    fast: str = ""
    now_left: str = "50%"
    axis: Axis = field(default_factory=Axis)
    ticks: list[Tick] = field(default_factory=list[Tick])
    points: list[Point] = field(default_factory=list[Point])
    rows: list[Bar] = field(default_factory=list[Bar])


def bars(columns: rx.Var[Sequence[Bar]], axis: ObjectVar[Axis], name: Any, summary: rx.Var[str]) -> rx.Component:
    """`name` says what is drawn, `summary` in one sentence what it shows."""
    drawn = rx.el.div(rx.foreach(columns, _column), class_name="absolute inset-0 flex items-end gap-px sm:gap-1")
    labels = rx.el.div(rx.foreach(columns, _label), class_name="flex gap-px sm:gap-1 mt-1.5 h-4 figures")
    return _figure(summary, _plot(name, axis, columns.to(list[Bar]).length(), drawn), labels)


def fall(falling: ObjectVar[Fall], name: str, summary: rx.Var[str]) -> rx.Component:
    """What was, a line; what may come, the ground between the slowest and the fastest pace."""
    line = {"vectorEffect": "non-scaling-stroke"}
    drawing = rx.el.svg(
        rx.el.polygon(points=falling.may, class_name="fill-accent-soft"),
        rx.el.path(d=falling.slow, class_name="stroke-accent fill-none [stroke-dasharray:4_4]", custom_attrs=line),
        rx.el.path(d=falling.fast, class_name="stroke-accent fill-none [stroke-dasharray:4_4]", custom_attrs=line),
        rx.el.path(d=falling.was, class_name="stroke-accent fill-none stroke-2", custom_attrs=line),
        class_name="absolute inset-0 h-full w-full overflow-visible",
        custom_attrs={"viewBox": "0 0 100 100", "preserveAspectRatio": "none"},
    )
    now = rx.el.div(
        rx.el.span("Now", class_name="absolute -top-5 -translate-x-1/2"),
        class_name="absolute inset-y-0 border-l border-line-strong text-xs text-muted",
        custom_attrs={"style": rx.Var.create({"left": falling.now_left})},
    )
    points = rx.foreach(falling.points, _point)
    plot = _plot(name, falling.axis, falling.points.length(), drawing, now, points)
    labels = rx.el.div(rx.foreach(falling.ticks, _tick), class_name="relative mt-1.5 h-4 figures")
    return _figure(summary, plot, labels)


_GO_TO = (
    "((plot, choose) => { const all = [...plot.querySelectorAll('[data-told]')];"
    " const at = all.findIndex((one) => 'on' in one.dataset), to = choose(all, at);"
    " if (at >= 0) delete all[at].dataset.on;"
    " if (to === undefined || !all.length) return;"
    " const n = Math.max(0, Math.min(all.length - 1, to)); all[n].dataset.on = '1';"
    " plot.setAttribute('aria-valuenow', n + 1); plot.setAttribute('aria-valuetext', all[n].dataset.told); })"
)
_POINTED = rx.Var(
    f"((event) => {_GO_TO}(event.currentTarget, (all) => {{ const middles = all.map((one) => {{"
    " const box = one.getBoundingClientRect(); return Math.abs((box.left + box.right) / 2 - event.clientX); });"
    " return middles.indexOf(Math.min(...middles)); }))"
)
_LEFT = rx.Var(f"((event) => {_GO_TO}(event.currentTarget, () => undefined))")
_FOCUSED = rx.Var(
    "((event) => { if (event.currentTarget.matches(':focus-visible'))"
    f" {_GO_TO}(event.currentTarget, (all) => all.length - 1); }})"
)
_PRESSED = rx.Var(
    "((event) => { const by = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7,"
    " Home: -9999, End: 9999}[event.key]; if (event.key === 'Escape') event.currentTarget.blur(); if (!by) return;"
    f" event.preventDefault(); {_GO_TO}(event.currentTarget, (all, at) => (at < 0 ? all.length - 1 : at + by)); }})"
)


def _plot(name: Any, axis: Any, count: Any, *drawn: rx.Component) -> rx.Component:
    """The ground of a chart, and the way along it."""
    handlers = {"onPointerMove": _POINTED, "onPointerDown": _POINTED, "onPointerLeave": _LEFT, "onBlur": _LEFT}
    numbers = {"aria-valuemin": 1, "aria-valuemax": count, "aria-valuenow": count, "aria-orientation": "horizontal"}
    return rx.el.div(
        _line(axis.top, "top-0"),
        _line(axis.half, "top-1/2"),
        *drawn,
        role="slider",
        tab_index=0,
        aria_label=name,
        class_name="relative h-44 border-b border-line-strong touch-pan-y",
        custom_attrs={**numbers, **handlers, "onFocus": _FOCUSED, "onKeyDown": _PRESSED},
    )


def _figure(summary: rx.Var[str], plot: rx.Component, labels: rx.Component) -> rx.Component:
    return rx.el.figure(
        rx.el.figcaption(summary, class_name="sr-only"),
        rx.el.div(plot, rx.el.div(labels, aria_hidden=True), class_name="text-xs text-muted"),
        class_name="px-5 pt-7 pb-3 m-0",
    )


def _line(value: rx.Var[str], place: str) -> rx.Component:
    return rx.el.div(
        rx.el.span(value, class_name="figures -translate-y-full pb-0.5"),
        class_name=f"absolute inset-x-0 {place} flex h-0 border-t border-dashed border-line pointer-events-none",
    )


_TIP = (
    "tip pointer-events-none absolute bottom-full z-10 mb-2 whitespace-nowrap rounded-md bg-ink px-2.5 py-1.5 "
    "text-xs text-page"
)
_SIDES = (("left", "left-0"), ("right", "right-0"))
_MIDDLE = "left-1/2 -translate-x-1/2"


def _column(bar: ObjectVar[Bar]) -> rx.Component:
    sliced = rx.el.div(
        rx.foreach(bar.slices, _slice),
        class_name="bar flex w-full flex-col-reverse overflow-hidden rounded-t-[3px]",
        custom_attrs={"style": {"--share": bar.share}},
    )
    ghost = rx.el.div(
        class_name="bar absolute inset-x-0 bottom-0 border-t-2 border-faint",
        custom_attrs={"style": {"--share": bar.before}},
    )
    tip = rx.el.div(
        rx.el.span(bar.name, class_name="block opacity-75"),
        rx.el.span(bar.value, class_name="block font-semibold figures"),
        rx.el.span(bar.detail, class_name="block opacity-75"),
        rx.cond(bar.slices.length() > 1, rx.foreach(bar.slices, _told)),
        rx.cond(bar.before != "", rx.el.span("Before: ", bar.before_value, class_name="block opacity-75 figures")),
        class_name=[_TIP, rx.match(bar.side, *_SIDES, _MIDDLE)],
    )
    return rx.el.div(
        sliced,
        rx.cond(bar.before != "", ghost),
        tip,
        class_name="relative flex h-full flex-1 items-end min-w-0",
        custom_attrs={"data-told": _in_words(bar.name, bar.value, bar.detail)},
    )


def _point(point: ObjectVar[Point]) -> rx.Component:
    tip = rx.el.div(
        rx.el.span(point.name, class_name="block opacity-75"),
        rx.el.span(point.value, class_name="block font-semibold figures"),
        class_name=[_TIP, rx.match(point.side, *_SIDES, _MIDDLE)],
    )
    dot = rx.el.div(
        class_name="absolute size-2 -translate-1/2 rounded-full bg-accent",
        custom_attrs={"style": rx.Var.create({"top": point.top})},
    )
    return rx.el.div(
        dot,
        tip,
        class_name="point absolute inset-y-0 w-0 border-l border-accent",
        custom_attrs={
            "data-told": _in_words(point.name, point.value),
            "style": rx.Var.create({"left": point.left}),
        },
    )


def _in_words(*words: Any) -> rx.Var[str]:
    told = words[0].to(str)
    for more in words[1:]:
        told = told + ", " + more.to(str)
    return told


def _slice(part: ObjectVar[Slice]) -> rx.Component:
    return rx.el.div(
        class_name="bar w-full", custom_attrs={"data-series": part.series, "style": {"--share": part.share}}
    )


def _told(part: ObjectVar[Slice]) -> rx.Component:
    return rx.el.span(
        rx.el.span(part.name), rx.el.span(part.value, class_name="figures"), class_name="flex justify-between gap-4"
    )


def _label(bar: ObjectVar[Bar]) -> rx.Component:
    words = rx.el.span(bar.label, class_name=rx.cond(bar.minor, "max-sm:hidden", ""))
    return rx.el.span(words, class_name="flex-1 min-w-0 whitespace-nowrap overflow-visible flex justify-center")


def _tick(tick: ObjectVar[Tick]) -> rx.Component:
    return rx.el.span(
        tick.label,
        class_name="absolute -translate-x-1/2 whitespace-nowrap",
        custom_attrs={"style": {"left": tick.left}},
    )


def legend(series: rx.Var[Sequence[Slice]], *more: rx.Component) -> rx.Component:
    """What the colours stand for, with the figures: nobody need tell colours apart. `more` are list items."""
    return rx.el.ul(
        rx.foreach(series, _entry), *more, class_name="flex flex-wrap gap-x-5 gap-y-1 px-5 pb-3 text-xs text-muted"
    )


def _entry(part: ObjectVar[Slice]) -> rx.Component:
    return rx.el.li(
        rx.el.span(class_name="size-2 rounded-full", custom_attrs={"data-series": part.series}, aria_hidden=True),
        rx.el.span(part.name),
        rx.el.span(part.value, class_name="figures font-medium text-ink"),
        class_name="flex items-center gap-1.5",
    )


def meter(series: rx.Var[Sequence[Slice]], label: str) -> rx.Component:
    """One bar that is divided. The legend under it says the same in words."""
    return rx.el.div(
        rx.el.div(
            rx.foreach(series, _portion),
            class_name="flex h-2 gap-0.5 overflow-hidden rounded-full bg-sunken",
            aria_hidden=True,
        ),
        rx.el.ul(
            rx.foreach(series, _entry),
            aria_label=label,
            class_name="mt-3 flex flex-wrap gap-x-5 gap-y-1 text-xs text-muted",
        ),
    )


def _portion(part: ObjectVar[Slice]) -> rx.Component:
    return rx.el.div(class_name="meter", custom_attrs={"data-series": part.series, "style": {"--share": part.share}})


def table_behind(table: rx.Component) -> rx.Component:
    """The chart's figures as a table, folded away."""
    return rx.el.details(
        rx.el.summary("Show as a table", class_name=f"{theme.LINK} mx-5 mb-4 inline-block cursor-pointer py-0.5"),
        table,
    )


def bars_as_table(caption: str, first: str, columns: rx.Var[Sequence[Bar]]) -> rx.Component:
    """The table behind `bars`: what each column is called, what it counts, and its value."""
    return table_behind(
        parts.table(
            caption,
            ((first, parts.LEFT), ("Requests", parts.RIGHT), ("Value", parts.RIGHT)),
            rx.foreach(columns, _row),
        )
    )


def _row(bar: ObjectVar[Bar]) -> rx.Component:
    return parts.row(parts.cell(bar.name), parts.cell(bar.detail, parts.RIGHT), parts.cell(bar.value, parts.RIGHT))
