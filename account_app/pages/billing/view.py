"""The page as it is drawn: the plan and what it will cost first, then money in, its limits, and what was paid."""

import reflex as rx
from reflex.vars import ObjectVar

from account_app import theme
from account_app.components import controls, parts, shapes
from account_app.components.moments import clock_time, date_of
from account_app.layout import frame, is_filled
from account_app.pages.billing.limits import alerts_by_mail, spend_cap
from account_app.pages.billing.money import credit, outside
from account_app.pages.billing.state import FOUND, ROUTE, UPCOMING, Billing
from account_app.reading.billing import InvoiceLine, UpcomingLine

TITLE = "Billing"
_BODY = "px-5 pt-2 pb-5"


def page() -> rx.Component:
    return frame(
        ROUTE,
        TITLE,
        _visit(),
        rx.cond(FOUND.owed != "", parts.notice(FOUND.owed, tone="bad")),
        rx.el.div(_plan(), _upcoming(), class_name=theme.PAIR),
        credit(),
        rx.el.div(spend_cap(), alerts_by_mail(), class_name=theme.PAIR),
        _invoices(),
        waiting=shapes.waiting(
            shapes.pair(shapes.form(0), shapes.form(0)), shapes.table(4), shapes.pair(shapes.form(), shapes.form())
        ),
        aside=rx.cond(
            is_filled(ROUTE),
            rx.el.button(
                "Manage card and invoices",
                type="button",
                on_click=Billing.open_portal,
                class_name=theme.SECONDARY,
                custom_attrs=controls.ONCE,
            ),
        ),
    )


def _visit() -> rx.Component:
    said = rx.fragment(
        rx.el.p(FOUND.visit.title, class_name="font-semibold"), rx.el.p(FOUND.visit.words, class_name="mt-0.5")
    )
    return rx.fragment(
        *[rx.cond(FOUND.visit.tone == tone, parts.notice(said, tone=tone)) for tone in ("good", "warn", "bad")]
    )


def _plan() -> rx.Component:
    plan = FOUND.plan
    return parts.panel(
        rx.el.div(
            rx.el.p(plan.words, class_name=theme.QUIET),
            rx.cond(
                plan.buys,
                rx.el.button(
                    "Start the plan",
                    type="button",
                    on_click=Billing.start_plan,
                    class_name=f"{theme.ACTION} mt-4",
                    custom_attrs=controls.ONCE,
                ),
            ),
            rx.cond(
                plan.mends,
                rx.el.button(
                    "Pay or change the card",
                    type="button",
                    on_click=Billing.open_portal,
                    class_name=f"{theme.ACTION} mt-4",
                    custom_attrs=controls.ONCE,
                ),
            ),
            class_name=_BODY,
        ),
        title="Plan",
        aside=parts.mark(plan.name, plan.tone),
    )


def _upcoming() -> rx.Component:
    known = rx.el.div(
        rx.el.p(UPCOMING.amount, class_name=theme.FIGURE, custom_attrs={"data-figure": "upcoming"}),
        rx.el.p("On ", UPCOMING.due, ", as of ", clock_time(UPCOMING.as_of), class_name=f"{theme.NOTE} mt-1"),
        rx.el.dl(rx.foreach(UPCOMING.lines, _upcoming_line), class_name="mt-3 flex flex-col gap-1"),
    )
    none = rx.el.p(
        "Without a plan there is none: each top-up has an invoice of its own, below.", class_name=theme.QUIET
    )
    # Without a plan there is nothing to wait for; with one, room is kept for what comes.
    waiting = rx.cond(FOUND.plan.buys, none, parts.skeleton("h-28 w-full"))
    states = {
        "none": none,
        "unknown": rx.el.p("Our payment provider does not answer just now. We keep trying.", class_name=theme.QUIET),
        "known": known,
    }
    return parts.panel(
        rx.el.div(rx.match(UPCOMING.state, *states.items(), waiting), class_name=_BODY),
        title="Next invoice",
    )


def _upcoming_line(line: ObjectVar[UpcomingLine]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(line.words, class_name="text-muted min-w-0"),
        rx.el.dd(line.amount, class_name="figures"),
        class_name="flex justify-between gap-4 text-sm",
    )


def _invoices() -> rx.Component:
    columns = (
        ("Invoice", parts.LEFT),
        ("Date", parts.LEFT),
        ("State", parts.LEFT + parts.ONLY_WIDE),
        ("Amount", parts.RIGHT),
        ("PDF", parts.LEFT + parts.ONLY_WIDE),
    )
    return parts.panel(
        rx.cond(
            FOUND.invoices.length() > 0,
            rx.el.div(parts.table("Invoices", columns, rx.foreach(FOUND.invoices, _invoice)), class_name="mt-2"),
            parts.empty("No invoices yet", "Every payment has its invoice here, to look at and to download."),
        ),
        title="Invoices",
    )


def _invoice(invoice: ObjectVar[InvoiceLine]) -> rx.Component:
    state = parts.mark(invoice.state, invoice.tone)
    pdf = rx.cond(invoice.pdf != "", outside("Download", invoice.pdf, "the PDF of ", invoice.number))
    return parts.row(
        parts.cell(rx.fragment(outside(invoice.number, invoice.hosted), parts.narrow(state, pdf))),
        parts.cell(date_of(invoice.at)),
        parts.cell(state, parts.LEFT + parts.ONLY_WIDE),
        parts.cell(invoice.amount, parts.RIGHT),
        parts.cell(pdf, parts.LEFT + parts.ONLY_WIDE),
    )
