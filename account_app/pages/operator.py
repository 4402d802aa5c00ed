"""Operator: what is earned, who everybody is, what waits, and what operators did."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import controls, parts, shapes
from account_app.components.address import has, here_to, here_with
from account_app.components.moments import date_of, moment
from account_app.layout import frame
from account_app.operating import FOUND, ROUTE, Operator
from account_app.pages.operator_drawer import account_drawer
from account_app.pages.operator_followed import followed
from account_app.pages.operator_money import earned
from account_app.reading.operator import ActLine, DifferenceLine, EventLine, InspectionLine, Person

TITLE = "Operator"


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        rx.cond(has("sum"), followed(), rx.fragment(*earned())),
        _people(),
        _differences(),
        _stripe(),
        _health(),
        _acts(),
        account_drawer(),
        waiting=shapes.waiting(shapes.figures(3), shapes.chart(), shapes.table(3), shapes.table(6)),
    )


def _people() -> rx.Component:
    search = controls.GoForm.create(
        rx.el.input(
            name="q",
            type="search",
            aria_label="Find accounts",
            placeholder="Email, account or request id",
            max_length=254,
            class_name=f"{theme.SMALL_FIELD} w-64 min-w-0 shrink",
        ),
        rx.el.button("Find", type="submit", class_name=theme.SECONDARY),
        method="get",
        class_name="flex min-w-0 max-w-full gap-2",
    )
    columns = (
        ("Account", parts.LEFT),
        ("Since", parts.LEFT + parts.ONLY_WIDE),
        ("Credit", parts.RIGHT),
        ("Overage", parts.RIGHT + parts.ONLY_WIDE),
    )
    return parts.panel(
        rx.cond(
            FOUND.people.length() > 0,
            rx.el.div(parts.table("Accounts", columns, rx.foreach(FOUND.people, _person)), class_name="mt-3"),
            parts.empty("Nobody is found", "Look for a part of an address, or for a whole id."),
        ),
        title="Accounts",
        aside=search,
    )


def _person(each: ObjectVar[Person]) -> rx.Component:
    its_request = here_with(account=each.id, id=FOUND.request)
    there = rx.cond(FOUND.request != "", its_request, here_to("account", each.id)).to(str)
    name = link(each.email, to=there, class_name=theme.ROW_LINK)
    state = rx.cond(each.state != "", parts.mark(each.state, each.tone))
    return parts.row(
        parts.cell(rx.el.div(name, state, class_name="flex flex-wrap items-center gap-2"), wraps=True),
        parts.cell(date_of(each.since), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(link(each.credit, to=here_to("account", each.id), class_name=parts.LEADING), parts.RIGHT),
        parts.cell(_overage(each), parts.RIGHT + parts.ONLY_WIDE),
    )


def _overage(each: ObjectVar[Person]) -> rx.Component:
    beyond = link(each.overage, to=here_with(sum=each.beyond, account=None, before=None), class_name=parts.LEADING)
    return rx.cond(each.beyond != "", beyond, each.overage)


def _differences() -> rx.Component:
    look = rx.el.button(
        rx.cond(FOUND.inspecting, "Looking", "Look now"),
        type="button",
        disabled=FOUND.inspecting,
        on_click=Operator.inspect,
        class_name=theme.SECONDARY,
    )
    advice = "Looking recomputes every account from its usage, then compares it with Stripe. It goes on by itself."
    return parts.panel(
        rx.cond(
            Operator.wrong_at == "inspect",
            rx.el.p(Operator.wrong, role="alert", class_name="px-5 pt-2 text-sm text-bad"),
        ),
        rx.cond(
            FOUND.inspections.length() > 0,
            rx.el.div(
                rx.foreach(FOUND.inspections, _inspection),
                class_name="mt-3 divide-y divide-line border-t border-line",
            ),
            parts.empty("Not looked for yet", advice),
        ),
        title="Differences",
        aside=look,
    )


def _inspection(each: ObjectVar[InspectionLine]) -> rx.Component:
    columns = (("What", parts.LEFT), ("Where", parts.LEFT), ("Ours", parts.RIGHT), ("The other", parts.RIGHT))
    looked = rx.cond(each.looked != "", rx.el.span("Last looked ", moment(each.looked), class_name=theme.NOTE))
    head = rx.el.div(
        rx.el.h3(each.name, class_name=theme.LABEL),
        rx.el.span(parts.mark(each.state, each.tone), role="status"),
        rx.el.span(looked, class_name="sm:ml-auto"),
        class_name="flex flex-wrap items-center gap-x-3 gap-y-1 px-5",
    )
    return rx.el.div(
        head,
        rx.cond(each.note != "", rx.el.p(each.note, class_name=f"{theme.NOTE} px-5 [overflow-wrap:anywhere]")),
        rx.cond(
            each.differences.length() > 0, parts.table(each.name, columns, rx.foreach(each.differences, _difference))
        ),
        rx.cond(each.more != "", rx.el.p(each.more, class_name=f"{theme.NOTE} px-5")),
        class_name="flex flex-col gap-2 py-3",
    )


def _difference(each: ObjectVar[DifferenceLine]) -> rx.Component:
    return parts.row(
        parts.cell(each.what),
        parts.cell(each.where, wraps=True),
        parts.cell(each.ours, parts.RIGHT),
        parts.cell(each.other, parts.RIGHT),
    )


def _stripe() -> rx.Component:
    columns = (("Event", parts.LEFT), ("State", parts.LEFT), ("Came", parts.LEFT + parts.ONLY_WIDE), parts.acts())
    waiting = rx.cond(
        FOUND.waiting_since != "",
        rx.el.span("A window waits for Stripe since ", moment(FOUND.waiting_since)),
        rx.el.span("Every window has reached Stripe"),
    )
    return parts.panel(
        rx.cond(
            FOUND.events.length() > 0,
            rx.el.div(parts.table("Events of Stripe", columns, rx.foreach(FOUND.events, _event)), class_name="mt-3"),
            parts.empty("No event is open", "None waits, failed or was set aside."),
        ),
        title="Stripe's open events",
        aside=rx.el.span(waiting, class_name=theme.NOTE),
    )


def _event(each: ObjectVar[EventLine]) -> rx.Component:
    again = rx.el.button(
        "Replay",
        rx.el.span(" ", each.id, class_name="sr-only"),
        type="button",
        on_click=Operator.replay(each.id),
        class_name=theme.ROW_ACTION,
    )
    return parts.row(
        parts.cell(
            rx.el.div(each.type, rx.el.div(each.error, class_name=theme.NOTE)),
            wraps=True,
        ),
        parts.cell(parts.mark(each.state, each.tone)),
        parts.cell(moment(each.at), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(again, parts.RIGHT),
    )


def _health() -> rx.Component:
    ask = rx.el.button(
        "Ask now", type="button", on_click=Operator.look, class_name=theme.SECONDARY, custom_attrs=controls.ONCE
    )
    columns = (("Service", parts.LEFT), ("State", parts.LEFT), ("Answer", parts.LEFT), ("Took", parts.RIGHT))
    return parts.panel(
        rx.cond(
            Operator.health.length() > 0,
            rx.el.div(parts.table("Health", columns, rx.foreach(Operator.health, _answer)), class_name="mt-3"),
            parts.empty("Not asked yet", "Ask the database, Redis, Claude, Stripe and mail whether they answer."),
        ),
        title="Health",
        aside=ask,
    )


def _answer(row: Any) -> rx.Component:
    return parts.row(
        parts.cell(row[0]),
        parts.cell(parts.mark(row[1], rx.cond(row[1] == "Well", "good", "bad").to(str))),
        parts.cell(row[2], class_name="text-muted"),
        parts.cell(row[3], parts.RIGHT),
    )


def _acts() -> rx.Component:
    columns = (
        ("When", parts.LEFT),
        ("Who", parts.LEFT + parts.ONLY_WIDE),
        ("What", parts.LEFT),
        ("Reason", parts.LEFT),
    )
    return parts.panel(
        rx.cond(
            FOUND.acts.length() > 0,
            rx.el.div(parts.table("What operators did", columns, rx.foreach(FOUND.acts, _act)), class_name="mt-3"),
            parts.empty("Nothing was done yet", "Each act is written here with its reason, and stays."),
        ),
        title="What operators did",
    )


def _act(each: ObjectVar[ActLine]) -> rx.Component:
    return parts.row(
        parts.cell(moment(each.at)),
        parts.cell(each.operator, parts.LEFT + parts.ONLY_WIDE),
        parts.cell(each.act),
        parts.cell(each.reason, wraps=True),
    )
