"""Requests: the log that every figure is the sum of, and for each request the arithmetic of its price."""

from typing import Any, ClassVar

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import spans, theme
from account_app.components import controls, parts, shapes
from account_app.components.address import asked_freely, go_by_form, has, here_to, here_with
from account_app.components.moments import clock_time, moment
from account_app.components.receipt import receipt
from account_app.layout import frame
from account_app.live import Live
from account_app.reading.lines import ENDINGS, RequestLine
from account_app.reading.requests import Choice, RequestsFigures, requests_of
from account_app.session import Session

ROUTE = "/requests"
TITLE = "Requests"
FILTERS = ("model", "key", "ended")


class Requests(Live, Session):
    """A page of the log, and the receipt that the address asks for."""

    found: rx.Field[RequestsFigures] = rx.field(default_factory=RequestsFigures)
    _here: ClassVar = ROUTE
    _reading = staticmethod(requests_of)


FOUND: Any = Requests.found


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        controls.range_picker(
            spans.PRESETS, spans.DEFAULT_PRESET, FOUND.first, FOUND.last, FILTERS, before=None, hour=None
        ),
        _log(),
        controls.drawer("id", "Receipt", receipt(FOUND.receipt)),
        waiting=shapes.waiting(shapes.picker(), shapes.table(12, tall=True)),
    )


def _log() -> rx.Component:
    columns = (
        ("Time", parts.LEFT),
        ("Model", parts.LEFT + parts.ONLY_WIDE),
        ("Input", parts.RIGHT + parts.ONLY_WIDE),
        ("Output", parts.RIGHT + parts.ONLY_WIDE),
        ("Cache read", parts.RIGHT + parts.ONLY_WIDE),
        ("Cache write", parts.RIGHT + parts.ONLY_WIDEST),
        ("Latency", parts.RIGHT + parts.ONLY_WIDEST),
        ("Price", parts.RIGHT),
    )
    return parts.panel(
        rx.cond(
            FOUND.lines.length() > 0,
            rx.el.div(
                parts.table("Requests, newest first", columns, rx.foreach(FOUND.lines, _line)),
                parts.pager(FOUND.older.to(str), has("before")),
                class_name="mt-2",
            ),
            parts.empty(
                "No requests like these",
                rx.fragment(
                    "Choose a longer range or fewer filters, or ",
                    link("ask the assistant something", to="/assistant", class_name=theme.LINK),
                    ".",
                ),
            ),
        ),
        title=rx.fragment(rx.cond(FOUND.sums != "", FOUND.sums, "Requests"), _stored(), _one_hour()),
        aside=_filters(),
    )


def _stored() -> rx.Component:
    """What the usage page's figure has beside requests, and the way to it."""
    way = link(FOUND.stored, " of storage", to=here_with(model="storage", before=None), class_name=theme.LINK)
    return rx.cond(FOUND.stored != "", rx.el.span(" and ", way, class_name="font-normal"))


def _one_hour() -> rx.Component:
    """That a row of the usage page was followed here, and the way to the whole days."""
    days = link("Show the whole day", to=here_with(hour=None, before=None), class_name=theme.LINK)
    return rx.cond(
        FOUND.hour != "", rx.el.span(" in the hour from ", clock_time(FOUND.hour), ". ", days, class_name="font-normal")
    )


def _filters() -> rx.Component:
    """Each sets itself in the address as soon as it is chosen."""
    endings = [rx.el.option(words, value=value) for value, words in ENDINGS.items()]
    return controls.GoForm.create(
        *[
            rx.el.input(type="hidden", name=name, value=asked_freely(name), disabled=asked_freely(name) == "")
            for name in ("range", "from", "to", "hour")
        ],
        _select("Model", "model", rx.foreach(FOUND.model_choices, _option)),
        rx.cond(FOUND.key_choices.length() > 0, _select("Key", "key", rx.foreach(FOUND.key_choices, _option))),
        _select("Ended", "ended", *endings),
        method="get",
        class_name="flex flex-wrap items-center gap-2 max-sm:w-full",
    )


def _select(label: str, name: str, *options: rx.Component) -> rx.Component:
    return rx.el.select(
        rx.el.option(f"{label}: all", value=""),
        *options,
        name=name,
        aria_label=label,
        value=asked_freely(name),
        class_name=f"{theme.SMALL_FIELD} min-w-0 max-sm:grow max-sm:basis-32 sm:max-w-48",
        custom_attrs={"onChange": go_by_form()},
    )


def _option(choice: ObjectVar[Choice]) -> rx.Component:
    return rx.el.option(choice.name, value=choice.value)


def _line(line: ObjectVar[RequestLine]) -> rx.Component:
    wide, widest = parts.RIGHT + parts.ONLY_WIDE, parts.RIGHT + parts.ONLY_WIDEST
    its_receipt = link(moment(line.at), to=here_to("id", line.id), class_name=theme.ROW_LINK)
    ending = rx.cond(line.tone != "plain", parts.mark(line.ending, line.tone))
    name = rx.el.span(
        rx.el.code(line.id, class_name="inline-block max-w-28 truncate text-xs text-muted", title=line.id),
        controls.copy_button(line.id, "request id"),
        class_name="hidden sm:flex items-center gap-1",
    )
    first = rx.cond(line.first_token != "", rx.el.span("first ", line.first_token, class_name=f"{theme.NOTE} block"))
    return parts.row(
        parts.cell(rx.fragment(its_receipt, name, parts.narrow(line.model, ending))),
        parts.cell(rx.fragment(rx.el.span(line.model, class_name="block"), ending), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(line.tokens_in, wide),
        parts.cell(line.tokens_out, wide),
        parts.cell(line.cache_read, wide),
        parts.cell(line.cache_write, widest),
        parts.cell(rx.fragment(line.latency, first), widest),
        parts.cell(rx.el.span(line.price, title=line.exact), parts.RIGHT),
    )
