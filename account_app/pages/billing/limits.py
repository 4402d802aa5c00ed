"""Two things that are often taken for one: the cap, which stops, and the alerts, which only tell."""

from typing import Any

import reflex as rx
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components import parts
from account_app.pages.billing.money import amount_form, said
from account_app.pages.billing.state import CAP_REFUSAL, FOUND, Billing

_BODY = "px-5 pt-2 pb-5"


def spend_cap() -> rx.Component:
    return parts.panel(
        rx.el.div(
            rx.cond(FOUND.has_overage, _used()),
            rx.el.p(FOUND.cap_words, class_name=f"{theme.NOTE} mt-2 mb-4"),
            amount_form("usd", "Spend cap, in USD", "Change the cap", Billing.set_cap, FOUND.cap_usd),
            said("usd", CAP_REFUSAL, "Up to ", FOUND.cap_max, " a billing period; in force at once."),
            class_name=_BODY,
        ),
        title="Spend cap",
    )


def _used() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            link(FOUND.used, to=FOUND.used_at, class_name=f"{parts.LEADING} figures font-semibold text-ink"),
            " used of ",
            rx.el.span(FOUND.cap, class_name="figures", custom_attrs={"data-figure": "cap"}),
            class_name=theme.QUIET,
        ),
        rx.el.div(
            # As an attribute: Reflex would turn `style` into a sheet of its own, which the page's rules refuse.
            rx.el.div(
                class_name="h-full rounded-full",
                custom_attrs={"data-series": "1", "style": rx.Var.create({"width": FOUND.cap_share})},
            ),
            class_name="mt-2 h-2 rounded-full bg-sunken overflow-hidden",
            aria_hidden=True,
        ),
    )


def alerts_by_mail() -> rx.Component:
    return parts.panel(
        rx.el.div(
            rx.cond(FOUND.mail_stopped != "", rx.el.div(parts.notice(FOUND.mail_stopped), class_name="mb-3")),
            _alert("cap", "Spend cap", "At 50, 80 and 100% of the cap.", FOUND.alerts_cap),
            _alert(
                "low_credit", "Low credit", "At 20% and 5% of the last credit, and at zero.", FOUND.alerts_low_credit
            ),
            rx.el.p("Failed payments and receipts are always mailed.", class_name=f"{theme.NOTE} mt-3"),
            class_name=_BODY,
        ),
        title="Alerts by mail",
    )


def _alert(name: str, title: str, note: str, wanted: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            checked=wanted,
            on_change=lambda _: Billing.set_alert(name, ~wanted),
            class_name="mt-0.5 size-6 sm:size-4 shrink-0 accent-accent",
        ),
        rx.el.span(
            rx.el.span(title, class_name=f"{theme.LABEL} block"), rx.el.span(note, class_name=f"{theme.NOTE} block")
        ),
        class_name="flex items-start gap-3 py-1.5 cursor-pointer",
    )
