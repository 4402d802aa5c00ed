"""Overview: what can be spent, what was spent, day by day, and on what last."""

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import reading, theme
from account_app.components import chart, parts
from account_app.components.chart import Bar
from account_app.components.moments import clock_time, moment
from account_app.layout import frame
from account_app.live import Live
from account_app.reading import OverviewFigures, Request
from account_app.session import Session

ROUTE = "/"
TITLE = "Overview"


class Overview(Live, Session):
    """The figures of the page, ready to show."""

    found: rx.Field[OverviewFigures] = rx.field(default_factory=OverviewFigures)
    _reading = staticmethod(reading.overview)


FOUND: ObjectVar[OverviewFigures] = Overview.found  # pyright: ignore[reportAssignmentType]


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        _credit(),
        _days(),
        _latest(),
    )


def _credit() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Available credit", class_name=theme.QUIET),
            rx.el.p(
                FOUND.available,
                class_name=f"{theme.HERO_FIGURE} mt-1",
                custom_attrs={"data-figure": "available"},
            ),
            rx.el.p(FOUND.made_of, class_name=f"{theme.QUIET} mt-3"),
            rx.el.p("As of ", clock_time(Session.as_of), class_name="text-xs text-muted mt-1"),
            class_name="min-w-0",
        ),
        rx.el.dl(
            parts.stat("This month", FOUND.month, FOUND.month_note),
            parts.stat("Today", FOUND.today, ""),
            parts.stat("Held", FOUND.held, "for answers on their way"),
            class_name="grid grid-cols-3 gap-6 sm:gap-10 self-end",
        ),
        class_name="flex flex-wrap justify-between gap-x-10 gap-y-8 pb-2",
        aria_label="Credit",
    )


def _days() -> rx.Component:
    table = parts.table(
        "Spend by day",
        (("Day", parts.LEFT), ("Requests", parts.RIGHT), ("Price", parts.RIGHT)),
        rx.foreach(FOUND.bars, _day),
    )
    return parts.panel(
        chart.bars(FOUND.bars, FOUND.top, FOUND.in_words),
        chart.table_behind(table),
        title="Spend by day, last 30 days",
        aside=link("All usage", to="/usage", class_name=theme.LINK),
    )


def _day(bar: ObjectVar[Bar]) -> rx.Component:
    return parts.row(parts.cell(bar.name), parts.cell(bar.detail, parts.RIGHT), parts.cell(bar.value, parts.RIGHT))


def _latest() -> rx.Component:
    columns = (
        ("Time", parts.LEFT),
        ("Model", parts.LEFT),
        ("Input tokens", parts.RIGHT + parts.ONLY_WIDE),
        ("Output tokens", parts.RIGHT + parts.ONLY_WIDE),
        ("Ended", parts.LEFT + parts.ONLY_WIDE),
        ("Price", parts.RIGHT),
    )
    nothing = parts.empty(
        "No requests yet",
        rx.fragment(
            link("Ask the assistant something", to="/assistant", class_name=theme.LINK),
            " and see here what it cost.",
        ),
    )
    return parts.panel(
        rx.cond(
            FOUND.latest.length() > 0,
            rx.el.div(
                parts.table("Latest requests", columns, rx.foreach(FOUND.latest, _request)),
                class_name="mt-3",
            ),
            nothing,
        ),
        title="Latest requests",
    )


def _request(request: ObjectVar[Request]) -> rx.Component:
    return parts.row(
        parts.cell(moment(request.at)),
        parts.cell(request.model, class_name="whitespace-nowrap"),
        parts.cell(request.tokens_in, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(request.tokens_out, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(request.ending, parts.LEFT + parts.ONLY_WIDE, "text-muted"),
        parts.cell(rx.el.span(request.price, title=request.exact), parts.RIGHT),
    )
