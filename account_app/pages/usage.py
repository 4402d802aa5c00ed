"""Usage: what was used and what it cost, over any days, by whatever divides it. What is shown is in the address."""

from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar, StringVar
from reflex_components_core.react_router import link

from account_app import spans, theme
from account_app.components import chart, controls, parts, shapes
from account_app.components.address import asked, here_with
from account_app.layout import api, frame, is_filled
from account_app.live import Live
from account_app.reading.usage import SORTS, UsageFigures, UsageLine, usage_of
from account_app.session import Session

ROUTE = "/usage"
TITLE = "Usage"
BY_NAMES = {"day": "Day", "hour": "Hour", "model": "Model", "service": "Service", "key": "Key"}
SHOWN = {"price": "Price", "tokens": "Tokens", "kinds": "Price by kind"}
TITLES = SHOWN | {"kinds": "Price by kind,"}
ALL_SORTS = [f"{sign}{name}" for name in SORTS for sign in ("-", "")]


class Usage(Live, Session):
    """The rows of the page, ready to show, and the range that its address asks for."""

    found: rx.Field[UsageFigures] = rx.field(default_factory=UsageFigures)
    _here: ClassVar = ROUTE
    _reading = staticmethod(usage_of)


FOUND: Any = Usage.found


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        controls.range_picker(
            spans.PRESETS, spans.DEFAULT_PRESET, FOUND.first, FOUND.last, ("by", "show"), before=None, page=None
        ),
        _sums(),
        rx.cond((FOUND.lines.length() > 0) | (FOUND.requests.change != ""), _picture()),
        _rows(),
        waiting=shapes.waiting(shapes.picker(), shapes.figures(4), shapes.chart(), shapes.table(12)),
        aside=rx.cond(
            is_filled(ROUTE),
            link(
                "Download CSV",
                to=api("/api/usage.csv?") + FOUND.csv.to(str),
                reload_document=True,
                download=True,
                class_name=theme.SECONDARY,
            ),
        ),
    )


def _sums() -> rx.Component:
    log = FOUND.total.address
    return rx.el.dl(
        parts.beside("Price", FOUND.price, FOUND.days, "Nothing before", to=log),
        parts.beside("Requests", FOUND.requests, FOUND.days, to=log),
        parts.beside("Input tokens", FOUND.tokens_in, FOUND.days, to=log),
        parts.beside("Output tokens", FOUND.tokens_out, FOUND.days, to=log),
        class_name=theme.FIGURES,
    )


def _picture() -> rx.Component:
    matched: Any = rx.match(asked("show", tuple(SHOWN)), *TITLES.items(), "")
    shown = matched.to(str)
    return parts.panel(
        chart.bars(FOUND.bars, FOUND.axis, shown + " per " + FOUND.unit, FOUND.in_words),
        rx.cond(
            (FOUND.series.length() > 0) | (FOUND.requests.change != ""),
            chart.legend(FOUND.series, rx.cond(FOUND.requests.change != "", chart.before(FOUND.days))),
        ),
        chart.bars_as_table("The chart's figures", "Time", FOUND.bars),
        title=rx.el.span(shown, " per ", FOUND.unit),
        aside=controls.choice("Show", "show", SHOWN),
    )


def _sorted_by() -> StringVar[str]:
    """What the address says, or what its grouping means when it does not."""
    by = asked("by", spans.BYS)
    usual = rx.cond((by == "day") | (by == "hour"), "-name", "-price")
    said = asked("sort", ("", *ALL_SORTS))
    return rx.cond(said != "", said, usual).to(str)


def _rows() -> rx.Component:
    by_kind = asked("show", tuple(SHOWN)) == "kinds"
    return parts.panel(
        rx.cond(
            FOUND.lines.length() > 0,
            rx.el.div(rx.cond(by_kind, _table(by_kind=True), _table(by_kind=False)), _pages(), class_name="mt-2"),
            parts.empty(
                "Nothing was used in this range",
                rx.fragment(
                    "Choose a longer range, or ",
                    link("ask the assistant something", to="/assistant", class_name=theme.LINK),
                    ".",
                ),
            ),
        ),
        title=rx.cond(by_kind, "Price by kind of token", "Tokens and price"),
        aside=controls.choice("Group by", "by", BY_NAMES, sort=None, page=None),
    )


def _table(*, by_kind: bool) -> rx.Component:
    """What is not the price of a kind of token has a column of its own, so that each row adds up."""
    columns: list[parts.Heading] = [
        (rx.match(asked("by", spans.BYS), *BY_NAMES.items(), "Day"), parts.LEFT, "name"),
        ("Requests", parts.RIGHT, "requests"),
        ("Input", parts.RIGHT + parts.ONLY_WIDE, "input"),
        ("Output", parts.RIGHT + parts.ONLY_WIDE, "output"),
        ("Cache read", parts.RIGHT + parts.ONLY_WIDE, "cache_read"),
        ("Cache write", parts.RIGHT + parts.ONLY_WIDE, "cache_write"),
        *([("Other", parts.RIGHT + parts.ONLY_WIDE, "other")] if by_kind else []),
        ("Price", parts.RIGHT, "price"),
    ]
    caption = "What each kind of token cost" if by_kind else "Usage in tokens, and its price"
    rows = rx.foreach(FOUND.lines, lambda line: _line(line, by_kind))
    return parts.table(caption, columns, rows, _total(by_kind), sorted_by=_sorted_by())


def _pages() -> rx.Component:
    """Ways through the rows, of which a page shows sixty."""
    now = FOUND.page
    return rx.cond(
        FOUND.pages > 1,
        rx.el.nav(
            rx.el.span("Page ", now, " of ", FOUND.pages, class_name=f"{theme.NOTE} figures mr-auto"),
            rx.cond(now > 1, link("Previous", to=here_with(page=(now - 1).to_string()), class_name=theme.SECONDARY)),
            rx.cond(
                now < FOUND.pages.to(int),
                link("Next", to=here_with(page=(now + 1).to_string()), class_name=theme.SECONDARY),
            ),
            aria_label="Pages of the table",
            class_name="flex items-center gap-2 border-t border-line px-5 py-3",
        ),
    )


def _line(line: ObjectVar[UsageLine], by_kind: bool) -> rx.Component:
    return parts.row(*_cells(line, _to_its_requests(line), by_kind))


def _total(by_kind: bool) -> rx.Component:
    cells = _cells(FOUND.total, _to_its_requests(FOUND.total), by_kind)
    return parts.row(*cells, class_name="border-t border-line-strong font-semibold")


def _to_its_requests(line: ObjectVar[UsageLine]) -> rx.Component:
    return link(line.name, to=line.address, class_name=theme.ROW_LINK)


def _cells(line: ObjectVar[UsageLine], name: rx.Component | rx.Var[str], by_kind: bool) -> list[rx.Component]:
    wide = parts.RIGHT + parts.ONLY_WIDE
    return [
        parts.cell(name),
        parts.cell(line.requests, parts.RIGHT),
        parts.cell(line.input, wide),
        parts.cell(line.output, wide),
        parts.cell(line.cache_read, wide),
        parts.cell(line.cache_write, wide),
        *([parts.cell(line.other, wide)] if by_kind else []),
        parts.cell(rx.el.span(line.price, title=line.exact), parts.RIGHT),
    ]
