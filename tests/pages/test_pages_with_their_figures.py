"""A page's figures come with the page: before any script, to their owner alone, and kept by no cache."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from relay.settings import ROOT
from tests.fixtures import history
from tests.fixtures.dashboard import Dashboard, built_site, running
from tests.fixtures.product import eventually

OWNER, OTHER = "owner@example.com", "other@example.com"
PAGES = (
    "/",
    "/usage",
    "/usage?by=model&range=12m",
    "/requests",
    "/billing",
    "/storage",
    "/keys",
    "/account",
    "/assistant",
)
MARKED = """new MutationObserver(() => { const main = document.querySelector('main'); if (main) main.drawn ??= true; })
  .observe(document, {childList: true, subtree: true})"""

FEWEST = """globalThis.fewest = Infinity; new MutationObserver(() => { if (document.readyState !== 'loading')
  fewest = Math.min(fewest, document.querySelectorAll('main tbody tr').length) }).observe(document,
  {childList: true, subtree: true})"""
TAKEN_OVER = "Object.keys(document.querySelector('main')).some((one) => one.startsWith('__react'))"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    built_site()
    with running(tmp_path_factory.mktemp("early"), OPERATOR_EMAILS=OWNER) as product:
        product.sign_in(OWNER)
        history.a_month(product.database, product.account_id(OWNER))
        _draws(product, product.sign_in(OWNER))
        yield product


def _cookies(session: str) -> dict[str, str]:
    """What a browser has after signing in."""
    return {"session": session, "zone": "Asia%2FKolkata", "locale": "en-GB"}


def _get(product: Dashboard, path: str, cookies: dict[str, str]) -> httpx.Response:
    head = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    return httpx.get(product.origin + path, headers=head)


def _draws(product: Dashboard, session: str) -> None:
    """Waits for V8, which opens at the first page."""
    assert any('name="early"' in _get(product, "/keys", _cookies(session)).text for _ in range(20))


@pytest.mark.parametrize("path", [*PAGES, "/operator"])
def test_a_page_comes_filled_to_its_owner_and_is_kept_nowhere(dashboard: Dashboard, path: str) -> None:
    answer = _get(dashboard, path, _cookies(dashboard.sign_in(OWNER)))
    assert 'aria-busy="false"' in answer.text
    assert OWNER in answer.text.partition("<body>")[2]
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert " style=" not in answer.text
    sheet = re.findall(r"<style data-early>(.*?)</style>", answer.text)[-1]
    policy = answer.headers["content-security-policy"]
    assert base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode() in policy
    assert "unsafe" not in policy


def test_nobody_is_told_of_anybody_else(dashboard: Dashboard) -> None:
    for mine, theirs in ((OWNER, OTHER), (OTHER, OWNER)):
        text = _get(dashboard, "/", _cookies(dashboard.sign_in(mine))).text
        assert mine in text
        assert theirs not in text
    assert OTHER not in _get(dashboard, "/operator", _cookies(dashboard.sign_in(OTHER))).text


def test_who_is_not_known_gets_the_page_as_it_was_exported(dashboard: Dashboard) -> None:
    session = dashboard.sign_in("gone@example.com")
    filled = _get(dashboard, "/keys", _cookies(session)).text
    dashboard.end_sessions("gone@example.com")
    empty = _get(dashboard, "/keys", _cookies(session))
    assert "gone@example.com" in filled
    assert 'aria-busy="true"' in empty.text
    assert empty.text == _get(dashboard, "/keys", _cookies("x" * 43)).text
    assert empty.headers["cache-control"] == "no-store"


def test_no_time_is_written_for_a_reader_whose_zone_is_not_known(dashboard: Dashboard) -> None:
    session = dashboard.sign_in(OWNER)
    assert "GMT+5:30" in _get(dashboard, "/requests", _cookies(session)).text
    for zone in ({}, {"zone": ""}):
        assert 'aria-busy="true"' in _get(dashboard, "/requests", {"session": session} | zone).text


def test_what_an_address_says_stays_words(dashboard: Dashboard) -> None:
    asked = "/requests?model=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&id=</style><script>alert(1)</script>"
    answer = _get(dashboard, asked, _cookies(dashboard.sign_in(OWNER)))
    assert 'name="early"' in answer.text
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/", "/requests"])
def test_figures_need_the_page_and_its_looks_alone(dashboard: Dashboard, browser: Browser, path: str) -> None:
    with _visiting(dashboard, browser, scripts=False) as page:
        fetched: list[str] = []
        page.on("requestfinished", lambda request: fetched.append(request.resource_type))
        page.goto(dashboard.origin + path)
        assert "$" in page.locator("main .found").inner_text()
        assert set(fetched) & {"fetch", "xhr", "websocket"} == set()
        bar = page.locator("main [data-style]").first
        assert path != "/" or bar.evaluate("(one) => getComputedStyle(one).getPropertyValue('--share')")


@pytest.mark.parametrize("path", ["/", "/usage?by=model&range=12m", "/requests", "/account", "/assistant"])
def test_scripts_take_over_what_the_server_drew(dashboard: Dashboard, browser: Browser, path: str) -> None:
    with _visiting(dashboard, browser, scripts=True) as page:
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.add_init_script(MARKED)
        with page.expect_websocket(lambda socket: bool(socket.wait_for_event("framereceived"))):
            page.goto(dashboard.origin + path)
        drawn = page.locator("main").inner_text()
        _taken_over(page)
        assert page.evaluate("document.querySelector('main').drawn")
        assert page.locator("[data-style], meta[name=early]").count() == 0
        assert page.locator("main").inner_text() == drawn
        assert faults == []


def test_a_page_that_is_opened_again_takes_nothing_back(dashboard: Dashboard, browser: Browser) -> None:
    with _visiting(dashboard, browser, scripts=True) as page:
        page.goto(dashboard.origin + "/account")
        _taken_over(page)
        seen = _rows(page)
        dashboard.sign_in(OWNER)
        page.add_init_script(FEWEST)
        with page.expect_websocket(lambda socket: bool(socket.wait_for_event("framereceived"))):
            page.reload()
        _taken_over(page)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("globalThis.fewest") == _rows(page) == seen + 1


def _taken_over(page: Page) -> None:
    """Our policy allows no words as a script, so Playwright cannot wait for them within the page."""
    eventually(lambda: page.evaluate(TAKEN_OVER))


def _rows(page: Page) -> int:
    return page.locator("main tbody tr").count()


@contextmanager
def _visiting(product: Dashboard, browser: Browser, *, scripts: bool) -> Iterator[Page]:
    """Somebody who signed in before, in India."""
    context = browser.new_context(java_script_enabled=scripts, timezone_id="Asia/Kolkata", locale="en-GB")
    kept = _cookies(product.sign_in(OWNER))
    cookies: Any = [{"name": name, "value": value, "url": product.origin} for name, value in kept.items()]
    context.add_cookies(cookies)
    yield context.new_page()
    context.close()


LEFT_OPEN = """
from pathlib import Path
from account_app.drawing import Drawing
drawing = Drawing(Path("drawing.js"))
drawing.draw_now("/", "/", "{}", 0.01)
"""


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("globalThis.draw = () => { for (;;); }", "JSTimeoutException"),
        ("throw new Error('half a file')", "half a file"),
    ],
)
def test_a_process_that_breaks_off_while_it_draws_ends(tmp_path: Path, script: str, why: str) -> None:
    (tmp_path / "drawing.js").write_text(script)
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LEFT_OPEN]
    ended = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert why in ended.stderr
