"""The panel and the page around it: moved, taken out, left waiting, in a browser of several people."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]


def test_a_panel_that_is_moved_goes_on_and_one_that_was_taken_out_works_again(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.pause_after = 1
    desk = open_panel()
    desk.say("Hello")
    desk.button("Stop").wait_for()
    desk.page.evaluate("document.body.prepend(document.querySelector('assistant-panel'))")
    fake_relay.go_on.set()
    desk.priced()
    assert desk.heard("response-end")[0]["ended"] == "complete"
    desk.page.evaluate("panel = document.querySelector('assistant-panel'); panel.remove()")
    desk.page.evaluate("document.body.append(panel)")
    desk.say("Again")
    desk.priced(answers=2)


def test_a_message_that_waited_in_a_conversation_that_was_left_is_in_the_box(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.pause_after = 1
    desk = open_panel()
    desk.say("Hello")
    desk.button("Stop").wait_for()
    desk.panel("send('And another thing')")
    desk.button("New conversation").click()
    expect(desk.box).to_have_value("And another thing")
    desk.sees("What are you drawing?")
    expect(desk.page.locator(".editing")).to_have_count(0)
    fake_relay.go_on.set()


def test_another_person_whose_cookie_came_meanwhile_sees_nothing_of_the_last_one(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    desk = open_panel()
    desk.say("Private matter")
    desk.priced()
    desk.box.fill("unsent")
    desk.button("Conversations").click()
    fake_relay.email = "bob@example.com"
    desk.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    desk.sees("No conversations yet")
    expect(desk.box).to_have_value("")
    assert "Private matter" not in desk.page.locator("assistant-panel").inner_text()


def test_the_price_stays_where_it_is_while_its_receipt_opens(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Hello")
    desk.priced()
    price = desk.page.locator("[part=price]")
    before = price.bounding_box()
    price.click()
    desk.sees("Exact price")
    assert price.bounding_box() == before
    assert price.get_attribute("aria-expanded") == "true"
    price.click()
    expect(desk.page.locator(".receipt")).to_be_hidden()


def test_the_box_is_as_high_as_its_text_where_the_browser_does_not_see_to_it(open_panel: Open) -> None:
    desk = open_panel()
    one_row = desk.box.evaluate("box => box.clientHeight")
    desk.page.evaluate("CSS.supports = () => false")
    desk.box.fill("one\ntwo\nthree")
    assert desk.box.evaluate("box => box.clientHeight") > 2 * one_row
    desk.button("Send").click()
    desk.priced()
    assert desk.box.evaluate("box => box.clientHeight") == one_row
