"""Overview: what can be spent, what it is made of, how long it lasts, and what was used last."""

from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import chart, controls, parts, shapes
from account_app.components.drawn import Bar
from account_app.components.moments import clock_time, moment
from account_app.layout import as_of, frame
from account_app.live import Live
from account_app.places import is_there
from account_app.reading.lines import RequestLine
from account_app.reading.overview import OverviewFigures, overview_of
from account_app.session import Session

ROUTE = "/"
TITLE = "Overview"


class Overview(Live, Session):
    """The figures of the page, ready to show."""

    found: rx.Field[OverviewFigures] = rx.field(default_factory=OverviewFigures)
    _here: ClassVar = ROUTE
    _reading = staticmethod(overview_of)


FOUND: Any = Overview.found


def page() -> rx.Component:
    used = FOUND.latest.length() > 0
    return frame(
        ROUTE,
        TITLE,
        _credit(),
        rx.cond(used, rx.el.div(_stats(), _ahead(), _latest(), class_name="flex flex-col gap-6"), _first_steps()),
        waiting=shapes.waiting(shapes.hero(), shapes.figures(4), shapes.chart(), shapes.table(6)),
    )


def _credit() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Available credit", rx.cond(FOUND.on_plan, " and pay-per-use", ""), class_name=theme.QUIET),
            rx.el.p(FOUND.available, class_name=f"{theme.HERO_FIGURE} mt-1", custom_attrs={"data-figure": "available"}),
            rx.el.p(FOUND.made_of, class_name="sr-only"),
        ),
        rx.cond(
            (FOUND.sources.length() > 0) & (FOUND.owed == ""),
            chart.meter(FOUND.sources, "What it is made of"),
            parts.notice(
                rx.cond(FOUND.owed != "", rx.fragment("You owe ", FOUND.owed), "There is no credit to spend"),
                ". ",
                _to("Billing", "/billing", "Top up"),
                " to go on.",
            ),
        ),
        # Its times change while it is read. Each ends its line, so that nothing after it moves.
        rx.el.p(
            rx.el.span("Includes everything up to ", clock_time(as_of(ROUTE)), class_name="block"),
            rx.el.span("Next sync ", clock_time(FOUND.next_sync), class_name="block"),
            rx.cond(FOUND.held != "", rx.el.span(FOUND.held, " is held for answers on their way", class_name="block")),
            class_name=theme.NOTE,
        ),
        class_name="flex flex-col gap-4",
        aria_label="Credit",
    )


def _to(name: str, address: str, words: str) -> rx.Component:
    """A link to a page, or the bare words while there is no such page."""
    return link(words, to=address, class_name=theme.LINK) if is_there(address) else rx.el.span(words, title=name)


def _stats() -> rx.Component:
    state = rx.fragment(
        rx.cond(FOUND.cap_state != "", parts.mark(FOUND.cap_state, FOUND.cap_tone)), " ", FOUND.cap_note
    )
    return rx.el.dl(
        parts.stat("Today", FOUND.today, FOUND.today_note, to="/usage?range=today"),
        parts.stat("This month", FOUND.month, FOUND.month_note, to="/usage?range=month"),
        parts.stat("Pay-per-use", FOUND.cap, state, "max-w-full grow-[1.5] basis-36", to="/billing"),
        parts.stat(
            "By the end of the month",
            rx.cond(FOUND.forecast != "", FOUND.forecast, "—"),
            FOUND.forecast_how,
            "max-w-full grow-2 basis-56",
        ),
        class_name=f"{theme.FIGURES} border-t border-line pt-6",
    )


def _ahead() -> rx.Component:
    table = parts.table(
        "Credit behind and ahead",
        (("Day", parts.LEFT), ("Credit at its end", parts.RIGHT)),
        rx.foreach(FOUND.ahead.rows, _day),
    )
    return parts.panel(
        rx.el.p(
            rx.cond(FOUND.lasts != "", FOUND.lasts, "How long credit lasts can be said after three days of use."),
            class_name=f"{theme.QUIET} px-5 mt-1",
        ),
        chart.fall(FOUND.ahead, "Credit by day", FOUND.in_words),
        chart.table_behind(table),
        title="Credit ahead",
        aside=link("All usage", to="/usage", class_name=theme.LINK),
    )


def _day(bar: ObjectVar[Bar]) -> rx.Component:
    return parts.row(parts.cell(chart.named(bar)), parts.cell(bar.value, parts.RIGHT))


def _first_steps() -> rx.Component:
    """Three steps to the first message, for those who click and for those who program."""
    sdk = rx.el.div(
        rx.el.code(FOUND.sdk, class_name="block grow overflow-x-auto whitespace-pre text-xs py-1", tab_index=0),
        controls.copy_button(FOUND.sdk, "the lines of code"),
        class_name="flex min-w-0 items-start gap-2 rounded-md bg-sunken px-3 py-2",
    )
    steps = (
        _step("1", "Ask about a glyph", "An answer mostly costs less than a cent.", _way("/assistant", "Ask now")),
        _step("2", "Or make a key", "Programs sign in with one. It can have a cap.", _way("/keys", "Make a key")),
        _step("3", "And point an Anthropic SDK here", "Nothing else of your program changes.", sdk),
    )
    return parts.panel(
        rx.el.ol(*steps, class_name="mt-3 divide-y divide-line border-t border-line"),
        title="Three steps to the first message",
    )


def _way(address: str, words: str) -> rx.Component:
    there = link(words, to=address, class_name=f"{theme.SECONDARY} self-start")
    return there if is_there(address) else rx.fragment()


def _step(number: str, title: str, words: str, more: rx.Component) -> rx.Component:
    return rx.el.li(
        rx.el.span(number, class_name="figures text-muted"),
        rx.el.div(rx.el.p(title, class_name="font-medium text-ink"), rx.el.p(words, class_name=theme.QUIET)),
        rx.el.div(more, class_name="col-start-2 sm:col-start-3 min-w-0"),
        class_name="grid grid-cols-[auto_1fr] sm:grid-cols-[auto_1fr_auto] items-start gap-3 px-5 py-4",
    )


def _latest() -> rx.Component:
    columns = (
        ("Time", parts.LEFT),
        ("Model", parts.LEFT + parts.ONLY_WIDE),
        ("Input tokens", parts.RIGHT + parts.ONLY_WIDE),
        ("Output tokens", parts.RIGHT + parts.ONLY_WIDE),
        ("Ended", parts.LEFT + parts.ONLY_WIDE),
        ("Price", parts.RIGHT),
    )
    return parts.panel(
        rx.el.div(parts.table("Latest requests", columns, rx.foreach(FOUND.latest, _request)), class_name="mt-2"),
        title="Latest requests",
        aside=link("All requests", to="/requests", class_name=theme.LINK),
    )


def _request(request: ObjectVar[RequestLine]) -> rx.Component:
    receipt = "/requests?id=" + request.id.to(str)
    time = link(moment(request.at), to=receipt, class_name=theme.ROW_LINK)
    ending = rx.cond(request.tone != "plain", parts.mark(request.ending, request.tone))
    return parts.row(
        parts.cell(rx.fragment(time, parts.narrow(request.model, ending))),
        parts.cell(request.model, parts.LEFT + parts.ONLY_WIDE),
        parts.cell(request.tokens_in, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(request.tokens_out, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(parts.mark(request.ending, request.tone), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(rx.el.span(request.price, title=request.exact), parts.RIGHT),
    )
