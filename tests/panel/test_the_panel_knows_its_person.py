"""Signing in inside the panel, and conversations that belong to one account."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]


def sign_in(desk: Desk, email: str, code: str = "004213") -> None:
    desk.page.get_by_label("Email").fill(email)
    desk.button("Sign in").click()
    desk.page.get_by_label("Code").fill(code)


def test_a_person_signs_in_without_leaving_the_page(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.signed_in = False
    desk = open_panel()
    assert desk.heard("signin-required")
    desk.box.fill("My question")
    desk.button("Send").click()
    sign_in(desk, "ada@example.com", "111111")
    desk.sees("That code is not right")
    desk.page.get_by_label("Code").fill("004 213")
    desk.sees("$9.41")
    expect(desk.box).to_have_value("My question")
    desk.button("Send").click()
    desk.sees("Hello from Claude.")


def test_signed_out_elsewhere_keeps_the_message_for_the_same_person(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.say("Before")
    desk.priced()
    fake_relay.signed_in = False
    desk.say("A secret thought")
    desk.page.get_by_label("Email").wait_for()
    expect(desk.box).to_have_value("")
    assert "Before" not in desk.log.inner_text()
    sign_in(desk, "ada@example.com")
    desk.sees("Before")
    expect(desk.box).to_have_value("A secret thought")


def test_the_next_person_sees_nothing_of_the_last_one(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.say("Private matter")
    desk.priced()
    desk.box.fill("unsent")
    desk.button("Conversations").click()
    desk.button("Sign out").click()
    sign_in(desk, "bob@example.com")
    desk.sees("$9.41")
    desk.button("Conversations").click()
    desk.sees("No conversations yet")
    assert "Private matter" not in desk.page.locator("assistant-panel").inner_text()
    expect(desk.box).to_have_value("")


def test_when_the_cookie_is_somebody_elses_now_nothing_is_asked_in_their_name(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    desk = open_panel()
    desk.say("Private matter")
    desk.priced()
    mine, fake_relay.email = fake_relay.email, "bob@example.com"
    desk.say("A secret thought")
    desk.sees("Somebody else is signed in now, so your message was not sent.")
    assert [asked["x-account"] for asked in fake_relay.headers_seen] == [f"acc-{mine}"] * 2
    assert "Private matter" not in desk.page.locator("assistant-panel").inner_text()
    expect(desk.box).to_have_value("")
    desk.say("My own")
    desk.priced()
    fake_relay.email = mine
    desk.page.reload()
    desk.hears("ready")
    expect(desk.box).to_have_value("A secret thought")


def test_a_reload_returns_to_the_conversation_and_the_draft(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Remember this")
    desk.priced()
    desk.box.fill("and then")
    desk.page.reload()
    desk.sees("Hello from Claude.")
    expect(desk.box).to_have_value("and then")


KEPT = """
async text => {
  const kept = () => new Promise(done => {
    indexedDB.open("assistant-panel").onsuccess = ({ target: { result: database } }) => {
      const rows = database.transaction("conversations").objectStore("conversations").getAll()
      rows.onsuccess = () => { database.close(); done(JSON.stringify(rows.result)) }
    }
  })
  while (!(await kept()).includes(text)) await new Promise(done => setTimeout(done, 50))
}
"""


def test_a_reload_in_the_middle_of_an_answer_loses_none_of_what_was_kept(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    desk = open_panel()
    fake_relay.pause_after = 2
    desk.say("Greet me")
    desk.page.evaluate(KEPT, "Hello from C")
    desk.page.reload()
    desk.sees("Hello from C")
    desk.sees("The answer broke off")
    desk.priced("$0.0008")


def test_conversations_are_renamed_exported_and_deleted_with_a_way_back(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Old name")
    desk.priced()
    desk.button("Conversations").click()
    desk.button("Rename Old name").click()
    desk.page.get_by_label("Name").fill("Spacing")
    desk.page.get_by_label("Name").press("Enter")
    with desk.page.expect_download() as download:
        desk.button("Export Spacing").click()
    assert download.value.suggested_filename == "Spacing.md"
    desk.button("Delete Spacing").click()
    desk.sees("Deleted.")
    expect(desk.button("Delete Spacing")).to_have_count(0)
    desk.button("Undo").click()
    desk.button("Delete Spacing").wait_for()
    desk.button("Delete all").click()
    desk.sees("No conversations yet")
    desk.page.reload()
    desk.hears("ready")
    desk.button("Conversations").click()
    desk.sees("No conversations yet")


def test_what_is_deleted_while_it_is_answered_does_not_come_back(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Long"] = "word " * 2000
    fake_relay.pace_s = 0.02
    desk = open_panel()
    desk.say("Long")
    desk.sees("word word")
    desk.button("Conversations").click()
    desk.button("Delete Long").click()
    desk.sees("Deleted.")
    desk.hears("response-end")
    desk.sees("No conversations yet")
    desk.page.reload()
    desk.hears("ready")
    desk.button("Conversations").click()
    desk.sees("No conversations yet")


def test_signing_out_in_one_tab_empties_the_other(open_panel: Open) -> None:
    first, second = open_panel(), open_panel()
    second.say("In the second tab")
    second.priced()
    first.button("Conversations").click()
    first.button("Sign out").click()
    second.page.get_by_label("Email").wait_for()
    assert "In the second tab" not in second.log.inner_text()
