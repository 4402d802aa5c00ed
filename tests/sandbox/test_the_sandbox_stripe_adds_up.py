"""Months of life of several customers in the sandbox's Stripe: whatever happens, its own figures agree."""

import random
from typing import Any

from tests.fixtures.stripe_desk import DAY, Desk, buy_credit, buy_plan, desk, use

MONTHS, CUSTOMERS = 3, 4
CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail")


def live(at: Desk, dice: random.Random, customer: str, plan: str) -> None:
    """One thing that a customer may do."""
    match dice.choice(("use", "use", "use", "buy", "card", "item", "refund")):
        case "use":
            use(at, customer, dice.randrange(500))
        case "buy":
            buy_credit(at, customer, dice.randrange(50, 9000))
        case "card":
            card = at.client.v1.payment_methods.attach(dice.choice(CARDS), {"customer": customer}).id
            at.client.v1.subscriptions.update(plan, {"default_payment_method": card})
        case "item":
            at.client.v1.invoice_items.create(
                {"customer": customer, "amount": dice.randrange(1, 99), "currency": "usd"}
            )
        case _:
            for charge in at.client.v1.charges.list({"customer": customer, "limit": 1}).data:
                if charge.paid and charge.amount - charge.amount_refunded > 1:
                    at.client.v1.refunds.create({"charge": charge.id, "amount": 1})


def test_usage_invoices_and_money_agree_after_months() -> None:
    dice = random.Random(20261124)
    with desk() as at:
        people = [buy_plan(at) for _ in range(CUSTOMERS)]
        end = max(plan["items"].data[0].current_period_end for _, plan in people)
        for _ in range(MONTHS):
            for _ in range(6):
                for customer, plan in people:
                    live(at, dice, customer, plan.id)
                at.advance(advance_seconds=dice.randrange(5 * DAY))
        at.advance(to=end + MONTHS * 31 * DAY)
        at.advance(advance_seconds=40 * DAY)
        for customer, _ in people:
            check(at.books(customer), customer)


def check(books: dict[str, Any], customer: str) -> None:
    invoices = books["invoices"]
    lines = [line for invoice in invoices for line in invoice["lines"]["data"]]
    assert all(not invoice["lines"]["has_more"] for invoice in invoices if invoice["status"] != "draft")
    metered = [line["quantity"] for line in lines if price_of(line) == "price_overage"]
    assert sum(metered) == books["meter_totals"].get(customer, {}).get("overage_cents", 0)
    for invoice in invoices:
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
        assert invoice["amount_due"] == invoice["amount_paid"] + invoice["amount_remaining"]
    charged = sum(one["amount"] for one in books["charges"] if one["paid"])
    assert charged == sum(invoice["amount_paid"] for invoice in invoices)
    assert sum(one["amount_refunded"] for one in books["charges"]) == sum(one["amount"] for one in books["refunds"])
    parents = [line["parent"]["invoice_item_details"] for line in lines]
    items = [parent["invoice_item"] for parent in parents if parent]
    assert len(items) == len(set(items))
    numbers = [invoice["number"] for invoice in invoices if invoice["number"]]
    assert len(numbers) == len(set(numbers))


def price_of(line: dict[str, Any]) -> str | None:
    return (line["pricing"]["price_details"] or {}).get("price")
