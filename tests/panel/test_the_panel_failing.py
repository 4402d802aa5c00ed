"""Whatever goes wrong is said in words, with a way out, and nothing that was typed is lost."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]

CREDIT = (402, "insufficient_credit", "No credit.", {})
CAP = (402, "cap_reached", "Cap.", {})
LIMIT = (429, "rate_limit_error", "Slow down.", {"retry-after": "1"})
BUSY = (529, "overloaded_error", "Overloaded.", {})
BROKEN = (500, "api_error", "Oops.", {})


@pytest.mark.parametrize(
    ("fault", "code", "words", "way_out"),
    [
        (CREDIT, "insufficient_credit", "Not enough credit", "Add credit"),
        (CAP, "cap_reached", "Spend cap reached", "Change the cap"),
        (LIMIT, "rate_limited", "One moment", "Try again"),
        (BUSY, "overloaded", "Claude is busy", "Try again"),
        (BROKEN, "unavailable", "Something failed on the server", "Try again"),
    ],
)
def test_a_refusal_is_explained_and_can_be_tried_again(
    open_panel: Open, fake_relay: FakeRelay, fault: tuple, code: str, words: str, way_out: str
) -> None:
    fake_relay.faults.append(fault)
    desk = open_panel()
    desk.say("Hello")
    desk.sees(words)
    desk.sees(way_out)
    assert desk.heard("error")[0]["code"] == code
    desk.box.fill("half a thought")
    desk.page.get_by_role("button", name="Try again", exact=True).click()
    desk.sees("Hello from Claude.")
    expect(desk.box).to_have_value("half a thought")
    expect(desk.page.get_by_text(words)).to_have_count(0)


def test_a_stream_that_breaks_off_keeps_what_came(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Break"] = "The first half<cut>"
    desk = open_panel()
    desk.say("Break")
    desk.sees("The answer broke off")
    desk.sees("The first half")
    desk.priced("$0.0008")
    fake_relay.answers["Break"] = "All of it."
    desk.button("Try again").click()
    desk.sees("All of it.")


def test_a_slow_network_shows_that_something_is_coming_and_can_be_stopped(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.may_answer.clear()
    desk = open_panel()
    desk.say("Hello")
    desk.page.locator(".dots").wait_for()
    desk.box.fill("the next thought")
    desk.button("Stop").click()
    desk.sees("Stopped")
    expect(desk.box).to_have_value("the next thought")
    fake_relay.may_answer.set()
    desk.button("Retry").click()
    desk.sees("Hello from Claude.")


def test_offline_is_said_and_the_message_goes_later(open_panel: Open) -> None:
    desk = open_panel()
    desk.page.context.set_offline(True)
    desk.sees("You are offline. What you write is kept.")
    desk.say("Hello")
    desk.button("Try again").wait_for()
    desk.page.context.set_offline(False)
    desk.button("Try again").click()
    desk.sees("Hello from Claude.")


@pytest.mark.parametrize(
    ("left", "words"), [("1.9", "19 % of your credit"), ("0.4", "4 % of your credit"), ("0", "No credit")]
)
def test_low_credit_is_announced(open_panel: Open, fake_relay: FakeRelay, left: str, words: str) -> None:
    fake_relay.available_usd = left
    desk = open_panel()
    desk.sees(words)
    assert desk.page.get_by_role("link", name="Add credit").get_attribute("href").endswith("/billing")


def test_a_dismissed_warning_returns_when_it_is_graver(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.available_usd = "1.9"
    desk = open_panel()
    desk.button("Dismiss").click()
    expect(desk.page.get_by_text("of your credit")).to_have_count(0)
    fake_relay.available_usd = "0.3"
    desk.say("Hello")
    desk.sees("3 % of your credit")
