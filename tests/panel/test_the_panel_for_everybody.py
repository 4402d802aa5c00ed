"""The panel by keyboard, by screen reader, in any direction of writing: axe finds nothing serious in any state."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import PANEL, FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]
AXE = PANEL.parents[2] / "panel" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def serious(desk: Desk) -> list[str]:
    """What axe has against the panel, in its own words."""
    desk.page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = desk.page.evaluate(
        "rules => axe.run('assistant-panel', { runOnly: rules }).then((found) => found.violations)", RULES
    )
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['help']} {node['html'][:200]}" for one in grave for node in one["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_while_people_sign_in(open_panel: Open, fake_relay: FakeRelay, theme: str) -> None:
    fake_relay.signed_in = False
    desk = open_panel(f"?theme={theme}")
    assert serious(desk) == []
    desk.page.get_by_label("Email").fill("ada@example.com")
    desk.button("Sign in").click()
    desk.page.get_by_label("Code").fill("111111")
    desk.sees("That code is not right")
    assert serious(desk) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_while_people_talk(open_panel: Open, fake_relay: FakeRelay, theme: str) -> None:
    fake_relay.available_usd = "0.4"
    fake_relay.answers["All"] = (
        "# Head\n\n> quoted `code`\n\n```js\nlet a = 1\n```\n\n|a|b|\n|-|-|\n|1|[l](https://x.example)|\n"
    )
    fake_relay.answers["Kern"] = '<tool>set_kerning {"value": -62}'
    desk = open_panel(f"?theme={theme}")
    assert serious(desk) == []
    desk.panel("setContext({ glyph: 'Aacute' })")
    desk.panel("registerTool({ name: 'set_kerning', description: 'x', input_schema: { type: 'object' } }, () => 1)")
    desk.say("All")
    desk.priced()
    desk.page.locator("[part=price]").click()
    fake_relay.faults.append((529, "overloaded_error", "Overloaded.", {}))
    desk.say("Again")
    desk.sees("Claude is busy")
    desk.button("New conversation").click()
    desk.say("Kern")
    desk.button("Accept").wait_for()
    assert serious(desk) == []
    desk.button("Accept").click()
    desk.sees("It is set.")
    desk.button("Conversations").click()
    assert serious(desk) == []


def test_everything_is_reached_by_keyboard_in_the_order_of_sight(open_panel: Open) -> None:
    desk = open_panel()
    desk.say("Hello")
    desk.priced()
    desk.box.fill("x")
    desk.page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus() }")
    reached = []
    for _ in range(10):
        desk.page.keyboard.press("Tab")
        reached.append(desk.page.evaluate(FOCUSED))
    assert reached[:4] == ["Conversations", "Available credit $9.41", "New conversation", "Conversation"]
    assert reached[4:] == ["Edit", "Copy", "Retry", "Price $0.0042", "Message", "Send"]


FOCUSED = """() => {
  const at = document.querySelector('assistant-panel').shadowRoot.activeElement
  return (at?.getAttribute('aria-label') ?? at?.textContent ?? '').replace(/\\s+/g, ' ').trim()
}"""


def test_the_answer_is_not_read_out_word_by_word(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Slowly"] = "one two three four five six seven eight"
    fake_relay.pause_after = 2
    desk = open_panel()
    desk.say("Slowly")
    desk.sees("one")
    expect(desk.log).to_have_attribute("aria-busy", "true")
    expect(desk.page.get_by_role("status").last).to_have_text("The assistant is answering.")
    fake_relay.go_on.set()
    desk.priced()
    desk.sees("Answered. Price $0.0042.")
    assert desk.log.get_attribute("aria-busy") == "false"


def test_reduced_motion_stills_what_moves(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.pause_after = 0
    desk = open_panel()
    desk.page.emulate_media(reduced_motion="reduce")
    desk.say("Hello")
    dot = desk.page.locator(".dots i").first
    dot.wait_for()
    assert dot.evaluate("dot => getComputedStyle(dot).animationName") == "none"
    fake_relay.go_on.set()
    desk.priced()
