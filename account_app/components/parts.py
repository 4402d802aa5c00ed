"""The pieces that pages are put together from: panels, figures, tables, and the three states of not having
data.
"""

from collections.abc import Sequence

import reflex as rx
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components.address import asked, here_to, here_with
from account_app.components.moments import clock_time

LEFT, RIGHT = "text-left", "text-right figures whitespace-nowrap"
ONLY_WIDE = " hidden sm:table-cell"
"""Added to a side: the column is left out on a phone."""

_CELL = "px-2 sm:px-3 first:pl-5 last:pr-5"


def panel(*children: rx.Component, title: str = "", aside: rx.Component | None = None) -> rx.Component:
    """A bordered surface, headed by its title."""
    head = rx.el.div(
        rx.el.h2(title, class_name=theme.HEADING),
        aside or rx.fragment(),
        class_name="flex flex-wrap items-center justify-between gap-3 px-5 pt-4",
    )
    return rx.el.section(*([head] if title else []), *children, class_name=theme.PANEL, aria_label=title)


def stat(label: str, figure: rx.Var[str], note: rx.Var[str] | str = "") -> rx.Component:
    """A labelled figure, with a line under it that says what it is made of."""
    return rx.el.div(
        rx.el.dt(label, class_name=theme.QUIET),
        rx.el.dd(figure, class_name=f"{theme.FIGURE} mt-1"),
        rx.el.dd(note, class_name="text-xs text-muted mt-1"),
        class_name="min-w-0",
    )


Heading = tuple[str, str] | tuple[str, str, str]
"""Title and side, and the name that the column is sorted by when it can be."""


def table(
    caption: str,
    columns: Sequence[Heading],
    rows: rx.Component,
    foot: rx.Component | None = None,
    sorts: Sequence[str] = (),
) -> rx.Component:
    """A table that scrolls sideways by itself when the screen is narrow.

    `columns` are (title, LEFT or RIGHT[, sort name]). `sorts` are all names that `sort` in the address may have, the
    first being what it is when not said; a name with `-` before it sorts from the most down.
    """
    return rx.el.div(
        rx.el.table(
            rx.el.caption(caption, class_name="sr-only"),
            rx.el.thead(
                rx.el.tr(*[_heading(c, sorts) for c in columns], class_name="text-xs text-muted border-b border-line")
            ),
            rx.el.tbody(rows),
            *([rx.el.tfoot(foot)] if foot else []),
            class_name="w-full text-sm border-collapse",
        ),
        class_name="overflow-x-auto pb-2",
        tab_index=0,
        role="region",
        aria_label=caption,
    )


def _heading(column: Heading, sorts: Sequence[str]) -> rx.Component:
    title, side, *by = column
    look = f"{side} {_CELL} py-2 font-medium whitespace-nowrap"
    if not by:
        return rx.el.th(title, scope="col", class_name=look)
    up, down, now = by[0], f"-{by[0]}", asked("sort", sorts)
    first = down if down in sorts else up
    other = up if first == down and up in sorts else first
    order = rx.cond(now == down, "descending", rx.cond(now == up, "ascending", "none"))
    mark = rx.cond(now == down, " ↓", rx.cond(now == up, " ↑", ""))
    turn = rx.cond(now == first, here_with(sort=other, before=None), here_with(sort=first, before=None)).to(str)
    words = link(
        title, rx.el.span(mark, aria_hidden=True), to=turn, class_name="inline-block py-1 -my-1 hover:text-ink"
    )
    return rx.el.th(words, scope="col", class_name=look, custom_attrs={"aria-sort": order})


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


def cell(content: rx.Component | rx.Var[str] | str, side: str = LEFT, class_name: str = "") -> rx.Component:
    return rx.el.td(content, class_name=f"{side} {_CELL} py-2.5 sm:whitespace-nowrap {class_name}")


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
    """A short state in words, on a quiet ground: `plain`, `good`, `warn` or `bad`. The words alone say everything."""
    looks = {
        "good": "bg-good-soft text-good",
        "warn": "bg-warn-soft text-warn",
        "bad": "bg-bad-soft text-bad",
    }
    look = rx.match(tone, *looks.items(), "bg-sunken text-muted")
    return rx.el.span(
        words, class_name=["inline-block rounded px-1.5 py-0.5 text-xs font-medium whitespace-nowrap", look]
    )


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
