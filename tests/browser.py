"""A real Chromium for the tests: the one on this machine, else Playwright's own."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from scripts.browser import on_path

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Playwright keeps a loop running in the thread while it is open, so it ends with its module's tests:
    those of other modules run loops of their own.
    """
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=on_path(), args=ARGUMENTS)
    yield launched
    launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a person who has never been here."""
    context = browser.new_context(locale="en-GB", timezone_id="Europe/Berlin")
    yield context.new_page()
    context.close()


_AT_REST = """Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().endTime < Infinity)
    .map(one => one.finished.catch(() => null))).then(() => null)"""


def violations(page: Page) -> list[Any]:
    """What axe finds on the page at rest: a colour on its way to another is none that anybody reads, and figures that
    wait for those of a new address are pale.
    """
    expect(page.locator('[data-behind="true"]')).to_have_count(0, timeout=15_000)
    page.evaluate(_AT_REST)
    return Axe().run(page).response["violations"]
