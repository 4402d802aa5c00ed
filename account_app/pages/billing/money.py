"""Credit, where it came from and until when, and ways to add to it."""

from typing import Any

import reflex as rx
from reflex.vars import ObjectVar

from account_app import theme
from account_app.components import controls, parts
from account_app.components.moments import date_of
from account_app.pages.billing.state import FOUND, TOPUP_REFUSAL, Billing
from account_app.reading.billing import GrantLine


def credit() -> rx.Component:
    columns = (
        ("Source", parts.LEFT),
        ("Given", parts.RIGHT + parts.ONLY_WIDE),
        ("Left", parts.RIGHT),
        ("Since", parts.LEFT + parts.ONLY_WIDE),
        ("Expires", parts.LEFT + parts.ONLY_WIDE),
        ("Invoice", parts.LEFT + parts.ONLY_WIDE),
    )
    return parts.panel(
        rx.cond(
            FOUND.grants.length() > 0,
            rx.el.div(parts.table("Credit", columns, rx.foreach(FOUND.grants, _grant)), class_name="mt-2"),
            parts.empty("No credit", "Top up below, or start the plan: credit then comes each month."),
        ),
        _topping_up(),
        title="Credit",
        aside=rx.el.span(FOUND.credit, class_name="figures font-semibold", custom_attrs={"data-figure": "credit"}),
    )


def _grant(grant: ObjectVar[GrantLine]) -> rx.Component:
    source = rx.fragment(
        grant.source,
        rx.cond(grant.reason != "", rx.el.span(" · ", grant.reason, class_name="text-muted")),
    )
    until = date_of(grant.expires)
    return parts.row(
        parts.cell(
            rx.fragment(
                source,
                parts.narrow(
                    rx.cond(grant.expires != "", "Expires", "Never expires"),
                    until,
                    outside(grant.invoice, grant.address),
                ),
            ),
            wraps=True,
        ),
        parts.cell(grant.given, parts.RIGHT + parts.ONLY_WIDE),
        parts.cell(grant.left, parts.RIGHT),
        parts.cell(date_of(grant.at), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(rx.cond(grant.expires != "", until, "Never"), parts.LEFT + parts.ONLY_WIDE),
        parts.cell(outside(grant.invoice, grant.address), parts.LEFT + parts.ONLY_WIDE),
    )


def _topping_up() -> rx.Component:
    return rx.el.div(
        rx.el.h3("Top up", class_name=theme.LABEL),
        rx.el.div(
            rx.el.div(
                rx.foreach(FOUND.topup_presets, _preset),
                class_name="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap",
                role="group",
                aria_label="Amounts",
            ),
            amount_form("amount", "Another amount, in USD", "Continue", Billing.top_up_by),
            class_name="mt-2 flex flex-wrap items-start gap-x-6 gap-y-3",
        ),
        said("amount", TOPUP_REFUSAL, FOUND.topup_words, " Topped-up credit does not expire."),
        class_name="border-t border-line px-5 py-4",
    )


def _preset(preset: Any) -> rx.Component:
    """An amount as Stripe is told it, and as it is read."""
    usd, words = preset[0], preset[1]
    return rx.el.button(
        "Add ",
        words,
        type="button",
        on_click=Billing.top_up(usd),
        class_name=theme.SECONDARY,
        custom_attrs=controls.ONCE,
    )


def amount_form(name: str, label: str, action: str, handler: Any, value: Any = "") -> rx.Component:
    return rx.el.form(
        rx.el.label(label, html_for=name, class_name="sr-only"),
        rx.el.span("$", class_name="text-muted", aria_hidden=True),
        rx.el.input(
            id=name,
            name=name,
            input_mode="decimal",
            auto_complete="off",
            default_value=value,
            class_name=f"{theme.SMALL_FIELD} figures w-24",
            custom_attrs={"aria-describedby": f"{name}-notes", "inputMode": "decimal"},
        ),
        rx.el.button(action, type="submit", class_name=theme.SECONDARY),
        on_submit=handler,
        custom_attrs=controls.ONCE,
        class_name="flex flex-wrap items-center gap-2",
    )


def said(name: str, error: Any, *hint: Any) -> rx.Component:
    return rx.el.div(
        rx.cond(error != "", rx.el.p(error, role="alert", class_name="text-sm text-bad"), rx.el.p(*hint)),
        id=f"{name}-notes",
        class_name=f"{theme.NOTE} mt-2",
    )


def outside(text: Any, address: Any, *more: Any) -> rx.Component:
    """A link to Stripe's own pages; only the text when there is no address."""
    return rx.cond(
        address != "",
        rx.el.a(
            text,
            rx.el.span(" ", *more, class_name="sr-only") if more else rx.fragment(),
            href=address,
            target="_blank",
            rel="noreferrer",
            class_name=theme.LINK,
        ),
        rx.el.span(text),
    )
