"""Long conversations and long texts: what is not looked at costs nothing, and all of it can be reached."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import FakeRelay

pytestmark = pytest.mark.browser

Open = Callable[..., Desk]

KEPT = """async (length) => {
  const database = await new Promise((resolve) => {
    const request = indexedDB.open('assistant-panel', 1)
    request.onsuccess = () => resolve(request.result)
  })
  const exchanges = Array.from({ length }, (_, at) => {
    const text = `Answer ${at}.\\n\\n- round\\n- straight\\n\\n` + 'Then proof it. '.repeat(20)
    const content = [{ type: 'text', text }]
    const receipt = { request_id: `r${at}`, price_usd: '0.0001' }
    const rounds = [{ content, calls: [], stopReason: 'end_turn', receipt }]
    return { id: `e${at}`, at, text: `Question ${at}?`, context: {}, rounds, state: 'complete' }
  })
  const transaction = database.transaction('conversations', 'readwrite')
  transaction.objectStore('conversations').put(
    { id: 'long', account: 'acc-ada@example.com', title: 'Long', updated: Date.now(), exchanges })
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
  sessionStorage.setItem('assistant-panel', 'long')
}"""
WATCH = """() => {
  window.touched = new Set()
  const log = document.querySelector('assistant-panel').shadowRoot.querySelector('.log')
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const exchange = target.parentElement?.closest('.exchange')
      touched.add(exchange?.innerText.match(/Question \\d+/)?.[0])
    }
  }).observe(log, { subtree: true, childList: true, characterData: true, attributes: true })
}"""


def long_desk(open_panel: Open, exchanges: int) -> Desk:
    desk = open_panel()
    desk.page.evaluate(KEPT, exchanges)
    desk.page.reload()
    desk.sees(f"Question {exchanges - 1}?")
    return desk


def top_of(desk: Desk, question: str) -> float:
    box = desk.log.get_by_text(question, exact=True).bounding_box()
    assert box
    return box["y"]


def test_what_is_finished_is_not_drawn_again_while_an_answer_comes(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.answers["And then?"] = "word " * 60
    fake_relay.pause_after = 20
    desk = long_desk(open_panel, 60)
    desk.say("And then?")
    desk.sees("word word")
    desk.page.evaluate(WATCH)
    desk.box.press_sequentially("typed")
    fake_relay.pause_after = 50
    for _ in range(200):
        if fake_relay.said >= 50:
            break
        desk.page.wait_for_timeout(10)
    assert [one for one in desk.page.evaluate("[...touched]") if one] == []
    fake_relay.go_on.set()
    desk.priced()


def test_earlier_messages_come_on_scrolling_up_and_move_nothing(open_panel: Open) -> None:
    desk = long_desk(open_panel, 70)
    exchanges = desk.page.locator(".exchange")
    expect(exchanges).to_have_count(40)
    desk.log.evaluate("log => (log.scrollTop = 320)")
    expect(desk.button("Jump to the newest")).to_be_visible()
    before = top_of(desk, "Question 31?")
    desk.log.evaluate("log => (log.scrollTop = 290)")
    expect(exchanges).to_have_count(60)
    assert top_of(desk, "Question 31?") == pytest.approx(before + 30, abs=2)
    expect(desk.log).to_have_attribute("aria-live", "polite")


def test_earlier_messages_are_reached_by_keyboard_by_search_and_by_export(open_panel: Open) -> None:
    desk = long_desk(open_panel, 100)
    desk.page.get_by_role("button", name="Earlier messages (60)").focus()
    exchanges = desk.page.locator(".exchange")
    desk.page.keyboard.press("Enter")
    desk.page.locator("[hidden='until-found']").filter(has_text="Question 5?").dispatch_event("beforematch")
    expect(exchanges).to_have_count(95)
    desk.page.get_by_role("button", name="Earlier messages (5)").press("Enter")
    expect(exchanges).to_have_count(100)
    assert desk.page.evaluate("document.querySelector('assistant-panel').shadowRoot.activeElement.role") == "log"
    desk.button("Conversations").click()
    with desk.page.expect_download() as export:
        desk.button("Export Long").click()
    text = export.value.path().read_text()
    assert all(f"Question {at}?" in text and f"Answer {at}." in text for at in range(100))


def test_a_megabyte_that_is_pasted_is_kept_and_said_to_be_too_long(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    desk.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.page.evaluate("navigator.clipboard.writeText('Look often. '.repeat(90_000))")
    desk.box.press("Control+V")
    desk.sees("This is too long to send: 1,080,000 characters, and at most 400,000 can go at once. It is kept here.")
    # Blink lays a long text out twenty times as slowly when it has to find the direction of each line.
    assert desk.box.get_attribute("dir") == "ltr"
    desk.box.press("Enter")
    assert desk.button("Send").is_disabled()
    desk.page.reload()
    assert len(desk.box.input_value()) == 1_080_000
    desk.panel("send('x'.repeat(400_001))")
    desk.hears("error")
    assert desk.heard("error")[0]["code"] == "too_long"
    assert fake_relay.asked == []


def test_a_long_question_stands_folded_and_goes_whole(open_panel: Open, fake_relay: FakeRelay) -> None:
    desk = open_panel()
    question = "Look often. " * 30_000 + "The end"
    desk.box.fill(question)
    desk.button("Send").click()
    desk.priced()
    assert fake_relay.asked[0]["messages"][0]["content"][-1]["text"] == question
    expect(desk.page.get_by_text("The end")).to_be_hidden()
    desk.page.get_by_text("All 360,007 characters").click()
    expect(desk.page.get_by_text("The end")).to_be_visible()
