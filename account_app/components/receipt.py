"""The arithmetic of one request's price: for the person who made it, and for operators."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from account_app import theme
from account_app.components import controls, parts
from account_app.components.address import asked_freely
from account_app.components.moments import moment, whole_moment
from account_app.reading.requests import Corrected, ReceiptLine


def receipt(of: Any) -> rx.Component:
    """The receipt `of` (ReceiptFigures) that the address asks for by `id`; until it has come, its outline."""
    missing = parts.empty("There is no such request", "It may belong to another account.")
    return rx.cond(of.missing, missing, rx.cond(of.id == asked_freely("id"), _read(of), _on_its_way()))


def _on_its_way() -> rx.Component:
    return rx.el.div(
        parts.skeleton("h-8 w-32"), parts.skeleton("h-40 w-full"), class_name="flex flex-col gap-4", aria_busy="true"
    )


def _read(of: Any) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.el.p(of.rounded, class_name=theme.FIGURE),
            parts.mark(of.ending, of.tone),
            class_name="flex items-center justify-between gap-3",
        ),
        rx.foreach(of.why, _sentence),
        _facts(of),
        _arithmetic(of),
        rx.cond(of.corrections.length() > 0, _corrections(of)),
        class_name="flex flex-col gap-4",
    )


def _sentence(words: rx.Var[str]) -> rx.Component:
    return rx.el.p(words, class_name=theme.QUIET)


def _facts(of: Any) -> rx.Component:
    name = rx.el.code(of.id, class_name="text-xs [overflow-wrap:anywhere]")
    return rx.el.dl(
        *_fact("Request", name, controls.copy_button(of.id, "request id")),
        *_fact("Time", whole_moment(of.at)),
        *_fact("Model", rx.el.span(of.model), rx.cond(of.tier != "", rx.el.span(" · ", of.tier))),
        *_fact("Price list", rx.el.code(of.price_version, class_name="text-xs")),
        rx.cond(
            of.held != "",
            rx.fragment(
                *_fact("Held", rx.el.span(of.held, class_name="figures")),
                *_fact("Returned", rx.el.span(of.returned, class_name="figures")),
            ),
        ),
        class_name="grid grid-cols-[6rem_1fr] gap-x-4 gap-y-0.5 text-sm border-t border-line pt-4",
    )


def _fact(name: str, *content: rx.Component) -> tuple[rx.Component, rx.Component]:
    return (
        rx.el.dt(name, class_name="text-muted leading-6"),
        rx.el.dd(*content, class_name="flex flex-wrap items-center gap-1 min-w-0 min-h-6"),
    )


def _arithmetic(of: Any) -> rx.Component:
    columns = (("Kind", parts.LEFT), ("Amount", parts.RIGHT))
    return parts.adding_up("Arithmetic of the price", columns, rx.foreach(of.lines, _receipt_line), "Price", of.price)


def _receipt_line(line: ObjectVar[ReceiptLine]) -> rx.Component:
    """How many and at how much stand below: hours of storage count in billions."""
    made_of = rx.el.span(
        line.tokens, " × ", line.unit_price, class_name=f"{theme.NOTE} figures block whitespace-normal"
    )
    return parts.row(parts.cell(rx.fragment(line.kind, made_of)), parts.cell(line.amount, parts.RIGHT))


def _corrections(of: Any) -> rx.Component:
    wide = parts.RIGHT + parts.ONLY_WIDE
    columns = (("Corrected", parts.LEFT), ("Reason", parts.LEFT), ("Tokens", wide), ("Amount", parts.RIGHT))
    return parts.adding_up("Corrections", columns, rx.foreach(of.corrections, _correction), "Total", of.total)


def _correction(correction: ObjectVar[Corrected]) -> rx.Component:
    return parts.row(
        parts.cell(moment(correction.at, ""), class_name="sm:whitespace-normal!"),
        parts.cell(correction.reason, wraps=True),
        parts.cell(correction.tokens, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(correction.amount, parts.RIGHT),
    )
