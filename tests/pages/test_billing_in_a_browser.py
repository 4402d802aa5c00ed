"""Buying and limits on the billing page in a real Chromium, paid on the sandbox's Stripe, told by its webhook."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from relay import accounts, clock
from relay.money import PICO_PER_USD
from sandbox.serve import Running, in_thread
from sandbox.stripe import defaults
from tests.fixtures.browser import violations
from tests.fixtures.dashboard import Dashboard, built_site, running

pytestmark = pytest.mark.browser
ALERT = "alert"


@dataclass
class Shop:
    """The product before a Stripe of its own, and a browser in it."""

    world: Running
    dashboard: Dashboard
    browser: Browser

    def visit(self, email: str, **how: Any) -> Page:
        """The billing page of somebody who has just signed in, with $5 of promotional credit."""
        context = self.browser.new_context(base_url=self.dashboard.address, timezone_id="Asia/Tokyo", **how)
        cookie: Any = {"name": "session", "value": self.dashboard.sign_in(email), "url": self.dashboard.address}
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto("/billing")
        expect(page.locator("main")).to_have_attribute("aria-busy", "false")
        return page

    def ask(self, **wish: object) -> None:
        httpx.post(f"{self.world.urls['stripe']}/sandbox/next", json=wish).raise_for_status()


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Dashboard]]:
    built_site()
    with in_thread(["stripe", "mail"]) as world, running(tmp_path_factory.mktemp("shop"), **world.settings) as product:
        defaults.listen(world.stripe.store, f"{product.address}/api/stripe/webhook", world.stripe.secret)
        yield world, product


@pytest.fixture
def shop(counter: tuple[Running, Dashboard], browser: Browser) -> Iterator[Shop]:
    yield Shop(*counter, browser)
    for context in browser.contexts:
        context.close()


def pays(page: Page, button: str = "Pay") -> None:
    """On the sandbox's checkout, and back."""
    expect(page.get_by_role("heading", name="Sandbox: checkout")).to_be_visible()
    page.get_by_role("button", name=re.compile(button)).click()


def panel(page: Page, title: str) -> Any:
    return page.get_by_role("region", name=title, exact=True).first


def figure(page: Page, name: str) -> Any:
    return page.locator(f"[data-figure={name}]")


def test_a_plan_is_bought_and_the_page_says_confirming_until_the_webhook_has_worked(shop: Shop) -> None:
    page = shop.visit("plan@example.com")
    expect(panel(page, "Plan")).to_contain_text("No plan")
    expect(panel(page, "Next invoice")).to_contain_text("Without a plan there is none")
    expect(page.get_by_text("No invoices yet")).to_be_visible()
    shop.ask(webhooks="delay", type="checkout.session.completed", ms=2500)
    page.get_by_role("button", name="Start the plan").click()
    pays(page, "Subscribe")
    expect(page.get_by_text("Confirming your payment")).to_be_visible()
    expect(page.get_by_text("Payment received")).to_be_visible()
    expect(figure(page, "cap")).to_have_text("$50.00")
    expect(panel(page, "Plan")).to_contain_text("Active")
    expect(panel(page, "Plan")).to_contain_text("$10.00 of credit each month")
    expect(figure(page, "credit")).to_have_text("$15.00")
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="Plan", exact=True))
    expect(row.get_by_role("link")).to_have_attribute("href", re.compile(r"^http://127\.0\.0\.1:\d+/"))
    expect(figure(page, "upcoming")).to_have_text("$20.00")
    invoices = panel(page, "Invoices")
    expect(invoices.get_by_role("row").filter(has_text="$20.00")).to_contain_text("Paid")
    pdf = invoices.get_by_role("link", name="Download the PDF of").get_attribute("href")
    assert httpx.get(str(pdf)).content.startswith(b"%PDF")


def test_a_payment_that_is_declined_changes_nothing(shop: Shop) -> None:
    page = shop.visit("declined@example.com")
    page.get_by_role("button", name="Add $25").click()
    pays(page, "Decline")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("link", name="Back").click()
    expect(figure(page, "credit")).to_have_text("$5.00")
    assert page.get_by_text("Payment received").count() == 0


def test_the_address_that_stripe_sends_people_back_to_is_believed_by_nobody(shop: Shop) -> None:
    page = shop.visit("forger@example.com")
    page.get_by_role("button", name="Add $50").click()
    expect(page.get_by_role("heading", name="Sandbox: checkout")).to_be_visible()
    session = next(s for s in shop.world.stripe.store.all("checkout.session") if s["amount_total"] == 5000)
    page.goto(f"/billing?checkout={session['id']}")
    expect(page.get_by_text("Confirming your payment")).to_be_visible()
    expect(figure(page, "credit")).to_have_text("$5.00")
    other = shop.visit("stranger@example.com")
    other.goto(f"/billing?checkout={session['id']}")
    expect(figure(other, "credit")).to_have_text("$5.00")
    assert other.get_by_text("Confirming your payment").count() == 0


def test_credit_is_topped_up_by_any_amount_within_its_bounds(shop: Shop) -> None:
    page = shop.visit("topup@example.com")
    amount = page.get_by_label("Another amount, in USD")
    for wrong in ("4.99", "1001", "12.345", "ten", "", "-20"):
        amount.fill(wrong)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role(ALERT)).to_contain_text("A top-up is $5 to $1,000")
    amount.fill("$12.50")
    page.get_by_role("button", name="Continue").click()
    pays(page)
    expect(page.get_by_text("$12.50 of credit was added")).to_be_visible()
    expect(figure(page, "credit")).to_have_text("$17.50")
    expect(page.get_by_role("row").filter(has_text="Top-up")).to_contain_text("Never")


def test_the_cap_changes_at_once_and_alerts_are_another_thing(shop: Shop) -> None:
    page = shop.visit("limits@example.com")
    cap = page.get_by_label("Spend cap, in USD")
    expect(cap).to_have_value("50")
    for wrong in ("-1", "1001", "much", ""):
        cap.fill(wrong)
        page.get_by_role("button", name="Change the cap").click()
        expect(page.get_by_role(ALERT)).to_contain_text("A spend cap is $0 to $1,000")
    cap.fill("80.50")
    page.get_by_role("button", name="Change the cap").click()
    expect(page.get_by_role("status").get_by_text("The spend cap is $80.50 now.")).to_be_visible()
    assert balance(page)["spend_cap_usd"] == "80.5"
    low = page.get_by_role("checkbox", name="Low credit")
    expect(low).to_be_checked()
    low.click()
    expect(low).not_to_be_checked()
    page.reload()
    expect(cap).to_have_value("80.5")
    expect(page.get_by_role("checkbox", name="Low credit")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="Spend cap")).to_be_checked()
    assert page.request.get("/api/billing/alerts").json()["low_credit"] is False


def test_the_portal_opens_for_this_click_and_a_stripe_that_is_down_is_told(shop: Shop) -> None:
    page = shop.visit("portal@example.com")
    shop.ask(status=500, times=20)
    page.get_by_role("button", name="Manage card and invoices").click()
    expect(page.get_by_role("status").get_by_text("payment provider does not answer")).to_be_visible()
    shop.world.stripe.mischief.requests.clear()
    page.get_by_role("button", name="Manage card and invoices").click()
    page.wait_for_url(f"{shop.world.urls['stripe']}/p/session/**")


def test_what_is_owed_is_explained_and_so_is_mail_that_does_not_arrive(shop: Shop) -> None:
    page = shop.visit("owes@example.com")
    account_id = shop.dashboard.account_id("owes@example.com")
    shop.dashboard.database.write_now(lambda c: accounts.stop_mail(c, "owes@example.com", "bounced", clock.now()))
    owe(shop.dashboard, account_id, 3 * PICO_PER_USD)
    page.reload()
    expect(page.get_by_text("Your account owes $3.00")).to_be_visible()
    expect(page.get_by_text("No alerts are mailed")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_it_fits_a_phone(shop: Shop, scheme: Any, tmp_path: Path) -> None:
    page = shop.visit("axe@example.com", color_scheme=scheme)
    shop.dashboard.give(shop.dashboard.account_id("axe@example.com"), 7)
    expect(figure(page, "credit")).to_have_text(re.compile(r"\$1[29]\.00|\$12\.00"))
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = violations(page)
        serious = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
        assert serious == []


def balance(page: Page) -> dict[str, Any]:
    return page.request.get("/api/balance").json()


def owe(dashboard: Dashboard, account_id: str, pico: int) -> None:
    """As a refund of spent credit leaves it: the grant below zero."""
    from sqlalchemy import update

    from relay.tables import Balance, Grant, table

    balances, grants = table(Balance), table(Grant)

    def work(connection: Any) -> None:
        connection.execute(update(grants).where(grants.c.account_id == account_id).values(remaining_pico=-pico))
        mine = balances.c.account_id == account_id
        connection.execute(update(balances).where(mine).values(credit_pico=-pico, changed_at=clock.now()))

    dashboard.database.write_now(work)
