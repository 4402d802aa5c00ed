"""Usage: what was used and what it cost, by day, model or service. What is shown is in the address."""

from typing import Any
from urllib.parse import urlencode

import reflex as rx
from reflex.vars import ObjectVar, StringVar
from reflex_components_core.react_router import link

from account_app import reading, session, spans, theme
from account_app.components import chart, parts
from account_app.components.address import asked, has, here_with
from account_app.components.chart import Bar
from account_app.layout import GoForm, api, frame
from account_app.reading import UsageLine, zone_named
from account_app.session import Session
from relay import clock

ROUTE = "/usage"
TITLE = "Usage"
BY_NAMES = {"day": "Day", "model": "Model", "service": "Service"}


NOTHING = UsageLine("Total", "0", "0", "0", "0", "0", "$0.00", "$0")


class Usage(Session):
    """The rows of the page, ready to show, and the range that its address asks for."""

    first: rx.Field[str] = rx.field("")
    last: rx.Field[str] = rx.field("")
    csv: rx.Field[str] = rx.field("")
    bars: rx.Field[list[Bar]] = rx.field(default_factory=list)
    top: rx.Field[str] = rx.field("")
    in_words: rx.Field[str] = rx.field("")
    lines: rx.Field[list[UsageLine]] = rx.field(default_factory=list)
    total: rx.Field[UsageLine] = rx.field(default_factory=lambda: NOTHING)
    as_of: rx.Field[str] = rx.field("")

    @rx.event
    async def load(self) -> Any:
        """On every visit, and whenever the range in the address changes."""
        identity = await self._who()
        if identity is None:
            return self._to_sign_in()
        self.email = identity.email
        return Usage.follow

    @rx.event(background=True)
    async def follow(self) -> Any:
        """Keeps the rows true for as long as the page is open. Asks who it is each time."""
        if (identity := await self._who()) is None:
            return
        query = dict(self.router.url.query_parameters)
        async for _ in session.changes(self._handle(), identity.account_id):
            if (identity := await self._who()) is None:
                async with self:
                    leaving = self._to_sign_in()
                yield leaving
                return
            span = spans.span_from(query, clock.now(), zone_named(self._zone()))
            by = spans.by_from(query)
            found = await session.read(reading.usage_of, identity.account_id, self._zone(), span, by)
            async with self:
                self._show(found, span, by)

    def _show(self, found: "reading.Usage | None", span: spans.Span, by: spans.By) -> None:
        if found is None:
            self.problem = session.OUT_OF_REACH
            return
        self.first, self.last = span.first.isoformat(), span.last.isoformat()
        self.csv = _csv_query(span, by, self._zone())
        self.bars, self.top, self.in_words = list(found.bars), found.top, found.in_words
        self.lines, self.total, self.as_of = list(found.lines), found.total, found.as_of
        self.problem, self.ready = "", True


def _csv_query(span: spans.Span, by: str, zone: str) -> str:
    """The same days for the API, which reads a date as the whole of that day in the zone."""
    return urlencode({"from": span.first, "to": span.last, "by": by, "zone": zone})


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        parts.problem(Usage.problem, Usage.as_of),
        _range(),
        parts.panel(chart.bars(Usage.bars, Usage.top, Usage.in_words), title="Spend by day"),
        _rows(),
        aside=rx.cond(
            Usage.ready,
            rx.el.a(
                "Download CSV",
                href=api("/api/usage.csv?") + Usage.csv,
                download=True,
                class_name=theme.SECONDARY,
            ),
        ),
    )


def _range() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            *[
                _choice(name, here_with(range=key, **{"from": None, "to": None}), _preset() == key)
                for key, name in spans.PRESETS.items()
            ],
            role="group",
            aria_label="Range",
            class_name="flex flex-wrap gap-1 -ml-3 sm:ml-0",
        ),
        GoForm.create(
            rx.el.input(type="hidden", name="by", value=_by(), read_only=True),
            _date("From", "from", Usage.first),
            _date("To", "to", Usage.last),
            rx.el.button("Show", type="submit", class_name=theme.SECONDARY),
            action=ROUTE,
            method="get",
            class_name="flex flex-wrap items-center gap-2",
        ),
        class_name="flex flex-wrap items-center justify-between gap-3",
    )


def _preset() -> StringVar[str]:
    """The preset that the address asks for; `custom` when it has two dates."""
    return rx.cond(has("from", "to"), "custom", asked("range", ("30d", *spans.PRESETS))).to(str)


def _by() -> StringVar[str]:
    return asked("by", spans.BYS)


def _choice(name: str, address: StringVar[str], chosen: rx.Var[bool]) -> rx.Component:
    return link(
        name,
        to=address,
        class_name=rx.cond(chosen, theme.NAV_HERE, theme.NAV_THERE),
        custom_attrs={"aria-current": rx.cond(chosen, "true", "false")},
    )


def _date(label: str, name: str, value: rx.Var[str]) -> rx.Component:
    return rx.el.label(
        rx.el.span(label, class_name="text-sm text-muted mr-2"),
        rx.el.input(
            type="date",
            name=name,
            default_value=value,
            key=value,
            required=True,
            class_name="h-8 rounded-lg border border-line-strong bg-surface px-2 text-sm text-ink figures",
        ),
    )


def _rows() -> rx.Component:
    tabs = rx.el.div(
        *[_choice(name, here_with(by=by), _by() == by) for by, name in BY_NAMES.items()],
        role="group",
        aria_label="Group by",
        class_name="flex gap-1 -mr-2",
    )
    columns = (
        (" ", parts.LEFT),
        ("Requests", parts.RIGHT + parts.ONLY_WIDE),
        ("Input", parts.RIGHT),
        ("Output", parts.RIGHT),
        ("Cache read", parts.RIGHT + parts.ONLY_WIDE),
        ("Cache write", parts.RIGHT + parts.ONLY_WIDE),
        ("Price", parts.RIGHT),
    )
    return parts.panel(
        rx.cond(
            Usage.lines.length() > 0,
            rx.el.div(
                parts.table(
                    "Usage in tokens, and its price",
                    columns,
                    rx.foreach(Usage.lines, _line),
                    _total(Usage.total),
                ),
                class_name="mt-2",
            ),
            parts.empty("Nothing was used in this range", "Choose a longer range, or ask the assistant something."),
        ),
        title="Tokens and price",
        aside=tabs,
    )


def _line(line: ObjectVar[UsageLine]) -> rx.Component:
    return parts.row(*_cells(line))


def _total(line: ObjectVar[UsageLine]) -> rx.Component:
    return parts.row(*_cells(line), class_name="border-t border-line-strong font-semibold")


def _cells(line: ObjectVar[UsageLine]) -> list[rx.Component]:
    wide = parts.RIGHT + parts.ONLY_WIDE
    return [
        parts.cell(rx.cond(line.name != "", line.name, "Storage"), class_name="whitespace-nowrap"),
        parts.cell(line.requests, wide),
        parts.cell(line.input_tokens, parts.RIGHT),
        parts.cell(line.output_tokens, parts.RIGHT),
        parts.cell(line.cache_read_tokens, wide),
        parts.cell(line.cache_write_tokens, wide),
        parts.cell(rx.el.span(line.price, title=line.exact), parts.RIGHT),
    ]
