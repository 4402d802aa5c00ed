"""A person talks to the assistant in a real Chromium, on an isolated page with a strict policy."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.fixtures.product import eventually
from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]

ATTACK = """<img src=x onerror=alert(1)> <script>alert(1)</script>

![pixel](/pixel.png) [x](javascript:alert(1)) <svg onload=alert(1)> <iframe srcdoc="x"></iframe>

<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
"""


def test_an_answer_arrives_with_its_price_and_moves_the_balance(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.sees("$9.41")
    fake_relay.available_usd = "9.40"
    desk.say("Hello")
    desk.sees("Hello from Claude.")
    desk.priced()
    desk.sees("$9.40")
    assert fake_relay.headers_seen[0]["x-receipt"] == "1"
    assert fake_relay.asked[0]["stream"] is True
    assert fake_relay.asked[0]["model"] == "claude-sonnet-5-5"
    end = desk.heard("response-end")[0]
    assert (end["request_id"], end["price_usd"], end["usage"]["output_tokens"]) == ("req-1", "0.004215", 240)


def test_the_answer_grows_word_by_word_and_is_announced_when_it_is_whole(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.answers["Slowly"] = "one two three four five six seven eight nine ten"
    fake_relay.pause_after = 3
    desk = open_panel()
    desk.say("Slowly")
    desk.sees("one")
    assert desk.log.get_attribute("aria-busy") == "true"
    assert "ten" not in desk.log.inner_text()
    fake_relay.go_on.set()
    desk.sees("nine ten")
    desk.button("Send").wait_for()
    assert desk.log.get_attribute("aria-busy") == "false"
    assert desk.log.get_attribute("aria-live") == "polite"


def test_stop_reaches_the_relay_and_shows_what_was_booked(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Long"] = "word " * 2000
    fake_relay.pace_s = 0.02
    desk = open_panel()
    desk.say("Long")
    desk.sees("word word")
    desk.page.keyboard.press("Escape")
    desk.sees("Stopped")
    desk.priced("$0.0008")
    assert eventually(lambda: fake_relay.dropped == 1)
    assert desk.heard("response-end")[0]["ended"] == "stopped"


def test_nothing_in_an_answer_runs_or_loads(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Attack"] = ATTACK
    desk = open_panel()
    dialogs: list[str] = []
    desk.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    desk.say("Attack")
    desk.priced()
    assert desk.log.locator("img, script, iframe, math, svg[onload], [onerror], [href^=javascript]").count() == 0
    assert (dialogs, fake_relay.other_hits) == ([], [])


def test_the_context_goes_along_unless_its_chip_is_removed(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.panel("setContext({ glyph: 'Aacute', axes: { wght: 400 } })")
    desk.button("Remove axes").click()
    desk.say("Hello")
    desk.priced()
    context, question = fake_relay.asked[0]["messages"][0]["content"]
    assert "Aacute" in context["text"]
    assert "wght" not in context["text"]
    assert question["cache_control"] == {"type": "ephemeral"}


def test_a_write_waits_for_its_preview_to_be_accepted_and_can_be_undone(
    open_panel: Open, fake_relay: FakeRelay
) -> None:
    fake_relay.answers["Kern"] = '<tool>set_kerning {"left": "A", "right": "V", "value": -62}'
    desk = open_panel()
    desk.panel(
        "registerTool({ name: 'set_kerning', description: 'Sets a pair', access: 'write',"
        " input_schema: { type: 'object', required: ['left', 'right', 'value'] },"
        " preview: (it) => `${it.left}${it.right} becomes ${it.value}` },"
        " (it) => { window.kern = it.value;"
        " return { result: { ok: true }, undo: () => { window.kern = 0 } } })"
    )
    desk.say("Kern")
    desk.sees("AV becomes -62")
    assert desk.page.evaluate("window.kern") is None
    desk.button("Accept").click()
    desk.sees("It is set.")
    assert desk.page.evaluate("window.kern") == -62
    assert fake_relay.asked[1]["messages"][-1]["content"][0]["content"] == '{"ok":true}'
    desk.priced("$0.0084")
    desk.button("Undo").click()
    desk.sees("Undone:")
    assert desk.page.evaluate("window.kern") == 0


def test_a_declined_write_does_nothing_and_claude_is_told(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Kern"] = "<tool>wipe {}"
    desk = open_panel()
    desk.panel(
        "registerTool({ name: 'wipe', description: 'x', input_schema: { type: 'object' } }, () => { window.ran = 1 })"
    )
    desk.say("Kern")
    desk.button("Decline").click()
    desk.sees("It is set.")
    assert desk.page.evaluate("window.ran") is None
    assert "declined" in fake_relay.asked[1]["messages"][-1]["content"][0]["content"]


def test_an_endless_tool_loop_pauses_and_asks(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["Loop"] = "<tool>look {}"
    fake_relay.tool_again = True
    desk = open_panel()
    desk.panel(
        "registerTool({ name: 'look', description: 'x', access: 'read', input_schema: { type: 'object' } }, () => 1)"
    )
    desk.say("Loop")
    desk.sees("Paused here")
    assert len(fake_relay.asked) == 12
    fake_relay.tool_again = False
    desk.button("Go on").click()
    desk.sees("It is set.")


def test_a_question_can_be_edited_and_replaces_what_followed(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.say("First")
    desk.priced()
    desk.box.press("ArrowUp")
    expect(desk.box).to_have_value("First")
    desk.box.fill("Second")
    desk.box.press("Enter")
    desk.hears("response-end", 2)
    assert "First" not in desk.log.inner_text()
    assert len(fake_relay.asked[1]["messages"]) == 1


@pytest.mark.parametrize("query", ["?dir=rtl", "?theme=dark", "?mode=dock"])
def test_nothing_overflows_at_320_pixels(open_panel: Open, fake_relay: FakeRelay, query: str) -> None:
    fake_relay.answers["Wide"] = "x" * 400 + "\n\n```\n" + "y" * 400 + "\n```\n\n|a|b|\n|-|-|\n|" + "z" * 90 + "|1|\n"
    desk = open_panel(query)
    desk.page.set_viewport_size({"width": 320, "height": 600})
    desk.panel("setContext({ selection: 'q'.repeat(4000) })")
    desk.say("Wide " * 3 + "w" * 200)
    desk.priced()
    desk.say("Wide")
    desk.priced(answers=2)
    assert desk.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert desk.log.evaluate("log => log.scrollWidth - log.clientWidth") <= 0
