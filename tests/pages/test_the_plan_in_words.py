"""Every state that a subscription can be in is told in words of its own, with what to do about it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from account_app.reading.billing import plan_words, upcoming_of
from account_app.session import Visitor
from relay.billing import PlanView, PreviewLine, PreviewView
from relay.money import PICO_PER_CENT, PICO_PER_USD

VISITOR = Visitor("acct_1", "ann@example.com", "sess_1", "Asia/Tokyo", "en-US")
# 20:00 UTC is the next day in Tokyo.
END = datetime(2026, 12, 24, 20, tzinfo=UTC)
ACTIVE = PlanView("active", None, None, datetime(2026, 11, 24, tzinfo=UTC), END, 10 * PICO_PER_USD)


@pytest.mark.parametrize(
    ("plan", "name", "says"),
    [
        (None, "No plan", "use ends with your credit"),
        (ACTIVE, "Active", "$10.00 of credit each month. Renews on Dec 25, 2026."),
        (replace(ACTIVE, cancels_at=END), "Ends soon", "It ends on Dec 25, 2026 and is not renewed"),
        (replace(ACTIVE, status="trialing", trial_end=END), "Trial", "no pay-per-use before the first payment"),
        (replace(ACTIVE, status="past_due"), "Payment failed", "there is no pay-per-use"),
        (replace(ACTIVE, status="unpaid"), "Unpaid", "no new credit until the invoice is paid"),
        (replace(ACTIVE, status="paused"), "Paused", "no pay-per-use, until it goes on"),
        (replace(ACTIVE, status="incomplete"), "Not paid yet", "Finish it to start the plan"),
    ],
)
def test_each_state_has_its_words(plan: PlanView | None, name: str, says: str) -> None:
    shown = plan_words(plan, VISITOR, "10")
    assert shown.name == name
    assert says in shown.words
    assert shown.buys == (plan is None or plan.status == "incomplete")
    assert shown.mends == (plan is not None and plan.status in ("past_due", "unpaid"))


def test_a_state_that_nobody_has_heard_of_is_shown_by_its_name() -> None:
    assert plan_words(replace(ACTIVE, status="half_open"), VISITOR, "10").name == "Half open"


def test_the_next_invoice_is_told_to_the_cent() -> None:
    found = PreviewView(
        2123 * PICO_PER_CENT,
        (PreviewLine("Plan", 2000 * PICO_PER_CENT), PreviewLine("Pay-per-use", 123 * PICO_PER_CENT)),
        ACTIVE.period_start,
        END,
    )
    upcoming = upcoming_of(found, VISITOR)
    assert (upcoming.state, upcoming.amount, upcoming.due) == ("known", "$21.23", "Dec 25, 2026")
    assert [line.amount for line in upcoming.lines] == ["$20.00", "$1.23"]
    assert upcoming_of(PreviewView(0, (), None, None), VISITOR).state == "none"
