"""Charts of plain elements and SVG: no chart library, no script, and the same figures as a table behind each.

docs/decisions/charts-of-plain-elements.md says why. Screen readers are told the summary and the table; the picture
itself is silent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
class Fall:
    """How something runs down: what was, as an SVG path, and what may come, as a polygon; both in a square of 100.

    `now_left` is where the present stands; `rows` are the same in words.
    """

    was: str = ""
    may: str = ""
    slow: str = ""
    fast: str = ""
    now_left: str = "50%"
    top: str = ""
    ticks: list[Tick] = field(default_factory=list[Tick])
    rows: list[Bar] = field(default_factory=list[Bar])


def bars(columns: rx.Var[Sequence[Bar]], top: rx.Var[str], summary: rx.Var[str]) -> rx.Component:
    """`top` is the value at the upper line. `summary` says in one sentence what the picture shows."""
    plot = rx.el.div(
        _upper_line(top),
        rx.el.div(rx.foreach(columns, _column), class_name="absolute inset-0 flex items-end gap-px sm:gap-1"),
        class_name="relative h-44 border-b border-line-strong",
    )
    labels = rx.el.div(rx.foreach(columns, _label), class_name="flex gap-px sm:gap-1 mt-1.5 h-4 figures")
    return _figure(summary, plot, labels)


def fall(falling: ObjectVar[Fall], summary: rx.Var[str]) -> rx.Component:
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
    plot = rx.el.div(_upper_line(falling.top), drawing, now, class_name="relative h-44 border-b border-line-strong")
    labels = rx.el.div(rx.foreach(falling.ticks, _tick), class_name="relative mt-1.5 h-4 figures")
    return _figure(summary, plot, labels)


def _figure(summary: rx.Var[str], *drawn: rx.Component) -> rx.Component:
    return rx.el.figure(
        rx.el.figcaption(summary, class_name="sr-only"),
        rx.el.div(*drawn, aria_hidden=True, class_name="text-xs text-muted"),
        class_name="px-5 pt-7 pb-3 m-0",
    )


def _upper_line(top: rx.Var[str]) -> rx.Component:
    return rx.el.div(
        rx.el.span(top, class_name="figures -translate-y-full pb-1"),
        class_name="absolute inset-x-0 top-0 flex border-t border-dashed border-line pointer-events-none",
    )


_TIP = (
    "tip pointer-events-none absolute bottom-full z-10 mb-2 whitespace-nowrap rounded-md bg-ink px-2.5 py-1.5 "
    "text-xs text-page"
)


def _column(bar: ObjectVar[Bar]) -> rx.Component:
    sliced = rx.el.div(
        rx.foreach(bar.slices, _slice),
        class_name="bar flex w-full flex-col-reverse overflow-hidden rounded-t-[3px] group-hover:opacity-80",
        custom_attrs={"style": {"--share": bar.share}},
    )
    ghost = rx.el.div(
        class_name="bar absolute inset-x-0 bottom-0 border-t-2 border-faint",
        custom_attrs={"style": {"--share": bar.before}},
    )
    side = rx.match(bar.side, ("left", "left-0"), ("right", "right-0"), "left-1/2 -translate-x-1/2")
    tip = rx.el.div(
        rx.el.span(bar.name, class_name="block opacity-75"),
        rx.el.span(bar.value, class_name="block font-semibold figures"),
        rx.el.span(bar.detail, class_name="block opacity-75"),
        rx.cond(bar.slices.length() > 1, rx.foreach(bar.slices, _told)),
        rx.cond(bar.before != "", rx.el.span("Before: ", bar.before_value, class_name="block opacity-75 figures")),
        class_name=[_TIP, side],
    )
    return rx.el.div(
        sliced,
        rx.cond(bar.before != "", ghost),
        tip,
        class_name="group relative flex h-full flex-1 items-end min-w-0",
    )


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
