"""Usage: what was used and what it cost, by day, model or service. What is shown is in the address."""

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import reading, spans, theme
from account_app.components import chart, controls, parts
from account_app.components.address import asked
from account_app.layout import api, frame
from account_app.live import Live
from account_app.reading import UsageFigures, UsageLine
from account_app.session import Session

ROUTE = "/usage"
TITLE = "Usage"
BY_NAMES = {"day": "Day", "model": "Model", "service": "Service"}


class Usage(Live, Session):
    """The rows of the page, ready to show, and the range that its address asks for."""

    found: rx.Field[UsageFigures] = rx.field(default_factory=UsageFigures)
    _reading = staticmethod(reading.usage_of)


FOUND: ObjectVar[UsageFigures] = Usage.found  # pyright: ignore[reportAssignmentType]


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        controls.range_picker(spans.PRESETS, FOUND.first, FOUND.last, by=asked("by", spans.BYS)),
        parts.panel(chart.bars(FOUND.bars, FOUND.top, FOUND.in_words), title="Spend by day"),
        _rows(),
        aside=rx.cond(
            Usage.ready,
            link(
                "Download CSV",
                to=api("/api/usage.csv?") + FOUND.csv.to(str),
                reload_document=True,
                download=True,
                class_name=theme.SECONDARY,
            ),
        ),
    )


def _rows() -> rx.Component:
    tabs = controls.choice("Group by", "by", BY_NAMES)
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
            FOUND.lines.length() > 0,
            rx.el.div(
                parts.table(
                    "Usage in tokens, and its price",
                    columns,
                    rx.foreach(FOUND.lines, _line),
                    _total(FOUND.total.to(UsageLine)),
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
