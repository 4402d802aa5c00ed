"""Overview: what can be spent, what was spent, day by day, and on what last."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import reading, session, theme
from account_app.components import chart, parts
from account_app.components.chart import Bar
from account_app.components.moments import clock_time, moment
from account_app.layout import frame
from account_app.reading import Request
from account_app.session import Session

ROUTE = "/"
TITLE = "Overview"


class Overview(Session):
    """The figures of the page, ready to show."""

    available: rx.Field[str] = rx.field("")
    made_of: rx.Field[str] = rx.field("")
    month: rx.Field[str] = rx.field("")
    month_note: rx.Field[str] = rx.field("")
    today: rx.Field[str] = rx.field("")
    held: rx.Field[str] = rx.field("")
    bars: rx.Field[list[Bar]] = rx.field(default_factory=list)
    top: rx.Field[str] = rx.field("")
    in_words: rx.Field[str] = rx.field("")
    latest: rx.Field[list[Request]] = rx.field(default_factory=list)
    as_of: rx.Field[str] = rx.field("")

    @rx.event
    async def load(self) -> Any:
        """On every visit: who is it, and may they be here?"""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        self.email = identity.email
        return Overview.follow

    @rx.event(background=True)
    async def follow(self) -> Any:
        """Keeps the figures true for as long as the page is open. Asks who it is each time."""
        if (identity := await self._who()) is None:
            return
        async for _ in session.changes(self._handle(), identity.account_id):
            if (identity := await self._who()) is None:
                async with self:
                    leaving = self._to_sign_in()
                yield leaving
                return
            found = await session.read(reading.overview, identity.account_id, self._zone())
            async with self:
                self._show(found)

    def _show(self, found: "reading.Overview | None") -> None:
        if found is None:
            self.problem = session.OUT_OF_REACH
            return
        self.available, self.made_of, self.held = found.available, found.made_of, found.held
        self.month, self.month_note, self.today = found.month, found.month_note, found.today
        self.bars, self.top, self.in_words = list(found.bars), found.top, found.in_words
        self.latest, self.as_of = list(found.latest), found.as_of
        self.problem, self.ready = "", True


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        parts.problem(Overview.problem, Overview.as_of),
        _credit(),
        _days(),
        _latest(),
    )


def _credit() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2("Available credit", class_name=theme.QUIET),
            rx.el.p(
                Overview.available,
                class_name=f"{theme.HERO_FIGURE} mt-1",
                custom_attrs={"data-figure": "available"},
            ),
            rx.el.p(Overview.made_of, class_name=f"{theme.QUIET} mt-3"),
            rx.el.p("As of ", clock_time(Overview.as_of), class_name="text-xs text-muted mt-1"),
            class_name="min-w-0",
        ),
        rx.el.dl(
            parts.stat("This month", Overview.month, Overview.month_note),
            parts.stat("Today", Overview.today, ""),
            parts.stat("Held", Overview.held, "for answers on their way"),
            class_name="grid grid-cols-3 gap-6 sm:gap-10 self-end",
        ),
        class_name="flex flex-wrap justify-between gap-x-10 gap-y-8 pb-2",
        aria_label="Credit",
    )


def _days() -> rx.Component:
    table = parts.table(
        "Spend by day",
        (("Day", parts.LEFT), ("Requests", parts.RIGHT), ("Price", parts.RIGHT)),
        rx.foreach(Overview.bars, _day),
    )
    return parts.panel(
        chart.bars(Overview.bars, Overview.top, Overview.in_words),
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
            Overview.latest.length() > 0,
            rx.el.div(
                parts.table("Latest requests", columns, rx.foreach(Overview.latest, _request)),
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
