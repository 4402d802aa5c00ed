"""Everything by keyboard, with text twice as large, and in the few colours that somebody chose."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from account_app.places import PLACES
from tests.fixtures import history
from tests.fixtures.dashboard import Dashboard, built_site, running
from tests.pages.people_house import opened, serious

pytestmark = pytest.mark.browser
EMAIL = "keys@example.com"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    built_site()
    with running(tmp_path_factory.mktemp("mouse"), OPERATOR_EMAILS=EMAIL) as product:
        product.sign_in(EMAIL)
        history.a_month(product.database, product.account_id(EMAIL))
        yield product


@pytest.fixture
def page(browser: Browser, dashboard: Dashboard) -> Iterator[Page]:
    context = browser.new_context(base_url=dashboard.address, timezone_id="Europe/Berlin", locale="en-GB")
    cookie: Any = {"name": "session", "value": dashboard.sign_in(EMAIL), "url": dashboard.address}
    context.add_cookies([cookie])
    yield context.new_page()
    context.close()


def tab_to(page: Page, wanted: Locator) -> None:
    """By Tab alone; where one is can be seen."""
    expect(wanted).to_be_visible()
    for _ in range(150):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            assert wanted.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
            return
    raise AssertionError(f"Tab does not come to {wanted}")


def test_from_a_bar_of_the_chart_down_to_a_receipt_and_back(page: Page) -> None:
    opened(page, "/")
    tab_to(page, page.get_by_role("link", name="Usage", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Last month"))
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(_with("range=30d"))
    chart = page.get_by_role("slider", name="Price per day")
    tab_to(page, chart)
    expect(chart).to_have_attribute("aria-valuetext", _with("request"))
    last = chart.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowLeft")
    expect(chart.locator("[data-on] .tip")).to_be_visible()
    assert chart.get_attribute("aria-valuetext") != last
    page.keyboard.press("Home")
    expect(chart).to_have_attribute("aria-valuenow", "1")
    tab_to(page, page.get_by_role("columnheader", name="Price").last.get_by_role("link"))
    expect(chart.locator("[data-on]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page).to_have_url(_with("sort=-price"))
    row = page.locator("section").last.locator("tbody tr").first.get_by_role("link")
    tab_to(page, row)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Requests")
    request = page.locator("main tbody tr").first.get_by_role("link")
    tab_to(page, request)
    page.keyboard.press("Enter")
    receipt = page.get_by_role("dialog", name="Receipt")
    expect(receipt.get_by_role("table", name="Arithmetic of the price")).to_be_visible()
    assert receipt.evaluate("one => one.contains(document.activeElement)")
    assert serious(page) == []
    page.keyboard.press("Escape")
    expect(receipt).to_be_hidden()
    expect(request).to_be_focused()


def test_a_key_is_made_in_a_dialog_that_keeps_the_focus_and_gives_it_back(page: Page) -> None:
    opened(page, "/keys")
    new = page.get_by_role("button", name="New key")
    tab_to(page, new)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New key")
    expect(dialog.get_by_label("Name")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("!document.querySelector('main :focus') || !!document.querySelector('dialog :focus')")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(new).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    made = page.get_by_role("status", name="Your new key")
    expect(made).to_be_visible()
    tab_to(page, made.get_by_role("button", name="Done"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="by hand")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "button", "dialog"),
    [
        ("/keys", "New key", "New key"),
        ("/account", "Delete my account", "Delete your account?"),
        ("/operator", EMAIL, "Account"),
        ("/", "Menu", ""),
    ],
)
def test_axe_finds_nothing_serious_in_what_opens(page: Page, path: str, button: str, dialog: str, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": 360, "height": 740})
    opened(page, path)
    page.locator("main, header").get_by_text(button, exact=True).first.click()
    what = page.get_by_role("dialog", name=dialog) if dialog else page.get_by_role("navigation", name="Pages")
    expect(what).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_text_twice_as_large_fits_and_chosen_colours_lose_nothing(page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 900})
    page.emulate_media(forced_colors="active")
    for place in PLACES:
        opened(page, place.address)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place.name
        cut = page.eval_on_selector_all(
            "main :is(button, a, h1, h2, dt, dd, label, select)",
            "all => all.filter(e => e.checkVisibility() && !e.closest('.sr-only')"
            " && getComputedStyle(e).overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 120))",
        )
        assert cut == [], place.name
    opened(page, "/usage")
    bar = page.get_by_role("slider").locator("[data-series]").first
    ground = page.locator("main").evaluate("one => getComputedStyle(one).backgroundColor")
    assert bar.evaluate("one => getComputedStyle(one).backgroundColor") != ground
    here = page.get_by_role("group", name="Range").locator("[aria-current=true]")
    assert "underline" in here.evaluate("one => getComputedStyle(one).textDecorationLine")


def _with(text: str) -> Any:
    return re.compile(re.escape(text))
