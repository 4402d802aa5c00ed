"""The pieces that pages are put together from: panels, figures, tables, and the three states of not having
data.
"""

from collections.abc import Sequence
from typing import Any

import reflex as rx
from reflex.vars import ObjectVar, StringVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components.address import here_to, here_with
from account_app.components.drawn import Compared
from account_app.components.moments import clock_time

LEFT, RIGHT = "text-left", "text-right figures whitespace-nowrap"
ONLY_WIDE = " hidden md:table-cell"
"""Added to a side: the column is left out where there is little room: on a phone, or when the page is enlarged."""
ONLY_WIDEST = " hidden xl:table-cell"
"""Left out beside the navigation of a small screen too."""

_CELL = "px-2 sm:px-3"
LEADING = "hover:text-accent hover:underline decoration-2 underline-offset-4"
"""Of a figure that leads to its parts, where all figures do."""


def panel(
    *children: rx.Component, title: str | rx.Component | rx.Var[str] = "", aside: rx.Component | None = None
) -> rx.Component:
    """A bordered surface, headed by its title."""
    named = isinstance(title, str)
    head = rx.el.div(
        rx.el.h2(title, class_name=theme.HEADING),
        aside or rx.fragment(),
        class_name="flex flex-wrap items-center justify-between gap-3 px-5 pt-4",
    )
    content = [*([] if named and not title else [head]), *children]
    return rx.el.section(*content, class_name=theme.PANEL, aria_label=title if named else None)


def stat(
    label: str,
    figure: rx.Var[str],
    note: rx.Component | rx.Var[str] | str = "",
    class_name: str = theme.FIGURE_ROOM,
    to: StringVar[str] | str | None = None,
) -> rx.Component:
    """A labelled figure, with a line under it that says what it is made of. With `to` it leads to its parts."""
    shown = link(figure, to=to, class_name=LEADING) if to is not None else figure
    return rx.el.div(
        rx.el.dt(label, class_name=theme.QUIET),
        rx.el.dd(shown, class_name=f"{theme.FIGURE} mt-1"),
        rx.el.dd(note, class_name="text-xs text-muted mt-1"),
        class_name=class_name,
    )


def beside(
    label: str, compared: ObjectVar[Compared], before: Any, nothing: str = "", to: StringVar[str] | None = None
) -> rx.Component:
    """A figure beside that of the time before, which `before` names: "the 30 days before". With `to` it leads there."""
    when = rx.el.span(" in ", before, class_name="sr-only")
    note = rx.cond(
        compared.change != "",
        rx.fragment(rx.el.span(compared.change, class_name="figures text-ink"), " from ", compared.before, when),
        rx.fragment(nothing, when) if nothing else "",
    )
    return stat(label, compared.value, note, to=to)


Heading = tuple[Any, str] | tuple[Any, str, str]
"""Title and side, and the name that the column is sorted by when it can be."""


def table(
    caption: rx.Var[str] | str,
    columns: Sequence[Heading],
    rows: rx.Component,
    foot: rx.Component | None = None,
    sorted_by: StringVar[str] | None = None,
) -> rx.Component:
    """A table that scrolls sideways by itself when the screen is narrow.

    `columns` are (title, LEFT or RIGHT[, sort name]). `sorted_by` is the sort name that holds now, with `-` before it
    when it goes from the most down; a click on a title puts its name into the address as `sort`.
    """
    return rx.el.div(
        rx.el.table(
            rx.el.caption(caption, class_name="sr-only"),
            rx.el.thead(
                rx.el.tr(
                    *[_heading(column, sorted_by) for column in columns],
                    class_name="text-xs text-muted border-b border-line",
                )
            ),
            rx.el.tbody(rows),
            *([rx.el.tfoot(foot)] if foot else []),
            class_name="w-full text-sm border-collapse",
        ),
        class_name="relative overflow-x-auto pb-2",
        tab_index=0,
        role="region",
        aria_label=rx.Var.create(caption).to(str) + ", table",
    )


def _heading(column: Heading, now: StringVar[str] | None) -> rx.Component:
    title, side, *by = column
    look = f"{side} {_CELL} py-2 font-medium whitespace-nowrap"
    if not by or now is None:
        return rx.el.th(title, scope="col", class_name=look)
    up, down = by[0], f"-{by[0]}"
    order = rx.cond(now == down, "descending", rx.cond(now == up, "ascending", "none"))
    arrow = rx.cond(now == down, " ↓", rx.cond(now == up, " ↑", ""))
    turn = rx.cond(now == down, here_with(sort=up, page=None), here_with(sort=down, page=None)).to(str)
    mark = rx.el.span(arrow, aria_hidden=True)
    words = link(title, mark, to=turn, class_name="inline-block py-1 -my-1 hover:text-ink")
    return rx.el.th(words, scope="col", class_name=look, custom_attrs={"aria-sort": order})


def adding_up(
    caption: str, columns: Sequence[Heading], rows: rx.Component, name: rx.Var[str] | str, amount: rx.Var[str]
) -> rx.Component:
    """In a drawer: a table whose last column adds up to the amount at its foot."""
    foot = row(
        cell(name),
        *[cell("", side) for _, side, *_ in columns[1:-1]],
        cell(amount, RIGHT),
        class_name="border-t border-line-strong font-semibold",
    )
    return rx.el.div(table(caption, columns, rows, foot), class_name="-mx-5 border-t border-line")


def pager(older: rx.Var[str], is_later: rx.Var[bool]) -> rx.Component:
    """Ways to the rows before and back to the newest. `older` is what `before` becomes, empty on the last page."""
    return rx.cond(
        is_later | (older != ""),
        rx.el.nav(
            rx.cond(is_later, link("Newest", to=here_with(before=None), class_name=theme.SECONDARY)),
            rx.cond(older != "", link("Older", to=here_to("before", older), class_name=theme.SECONDARY)),
            aria_label="Pages of the table",
            class_name="flex justify-end gap-2 border-t border-line px-5 py-3",
        ),
    )


def acts() -> Heading:
    """The heading of the buttons at the end of each row, for screen readers alone."""
    return rx.el.span("Actions", class_name="sr-only"), RIGHT


def cell(
    content: rx.Component | rx.Var[str] | str, side: str = LEFT, class_name: str = "", wraps: bool = False
) -> rx.Component:
    """`wraps` is for what people write themselves: names and reasons have any length."""
    lines = "[overflow-wrap:anywhere] min-w-32" if wraps else "sm:whitespace-nowrap"
    return rx.el.td(content, class_name=f"{side} {_CELL} py-2.5 {lines} {class_name}")


def narrow(*content: rx.Component | rx.Var[str]) -> rx.Component:
    """A second line of a cell that stands for the columns that are ONLY_WIDE."""
    look = "flex flex-wrap items-center gap-x-2 text-xs text-muted [&_a]:text-xs md:hidden"
    return rx.el.span(*content, class_name=look)


def row(*cells: rx.Component, class_name: str = "border-b border-line last:border-0") -> rx.Component:
    return rx.el.tr(*cells, class_name=class_name)


def empty(title: str, advice: rx.Component | str) -> rx.Component:
    """Nothing here yet, and what to do about it."""
    return rx.el.div(
        rx.el.p(title, class_name="font-medium text-ink"),
        rx.el.p(advice, class_name=f"{theme.QUIET} mt-1"),
        class_name="px-5 py-10 text-center",
    )


def skeleton(class_name: str) -> rx.Component:
    """Holds the place of something that is on its way; fades in late, so that a quick answer shows no
    flicker.
    """
    return rx.el.div(class_name=f"breathe rounded-md bg-sunken {class_name}", aria_hidden=True)


def mark(words: rx.Var[str] | str, tone: rx.Var[str] | str = "plain") -> rx.Component:
    """A short state in words: `plain`, or on a ground of its own `good`, `warn`, `bad`. The words alone say it all."""
    looks = {
        "good": "px-1.5 bg-good-soft text-good",
        "warn": "px-1.5 bg-warn-soft text-warn",
        "bad": "px-1.5 bg-bad-soft text-bad",
    }
    look = rx.match(tone, *looks.items(), "text-muted")
    return rx.el.span(words, class_name=["inline-block rounded py-0.5 text-xs font-medium whitespace-nowrap", look])


def notice(*content: rx.Component | rx.Var[str] | str, tone: str = "warn") -> rx.Component:
    """Something that people should know before they read on; `warn`, `bad` or `good`."""
    look = {"warn": "bg-warn-soft text-warn", "bad": "bg-bad-soft text-bad", "good": "bg-good-soft text-good"}[tone]
    return rx.el.div(*content, role="status", class_name=f"rounded-lg px-4 py-3 text-sm {look}")


def problem(text: rx.Var[str], as_of: rx.Var[str]) -> rx.Component:
    """Says that the figures below could not be renewed, and from when they are. They stay; they never turn
    into zeros.
    """
    return rx.cond(
        text != "",
        rx.el.div(
            rx.el.span(text),
            rx.cond(as_of != "", rx.el.span(" These figures are from ", clock_time(as_of), "."), rx.fragment()),
            role="status",
            class_name="rounded-lg bg-warn-soft px-4 py-3 text-sm text-warn mb-6",
        ),
    )
