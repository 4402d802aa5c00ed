"""The requests behind a figure of the operator's page, in the place of its figures."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import parts
from account_app.components.address import has, here_to, here_with
from account_app.components.moments import moment
from account_app.operating import FOUND
from account_app.reading.following import BookedLine

FOLLOWED: Any = FOUND.followed


def followed() -> rx.Component:
    """Which figure, what its rows come to, and a page of them."""
    columns = (
        ("Time", parts.LEFT),
        ("Account", parts.LEFT),
        ("Model", parts.LEFT + parts.ONLY_WIDE),
        (FOLLOWED.amount, parts.RIGHT),
        (FOLLOWED.beside, parts.RIGHT + parts.ONLY_WIDE),
    )
    rows = rx.el.div(
        rx.el.p(FOLLOWED.sums, class_name=f"{theme.NOTE} px-5 pb-2"),
        parts.table("Requests behind the figure", columns, rx.foreach(FOLLOWED.lines, _line)),
        parts.pager(FOLLOWED.older.to(str), has("before")),
    )
    back = link("All figures", to=here_with(sum=None, before=None), class_name=theme.LINK)
    return parts.panel(
        rx.cond(
            FOLLOWED.lines.length() > 0,
            rows,
            parts.empty("Nothing was booked", "There is no request behind this figure."),
        ),
        title=rx.cond(FOLLOWED.of != "", FOLLOWED.of, "Requests"),
        aside=back,
    )


def _line(line: ObjectVar[BookedLine]) -> rx.Component:
    kind = rx.cond(line.kind != "", parts.mark(line.kind, "plain"))
    receipt = link(
        moment(line.at), to=here_with(account=line.account, id=line.receipt), class_name=f"{theme.ROW_LINK} mr-2"
    )
    name = rx.el.code(line.id, class_name="hidden sm:block text-xs text-muted")
    account = link(line.email, to=here_to("account", line.account), class_name=theme.ROW_LINK)
    return parts.row(
        parts.cell(rx.fragment(receipt, kind, name)),
        parts.cell(rx.fragment(account, parts.narrow(line.model)), class_name="[overflow-wrap:anywhere]"),
        parts.cell(line.model, parts.LEFT + parts.ONLY_WIDE),
        parts.cell(rx.el.span(line.amount, title=line.exact), parts.RIGHT),
        parts.cell(line.beside, parts.RIGHT + parts.ONLY_WIDE),
    )
