"""What everybody's usage earned, on the operator's page: three sums, a chart by day, and a table by model."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import chart, parts
from account_app.components.address import here_with
from account_app.operating import EARNED
from account_app.reading.margins import MarginLine

BEFORE = "the 30 days before"


def earned() -> tuple[rx.Component, ...]:
    return _sums(), _by_day(), _by_model()


def _sums() -> rx.Component:
    behind = here_with(sum="all", before=None)
    margin = rx.cond(EARNED.margin_share != "", rx.fragment(EARNED.margin_share, " of revenue"), "")
    return rx.el.dl(
        parts.beside("Revenue, 30 days", EARNED.revenue, BEFORE, "Nothing before", to=behind),
        parts.beside("Upstream cost", EARNED.cost, BEFORE, to=behind),
        parts.stat("Margin", EARNED.margin.value, margin, to=behind),
        class_name=theme.FIGURES,
    )


def _by_day() -> rx.Component:
    picture = rx.fragment(
        chart.bars(EARNED.bars, EARNED.axis, "Revenue per day", EARNED.in_words),
        chart.legend(EARNED.series),
        chart.table_behind(_margins("By day", EARNED.days)),
    )
    return parts.panel(
        rx.cond(EARNED.days.length() > 0, picture, _nothing()), title="Revenue per day: its cost and its margin"
    )


def _by_model() -> rx.Component:
    return parts.panel(
        rx.cond(
            EARNED.models.length() > 0,
            rx.el.div(_margins("By model", EARNED.models), class_name="mt-3"),
            _nothing(),
        ),
        title="By model, last 30 days",
    )


def _nothing() -> rx.Component:
    return parts.empty("Nothing was used yet", "Figures come with the first requests.")


def _margins(caption: str, rows: Any) -> rx.Component:
    wide = parts.RIGHT + parts.ONLY_WIDE
    columns = (
        (caption.removeprefix("By ").capitalize(), parts.LEFT),
        ("Requests", wide),
        ("Revenue", parts.RIGHT),
        ("Cost", wide),
        ("Margin", parts.RIGHT),
    )
    return parts.table(caption, columns, rx.foreach(rows, _margin))


def _margin(line: ObjectVar[MarginLine]) -> rx.Component:
    behind = here_with(sum=line.followed, before=None)
    return parts.row(
        parts.cell(link(line.name, to=behind, class_name=theme.ROW_LINK)),
        parts.cell(line.requests, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(line.revenue, parts.RIGHT),
        parts.cell(line.cost, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(line.margin, parts.RIGHT),
    )
