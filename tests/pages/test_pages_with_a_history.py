"""The reading pages of somebody with a month of use: what they say, and that everybody can read them."""

import csv
import io
import random
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from account_app.components.figures import dollars, spendable
from relay import usage
from relay.settings import ROOT
from tests.fixtures import history
from tests.fixtures.browser import violations
from tests.fixtures.dashboard import Dashboard, built_site, running

pytestmark = pytest.mark.browser

EMAIL = "ada@example.com"
READING = ("/", "/usage", "/usage?by=model&range=12m", "/usage?show=tokens&range=today", "/requests", "/assistant")
PICTURES = ROOT / "test-results" / "pages"
STYLES = {"wide": (1280, 900), "phone": (320, 740)}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    built_site()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running(tmp_path_factory.mktemp("history")) as product:
        product.sign_in(EMAIL)
        history.a_month(product.database, product.account_id(EMAIL))
        yield product


@pytest.fixture
def context(browser: Browser, dashboard: Dashboard) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=dashboard.address, timezone_id="Europe/Berlin", locale="en-GB")
    cookie: Any = {"name": "session", "value": dashboard.sign_in(EMAIL), "url": dashboard.address}
    context.add_cookies([cookie])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def opened(page: Page, path: str) -> Page:
    page.goto(path)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return page


def figures(dashboard: Dashboard, work: Any) -> Any:
    account_id = dashboard.account_id(EMAIL)
    return dashboard.database.read_now(lambda c: work(c, account_id))


@pytest.mark.parametrize(("style", "scheme"), [("wide", "light"), ("phone", "dark")])
@pytest.mark.parametrize("path", READING)
def test_everybody_can_read_it(page: Page, path: str, style: str, scheme: Any) -> None:
    width, height = STYLES[style]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.add_init_script(
        "globalThis.shift = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " if (!one.hadRecentInput) globalThis.shift += one.value }).observe({type: 'layout-shift', buffered: true})"
    )
    opened(page, path)
    name = (path.strip("/") or "overview").replace("?", "-").replace("&", "-").replace("=", "-")
    page.screenshot(path=PICTURES / f"{name}-{style}-{scheme}.png", full_page=True)
    found = violations(page)
    serious = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert round(page.evaluate("globalThis.shift"), 2) == 0
    small = page.eval_on_selector_all(
        "main button, main select, main input:not([type=hidden]), nav a, main [role=group] a, main summary",
        "all => all.filter(e => e.checkVisibility()).map(e => [e.textContent, e.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < 24 || box.width < 24).map(([text]) => text)",
    )
    assert small == []


def test_the_same_balance_and_the_same_sums_stand_everywhere(page: Page, context: BrowserContext) -> None:
    balance = context.request.get("/api/balance").json()
    opened(page, "/")
    expect(page.locator("[data-figure=available]")).to_have_text(
        spendable(int(Decimal(balance["available_usd"]) * 10**12))
    )
    opened(page, "/usage?range=30d")
    total = page.locator("tfoot td").last.locator("span").get_attribute("title")
    counted = page.locator("tfoot td").nth(1).inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert f"${sum(Decimal(row['price_usd']) for row in rows).normalize():f}" == total
    assert str(sum(int(row["requests"]) for row in rows)) == counted
    assert len(rows) == page.locator("section").last.locator("tbody tr").count()
    opened(page, "/requests?range=30d")
    assert total is not None
    expect(page.get_by_role("heading", level=2).first).to_contain_text(f"{counted} requests, {_in_cents(total[1:])}")


def test_a_figure_leads_down_to_its_requests_and_they_to_their_receipts(page: Page, dashboard: Dashboard) -> None:
    opened(page, "/usage?by=model&range=30d")
    page.get_by_role("row").get_by_role("link", name="claude-opus-5-5").click()
    expect(page).to_have_url(_ends_with("model=claude-opus-5-5"))
    expect(page.get_by_label("Model")).to_have_value("claude-opus-5-5")
    rows = page.locator("main tbody tr")
    expect(rows.first).to_contain_text("claude-opus-5-5")
    models = [row.locator("td").nth(1).locator("span").first.inner_text() for row in rows.all()]
    assert set(models) == {"claude-opus-5-5"}
    rows.first.get_by_role("link").click()
    receipt = page.get_by_role("dialog", name="Receipt")
    expect(receipt.get_by_role("table", name="Arithmetic of the price")).to_be_visible()
    page.screenshot(path=PICTURES / "receipt-wide-light.png")
    amounts = receipt.locator("tbody tr td:last-child").all_inner_texts()
    price = receipt.locator("tfoot td").last.inner_text()
    assert sum(Decimal(a[1:]) for a in amounts) == Decimal(price[1:])
    page.keyboard.press("Escape")
    expect(receipt).to_be_hidden()
    expect(page).not_to_have_url(_ends_with("id="))


def test_an_hour_and_a_total_lead_to_just_their_requests(page: Page) -> None:
    opened(page, "/usage?by=hour&range=7d")
    row = page.locator("section").last.locator("tbody tr").first
    asked = int(row.locator("td").nth(1).inner_text())
    row.get_by_role("link").click()
    title = page.get_by_role("heading", level=2).first
    expect(title).to_contain_text("in the hour from")
    expect(page.locator("main tbody tr")).to_have_count(asked)
    page.get_by_role("link", name="Show the whole day").click()
    expect(title).not_to_contain_text("in the hour from")
    opened(page, "/usage?range=7d")
    total = page.locator("tfoot tr")
    asked = int(total.locator("td").nth(1).inner_text())
    total.get_by_role("link").click()
    expect(title).to_contain_text(f"{asked} requests")


def test_every_figure_and_every_column_of_the_chart_leads_to_its_requests(page: Page) -> None:
    opened(page, "/usage?by=model&range=7d")
    leading = page.locator("main :is(dl, figure ~ ul) a")
    expect(leading).to_have_count(4 + page.locator("section").last.locator("tbody tr").count())
    colour = leading.last
    model = colour.locator("span").first.inner_text()
    colour.click()
    expect(page.get_by_label("Model")).to_have_value(model)
    opened(page, "/usage?range=7d")
    page.get_by_text("Show as a table").click()
    column = page.get_by_role("table", name="The chart's figures").get_by_role("row").last
    asked, price = column.locator("td").nth(1).inner_text(), column.locator("td").nth(2).inner_text()
    column.get_by_role("link").click()
    expect(page.get_by_role("heading", level=2).first).to_have_text(f"{asked}, {price}")


def test_what_was_stopped_says_what_was_charged_and_why(page: Page, dashboard: Dashboard) -> None:
    opened(page, "/requests?range=30d")
    page.get_by_label("Ended").select_option("Stopped")
    expect(page).to_have_url(_ends_with("ended=client_gone"))
    rows = page.locator("main tbody tr")
    expect(rows.first).to_contain_text("Stopped")
    assert all("Stopped" in row for row in rows.all_inner_texts())
    rows.first.get_by_role("link").click()
    receipt = page.get_by_role("dialog", name="Receipt")
    expect(receipt).to_contain_text("The client left before the end")
    expect(receipt).to_contain_text("estimated")


def test_the_log_is_turned_page_by_page_and_back(page: Page, dashboard: Dashboard) -> None:
    opened(page, "/requests?range=12m")
    first = page.locator("main tbody tr").first.inner_text()
    page.get_by_role("link", name="Older").click()
    expect(page.locator("main tbody tr").first).not_to_have_text(first)
    expect(page).to_have_url(_ends_with("before="))
    page.get_by_role("link", name="Newest").click()
    expect(page.locator("main tbody tr").first).to_contain_text(first.split("\n")[0])


def test_columns_sort_by_their_titles(page: Page) -> None:
    opened(page, "/usage?by=model&range=30d")
    price = page.get_by_role("columnheader", name="Price").last
    expect(price).to_have_attribute("aria-sort", "descending")
    price.get_by_role("link").click()
    expect(page).to_have_url(_ends_with("sort=price"))
    expect(price).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(".found")).to_have_attribute("data-behind", "false")
    prices = (
        page.locator("section")
        .last.locator("tbody tr td:last-child span")
        .evaluate_all("all => all.map(e => Number(e.title.slice(1)))")
    )
    assert prices == sorted(prices)


def test_a_request_that_settles_appears_by_itself(page: Page, dashboard: Dashboard) -> None:
    opened(page, "/requests")
    expect(page.locator("main tbody tr").first).to_be_visible()
    request_id = history.call(dashboard.database, dashboard.account_id(EMAIL), random.Random(1))
    expect(page.locator(f"code[title={request_id}]")).to_be_visible()


def test_numbers_times_and_zones_are_the_readers(browser: Browser, dashboard: Dashboard) -> None:
    context = browser.new_context(base_url=dashboard.address, timezone_id="America/New_York", locale="de-DE")
    cookie: Any = {"name": "session", "value": dashboard.sign_in(EMAIL), "url": dashboard.address}
    context.add_cookies([cookie])
    page = opened(context.new_page(), "/")
    available = figures(dashboard, lambda c, a: usage.balance(c, a)).available_pico
    expect(page.locator("[data-figure=available]")).to_have_text(spendable(available, "de-DE"))
    expect(page.locator("main time").first).to_contain_text("GMT-5")
    context.close()


def test_by_keyboard_the_menu_of_a_phone_opens_and_closes(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    opened(page, "/")
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
    page.get_by_role("button", name="Menu").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Requests", exact=True)).to_be_visible()
    page.screenshot(path=PICTURES / "menu-phone-light.png")
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()


def test_figures_that_cannot_be_renewed_stay_and_say_from_when_they_are(page: Page, tmp_path: Path) -> None:
    with running(tmp_path) as dashboard:
        session = dashboard.sign_in(EMAIL)
        cookie: Any = {"name": "session", "value": session, "url": dashboard.address}
        page.context.add_cookies([cookie])
        opened(page, f"{dashboard.address}/")
        dashboard.database.write_now(lambda c: c.exec_driver_sql("ALTER TABLE usage_sums RENAME TO elsewhere"))
        dashboard.give(dashboard.account_id(EMAIL), 3)
        expect(page.get_by_text("could not be renewed")).to_be_visible()
        expect(page.get_by_text("These figures are from")).to_be_visible()
        expect(page.locator("[data-figure=available]")).to_have_text("$5.00")
        page.screenshot(path=PICTURES / "problem-wide-light.png")
        dashboard.database.write_now(lambda c: c.exec_driver_sql("ALTER TABLE elsewhere RENAME TO usage_sums"))
        dashboard.give(dashboard.account_id(EMAIL), 4)
        expect(page.locator("[data-figure=available]")).to_have_text("$12.00")
        expect(page.get_by_text("could not be renewed")).to_be_hidden()


def test_a_server_that_is_lost_is_told_and_one_that_comes_back_takes_nothing_away(page: Page, tmp_path: Path) -> None:
    with running(tmp_path) as dashboard:
        cookie: Any = {"name": "session", "value": dashboard.sign_in(EMAIL), "url": dashboard.address}
        page.context.add_cookies([cookie])
        opened(page, f"{dashboard.address}/keys")
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name").fill("half typed")
        other = page.context.new_page()
        opened(other, f"{dashboard.address}/account")
        other.wait_for_load_state("networkidle")
    other.get_by_role("link", name="Usage").click()
    expect(other.get_by_role("heading", name="Usage")).to_be_visible()
    expect(page.get_by_text("Reconnecting")).to_be_visible()
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.evaluate(_WATCH)
    with running(tmp_path, port=int(dashboard.address.rpartition(":")[2])):
        expect(page.get_by_text("Reconnecting")).to_be_hidden()
        page.get_by_role("button", name="Make key").dblclick()
        expect(page.get_by_role("button", name="Copy key")).to_be_focused()
        expect(page.get_by_role("link", name="half typed")).to_have_count(1)
        expect(other.locator("main")).to_have_attribute("aria-busy", "false")
    assert page.evaluate("globalThis.blinked") is False


_WATCH = """globalThis.blinked = false; new MutationObserver(() => {
    globalThis.blinked ||= document.querySelector('main').getAttribute('aria-busy') !== 'false';
}).observe(document.querySelector('main'), {attributes: true, childList: true, subtree: true})"""


def _in_cents(usd: str) -> str:
    return dollars(int(Decimal(usd) * 10**12))


def _ends_with(text: str) -> Any:
    return re.compile(re.escape(text))
