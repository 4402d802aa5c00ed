"""What a page, its browser and its visitor do to a panel without asking it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]


def test_what_a_page_does_to_everything_is_not_done_to_the_panel(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.style = "* { all: unset; letter-spacing: 9px; text-transform: uppercase; font-size: 40px; color: red }"
    desk = open_panel()
    style = desk.log.evaluate(
        "log => (({ fontSize, letterSpacing, textTransform, color }) => "
        "[fontSize, letterSpacing, textTransform, color])(getComputedStyle(log))"
    )
    assert style == ["14px", "normal", "none", "rgb(28, 29, 32)"]


def test_storage_that_is_cleared_takes_nothing_from_the_screen(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Before")
    desk.priced()
    desk.page.evaluate("new Promise(done => (indexedDB.deleteDatabase('assistant-panel').onsuccess = () => done()))")
    desk.say("After")
    desk.priced(answers=2)
    desk.page.reload()
    expect(desk.page.locator(".question")).to_have_text(["Before", "After"])


def test_a_browser_that_keeps_nothing_talks_all_the_same(open_panel: Open) -> None:
    desk = open_panel()
    desk.page.add_init_script(
        "const refuse = () => { throw new DOMException('no', 'SecurityError') }\n"
        "for (const name of ['indexedDB', 'localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get: refuse })\n"
        "LockManager.prototype.request = async () => refuse()\n"
    )
    desk.page.reload()
    desk.say("Hello")
    desk.priced()


def test_two_panels_on_a_page_show_one_conversation(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Hello")
    desk.priced()
    desk.page.evaluate("document.body.append(document.createElement('assistant-panel'))")
    desk.sees("Hello")
    second = desk.page.locator("assistant-panel").nth(1)
    expect(second.get_by_text("Hello from Claude.")).to_have_count(1)
    second.get_by_role("textbox", name="Message").fill("And you?")
    second.get_by_role("textbox", name="Message").press("Enter")
    expect(desk.page.locator("assistant-panel").first.locator(".question")).to_have_text(["Hello", "And you?"])
