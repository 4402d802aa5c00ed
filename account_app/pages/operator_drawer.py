"""One account, in the drawer of the operator's page: what it has, and what can be done to it."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.acting import refusal
from account_app.components import controls, parts
from account_app.components.address import asked_freely, has, here_to, here_with
from account_app.components.moments import moment
from account_app.components.receipt import receipt
from account_app.operating import CHOSEN, FOUND, Operator
from account_app.reading.operator import ActLine, Call, Part


def account_drawer() -> rx.Component:
    """The account that the address names or, with `id`, one of its requests."""
    nobody = parts.empty("No such account", "The address may be mistyped.")
    title = rx.cond(has("id"), "Receipt", "Account")
    found = rx.cond(has("id"), _request(), _chosen())
    return controls.drawer("account", title, rx.cond(CHOSEN.id != "", found, nobody), id=None)


def _request() -> rx.Component:
    """What the person sees of it too; nobody keeps what was asked and answered."""
    correction = _form(
        "correct",
        "Correct this request",
        Operator.correct,
        rx.el.input(type="hidden", name="request", value=FOUND.receipt.id, read_only=True),
        _amount("Shall cost in all, in USD", "correct-usd"),
    )
    return rx.el.div(
        link(CHOSEN.email, to=here_with(id=None), class_name=f"{theme.LINK} [overflow-wrap:anywhere]"),
        receipt(FOUND.receipt),
        rx.cond(FOUND.receipt.id == asked_freely("id"), rx.cond(~FOUND.receipt.missing, correction)),
        class_name="flex flex-col gap-4",
    )


def _chosen() -> rx.Component:
    behind = here_with(sum=CHOSEN.followed, account=None, before=None)
    return rx.el.div(
        rx.el.p(CHOSEN.email, class_name=f"{theme.LABEL} [overflow-wrap:anywhere]"),
        rx.el.p("Available ", FOUND.available, class_name=theme.QUIET),
        rx.cond(FOUND.parts.length() > 0, _made_of()),
        rx.cond(
            CHOSEN.beyond != "",
            rx.el.p(
                "Overage of this period ",
                link(CHOSEN.overage, to=here_with(sum=CHOSEN.beyond, account=None, before=None), class_name=theme.LINK),
                class_name=theme.QUIET,
            ),
        ),
        rx.el.p("Keeps ", FOUND.kept, class_name=theme.QUIET),
        _form("give", "Give credit", Operator.give, _account(), _amount("Amount in USD", "give-usd")),
        rx.cond(
            CHOSEN.blocked,
            _form("block", "Unblock", Operator.unblock, _account()),
            _form("block", "Block", Operator.block, _account()),
        ),
        _lines("Latest requests", FOUND.calls, _call),
        link("All of the last 30 days", to=behind, class_name=theme.LINK),
        _lines("What operators did", FOUND.done_to, _done_to),
        class_name="flex flex-col gap-4",
    )


def _made_of() -> rx.Component:
    columns = (("Credit", parts.LEFT), ("Amount", parts.RIGHT))
    return parts.adding_up("What is available", columns, rx.foreach(FOUND.parts, _part), "In all", FOUND.parts_sum)


def _part(part: ObjectVar[Part]) -> rx.Component:
    name = rx.fragment(part.name, rx.cond(part.note != "", rx.el.span(" · ", part.note, class_name="text-muted")))
    return parts.row(parts.cell(name, wraps=True), parts.cell(part.amount, parts.RIGHT))


def _account() -> rx.Component:
    return rx.el.input(type="hidden", name="account", value=CHOSEN.id, read_only=True)


def _amount(label: str, name: str) -> rx.Component:
    return rx.el.label(
        rx.el.span(label, class_name=theme.LABEL),
        rx.el.input(
            id=name,
            name="usd",
            required=True,
            input_mode="decimal",
            auto_complete="off",
            class_name=f"{theme.FIELD} mt-1.5",
        ),
    )


def _form(act: str, title: str, handler: Any, *inputs: rx.Component) -> rx.Component:
    reason = rx.el.label(
        rx.el.span("Reason", class_name=theme.LABEL),
        rx.el.input(name="reason", required=True, max_length=500, class_name=f"{theme.FIELD} mt-1.5"),
    )
    why = refusal(Operator, act)
    wrong = rx.cond(why != "", rx.el.p(why, role="alert", class_name="text-sm text-bad"), rx.fragment())
    return rx.el.details(
        rx.el.summary(title, class_name=f"{theme.LABEL} cursor-pointer py-1"),
        rx.el.form(
            rx.el.input(type="hidden", name="once", value=Operator.once, read_only=True),
            *inputs,
            reason,
            wrong,
            rx.el.button(title, type="submit", class_name=f"{theme.SECONDARY} self-start"),
            on_submit=handler,
            key=Operator.acts.to(str),
            class_name="flex flex-col gap-3 pt-2",
        ),
        # Another act in the same place begins closed.
        key=title,
        class_name="border-t border-line pt-2",
    )


def _lines(title: str, rows: Any, drawn: Any) -> rx.Component:
    """A list under its heading; neither when there is nothing in it."""
    return rx.cond(
        rows.length() > 0,
        rx.el.div(
            rx.el.h3(title, class_name=theme.HEADING),
            rx.el.ul(rx.foreach(rows, drawn), class_name="flex flex-col gap-2 text-sm"),
            class_name="flex flex-col gap-4",
        ),
    )


def _call(each: ObjectVar[Call]) -> rx.Component:
    return rx.el.li(
        rx.el.span(link(moment(each.at), to=here_to("id", each.id), class_name=theme.ROW_LINK), " · ", each.model),
        rx.el.span(each.price, title=each.exact, class_name="figures"),
        rx.el.code(each.id, class_name=f"{theme.NOTE} w-full [overflow-wrap:anywhere]"),
        class_name="flex flex-wrap justify-between gap-x-3",
    )


def _done_to(each: ObjectVar[ActLine]) -> rx.Component:
    return rx.el.li(moment(each.at), " · ", each.act, ": ", each.reason, class_name="[overflow-wrap:anywhere]")
