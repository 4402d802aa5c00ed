"""Charts of plain elements and SVG: no chart library, no script, and the same figures as a table behind each.

docs/decisions/charts-of-plain-elements.md says why. A pointer, a finger or the arrow keys walk along a chart from value
to value; to screen readers it is a slider that says each, beside the summary and the table.
"""

from collections.abc import Sequence
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import parts
from account_app.components.drawn import Axis, Bar, Fall, Point, Slice, Tick
from account_app.components.walking import WALKED


def bars(columns: rx.Var[Sequence[Bar]], axis: ObjectVar[Axis], name: Any, summary: rx.Var[str]) -> rx.Component:
    """`name` says what is drawn, `summary` in one sentence what it shows."""
    drawn = rx.el.div(rx.foreach(columns, _column), class_name="absolute inset-0 flex items-end gap-px sm:gap-1")
    labels = rx.el.div(rx.foreach(columns, _label), class_name="flex gap-px sm:gap-1 mt-1.5 h-4 figures")
    return _figure(summary, axis, _plot(name, columns.to(list[Bar]).length(), drawn), labels)


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
    plot = _plot(name, falling.points.length(), drawing, now, points)
    labels = rx.el.div(rx.foreach(falling.ticks, _tick), class_name="relative mt-1.5 h-4 figures")
    return _figure(summary, falling.axis, plot, labels)


def _plot(name: Any, count: Any, *drawn: rx.Component) -> rx.Component:
    """The ground of a chart, and the way along it."""
    numbers = {"aria-valuemin": 1, "aria-valuemax": count, "aria-valuenow": count, "aria-orientation": "horizontal"}
    line = "absolute inset-x-0 border-t border-dashed border-line pointer-events-none"
    return rx.el.div(
        rx.el.div(class_name=f"{line} top-0"),
        rx.el.div(class_name=f"{line} top-1/2"),
        *drawn,
        role="slider",
        tab_index=0,
        aria_label=name,
        class_name="relative h-44 border-b border-line-strong touch-pan-y",
        custom_attrs={**numbers, **WALKED},
    )


def _figure(summary: rx.Var[str], axis: Any, plot: rx.Component, labels: rx.Component) -> rx.Component:
    values = rx.el.div(
        rx.el.span(axis.top, class_name="absolute right-0 top-0 -translate-y-1/2"),
        rx.el.span(axis.half, class_name="absolute right-0 top-1/2 -translate-y-1/2"),
        # The wider of the two makes the room, unseen.
        rx.el.span(axis.top, class_name="block invisible h-0"),
        rx.el.span(axis.half, class_name="block invisible h-0"),
        class_name="relative figures whitespace-nowrap",
        aria_hidden=True,
    )
    return rx.el.figure(
        rx.el.figcaption(summary, class_name="sr-only"),
        rx.el.div(
            values,
            plot,
            rx.el.div(labels, class_name="col-start-2 min-w-0", aria_hidden=True),
            class_name="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2 text-xs text-muted",
        ),
        class_name="px-5 pt-7 pb-3 m-0",
    )


_TIP = (
    "tip pointer-events-none absolute bottom-full z-10 mb-2 w-max max-w-36 sm:max-w-56 rounded-md bg-ink px-2.5 py-1.5 "
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
    return rx.el.span(words, class_name="flex-1 min-w-0 whitespace-nowrap flex justify-center last:justify-end")


def _tick(tick: ObjectVar[Tick]) -> rx.Component:
    return rx.el.span(
        tick.label,
        class_name=["absolute -translate-x-1/2 whitespace-nowrap", rx.cond(tick.minor, "max-sm:hidden", "")],
        custom_attrs={"style": {"left": tick.left}},
    )


_ENTRIES = "flex flex-wrap items-center gap-x-5 text-xs text-muted"


def legend(series: rx.Var[Sequence[Slice]], *more: rx.Component) -> rx.Component:
    """What the colours stand for, with the figures: nobody need tell colours apart. `more` are list items."""
    return rx.el.ul(rx.foreach(series, _entry), *more, class_name=f"{_ENTRIES} px-5 pb-3")


def before(when: Any) -> rx.Component:
    """The entry of a legend for what the columns were before: "the 30 days before"."""
    mark = rx.el.span(class_name="inline-block w-4 border-t-2 border-faint align-middle mr-1.5", aria_hidden=True)
    return rx.el.li(mark, "What it was in ", when)


def _entry(part: ObjectVar[Slice]) -> rx.Component:
    words = "flex min-h-6 items-center gap-1.5"
    said = rx.el.span(part.name), rx.el.span(part.value, class_name="figures font-medium text-ink")
    return rx.el.li(
        rx.el.span(class_name="size-2 rounded-full", custom_attrs={"data-series": part.series}, aria_hidden=True),
        rx.cond(
            part.address != "",
            link(*said, to=part.address, class_name=f"{words} underline-offset-4 hover:text-accent hover:underline"),
            rx.el.span(*said, class_name=words),
        ),
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
            class_name=f"{_ENTRIES} mt-2",
        ),
    )


def _portion(part: ObjectVar[Slice]) -> rx.Component:
    return rx.el.div(class_name="meter", custom_attrs={"data-series": part.series, "style": {"--share": part.share}})


def table_behind(table: rx.Component) -> rx.Component:
    """The chart's figures as a table, folded away."""
    return rx.el.details(
        rx.el.summary("Show as a table", class_name=f"{theme.LINK} mx-5 mb-4 cursor-pointer"),
        table,
    )


def bars_as_table(caption: str, first: str, columns: rx.Var[Sequence[Bar]]) -> rx.Component:
    """The table behind `bars`: what each column is called and leads to, what it counts, and its value."""
    return table_behind(
        parts.table(
            caption,
            ((first, parts.LEFT), ("Requests", parts.RIGHT), ("Value", parts.RIGHT)),
            rx.foreach(columns, _row),
        )
    )


def _row(bar: ObjectVar[Bar]) -> rx.Component:
    return parts.row(parts.cell(named(bar)), parts.cell(bar.detail, parts.RIGHT), parts.cell(bar.value, parts.RIGHT))


def named(bar: ObjectVar[Bar]) -> rx.Component:
    """What a column is called, as a link where it leads on."""
    return rx.cond(bar.address != "", link(bar.name, to=bar.address, class_name=theme.ROW_LINK), bar.name)
