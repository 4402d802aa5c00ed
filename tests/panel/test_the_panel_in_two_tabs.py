"""Two tabs of one page agree: one list, one name, one answer at a time."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]


def test_what_is_kept_renamed_or_deleted_in_one_is_seen_in_the_other(open_panel: Open) -> None:
    first, second = open_panel(), open_panel()
    second.button("Conversations").click()
    first.say("Spacing")
    first.priced()
    second.button("Rename Spacing").wait_for()
    first.button("Conversations").click()
    first.button("Rename Spacing").click()
    first.page.get_by_label("Name").fill("Rhythm")
    first.page.get_by_label("Name").press("Enter")
    second.button("Rename Rhythm").wait_for()
    second.button("Delete all").click()
    first.sees("No conversations yet")
    second.button("Undo").click()
    first.button("Rename Rhythm").wait_for()


def test_what_is_deleted_in_one_while_the_other_answers_in_it_stays_deleted(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    first, second = open_panel(), open_panel()
    fake_relay.pause_after = 1
    first.say("Spacing")
    first.button("Stop").wait_for()
    second.button("Conversations").click()
    second.button("Delete Spacing").click()
    first.button("Send").wait_for()
    first.sees("What are you drawing?")
    fake_relay.go_on.set()
    first.hears("response-end")
    second.sees("No conversations yet")
    second.button("Undo").click()
    first.button("Conversations").click()
    first.button("Delete Spacing").wait_for()


def test_only_one_answers_in_a_conversation_and_the_other_keeps_its_message(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    first, second = open_panel(), open_panel()
    first.say("Spacing")
    first.priced()
    second.button("Conversations").click()
    second.page.get_by_role("button", name="Spacing").first.click()
    second.sees("Hello from Claude.")
    fake_relay.said, fake_relay.pause_after = 0, 1
    first.say("A long one")
    first.button("Stop").wait_for()
    second.say("Me too")
    second.page.locator(".editing").get_by_text("being answered in another tab").wait_for()
    expect(second.box).to_have_value("Me too")
    fake_relay.go_on.set()
    first.priced(answers=2)
    first.button("Send").wait_for()
    second.sees("A long one")
    second.button("Send").click()
    second.priced(answers=3)
    first.sees("Me too")
    told = [message["content"][-1]["text"] for message in fake_relay.asked[-1]["messages"] if message["role"] == "user"]
    assert told == ["Spacing", "A long one", "Me too"]


def test_however_many_tabs_are_open_one_follows_the_balance_for_all_and_another_takes_over(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.tells_balance = True
    desks = [open_panel() for _ in range(8)]
    for left in ("0.000042", "0.000021"):
        fake_relay.available_usd = left
        for desk in desks:
            _hears_of(desk, left)
        _one_follows(desks[0], fake_relay)
        desks.pop(0).page.close()
    desks[-1].say("Is there a connection left?")
    desks[-1].priced()


def _hears_of(desk: Desk, left: str) -> None:
    for _ in range(1500):
        if any(balance["available_usd"] == left for balance in desk.heard("balance")):
            return
        desk.page.wait_for_timeout(20)
    raise AssertionError(f"{left} was not heard of: {desk.heard('balance')}")


def _one_follows(desk: Desk, relay: FakeRelay) -> None:
    """A browser hands a closed tab's lock on before its connection is gone, so there are two for a moment."""
    for _ in range(1500):
        if relay.followers == 1:
            return
        desk.page.wait_for_timeout(20)
    raise AssertionError(f"{relay.followers} tabs follow the balance")
