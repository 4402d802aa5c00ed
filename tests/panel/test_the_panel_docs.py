"""The examples in docs/panel.md do what the page says, as they stand; the built files keep their promises."""

import gzip
import hashlib
import json
import re
import subprocess
from collections.abc import Callable

import pytest

from relay.settings import ROOT
from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import PANEL, FakeRelay

Open = Callable[..., Desk]

DOCS = (ROOT / "docs" / "panel.md").read_text()


def example(heading: str, language: str) -> str:
    section = DOCS.split(heading, 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"{heading} has no {language} example"
    return found.group(1)


@pytest.mark.browser
def test_the_context_example_runs(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.example = example("### Tell Claude", "js")
    desk = open_panel()
    told: list[str] = []
    desk.page.on("console", lambda message: told.append(message.text))
    desk.button("Remove glyph").wait_for()
    desk.say("Hello")
    desk.priced()
    assert "wght" in fake_relay.asked[0]["messages"][0]["content"][0]["text"]
    assert "request req-1 cost 0.004215 USD" in told


@pytest.mark.browser
def test_the_example_without_a_tag_runs(open_panel: Open, fake_relay: FakeRelay) -> None:
    there = example("In plain JavaScript, without a tag in the page:", "js").replace("https://account.example.com", "")
    fake_relay.example = "document.querySelector('assistant-panel').remove()\n" + there
    desk = open_panel()
    desk.page.locator("assistant-panel[mode=dock]:not([closed])").wait_for()
    desk.say("Hello")
    desk.sees("Hello from Claude.")
    desk.button("Close").click()
    desk.button("Open assistant").click()
    assert desk.box.evaluate("box => box.matches(':focus')")


@pytest.mark.browser
def test_the_looks_example_is_what_is_seen(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.style = example("## Looks", "css")
    desk = open_panel()
    desk.say("Hello")
    desk.priced()
    desk.box.fill("more")
    assert desk.button("Send").evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(10, 125, 90)"
    assert desk.page.locator("[part=header]").evaluate("it => getComputedStyle(it).borderBottomStyle") == "none"


@pytest.mark.browser
def test_the_tools_example_runs(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.example = example("### Let Claude act", "js")
    fake_relay.answers["List"] = "<tool>list_kerning {}"
    fake_relay.answers["Set"] = '<tool>set_kerning {"left": "A", "right": "V", "value": -60}'
    desk = open_panel()
    desk.say("List")
    desk.sees("It is set.")
    assert fake_relay.asked[1]["messages"][-1]["content"][0]["content"] == '{"A V":-40}'
    desk.button("New conversation").click()
    desk.say("Set")
    desk.sees("A V: -40 → -60")
    desk.button("Accept").click()
    desk.button("Undo").click()
    desk.sees("Undone:")


@pytest.mark.browser
def test_the_react_example_runs(open_panel: Open, fake_relay: FakeRelay) -> None:
    mount = """
    import { createRoot } from 'react-dom/client'
    document.querySelector('assistant-panel').remove()
    const root = document.body.appendChild(document.createElement('main'))
    createRoot(root).render(<Assistant glyph="Q" onPrice={(price) => document.title = price} />)
    """
    fake_relay.example = bundled(example("### In React", "jsx") + mount)
    desk = Desk(open_panel().page)
    desk.button("Remove glyph").wait_for()
    desk.say("Hello")
    desk.priced()
    assert desk.page.title() == "0.004215"


def bundled(source: str) -> str:
    tool = ROOT / "panel" / "node_modules" / ".bin" / "esbuild"
    arguments = ["--bundle", "--format=esm", "--loader=jsx", "--jsx=automatic"]
    define = '--define:process.env.NODE_ENV="production"'
    done = subprocess.run(
        [tool, *arguments, define],
        input=source,
        cwd=ROOT / "panel",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.browser
def test_the_token_example_uses_a_bearer_and_no_cookie(open_panel: Open, fake_relay: FakeRelay) -> None:
    fake_relay.example = example("### Tokens that you bring", "js")
    desk = open_panel()
    desk.say("Hello")
    desk.priced()
    seen = fake_relay.headers_seen[0]
    assert seen["authorization"] == "Bearer a-short-lived-token"
    assert "cookie" not in seen


def test_the_module_is_light_and_has_its_companions() -> None:
    module, markdown = ((PANEL / name).read_bytes() for name in ("panel.js", "markdown.js"))
    assert len(gzip.compress(module, 9)) < 40_000
    for code in (module, markdown):
        assert not re.search(rb"\bimport\s*[{\"'*]|\beval\(|new Function\(", code)
    # The one thing that is loaded later, by an address that changes with its bytes.
    assert f"markdown.js?{hashlib.sha256(markdown).hexdigest()[:10]}".encode() in module
    assert len(re.findall(rb"\bimport\(", module)) == 1
    assert b"'assistant-panel': AssistantPanelElement" in (PANEL / "panel.d.ts").read_bytes()
    declared = json.loads((PANEL / "custom-elements.json").read_text())["modules"][0]["declarations"][0]
    assert declared["tagName"] == "assistant-panel"
