"""Keys, account and operator pages in a real Chromium, by what a person sees, with mail and Stripe of the sandbox."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import text

from relay import accounts, billing
from relay.gateways.payments.reading import said
from sandbox.serve import Running, in_thread
from tests.fixtures import history
from tests.fixtures.dashboard import Dashboard, built_site, running
from tests.fixtures.product import eventually
from tests.pages.people_house import House, Stream, opened, panel, serious, told, unreached, wide

pytestmark = pytest.mark.browser
OPS = "ops@example.com"
GIVEN = "SELECT count(*) FROM grants WHERE reason = 'A lost day'"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Dashboard]]:
    built_site()
    folder = tmp_path_factory.mktemp("people")
    with in_thread() as world, running(folder, OPERATOR_EMAILS=OPS, **world.settings) as product:
        yield world, product


def test_a_key_is_made_copied_capped_and_revoked(house: House) -> None:
    page = house.visit("keys@example.com", "/keys")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.get_by_text("No keys yet")).to_be_visible()
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog", name="New key")
    dialog.get_by_label("Name").fill("build server")
    dialog.get_by_label("Cap in USD").fill("five")
    dialog.get_by_role("button", name="Make key").click()
    expect(dialog.get_by_role("alert")).to_contain_text("A cap is an amount in dollars")
    dialog.get_by_label("Cap in USD").fill("2.50")
    dialog.get_by_role("button", name="Make key").click()
    made = page.get_by_role("status", name="Your new key")
    made.get_by_role("button", name="Copy key").click()
    expect(made.get_by_text("Copied")).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")
    assert house.status(key) == 200
    made.get_by_role("button", name="Done").click()
    opened(page, "/keys")
    assert key not in page.content()
    row = page.get_by_role("row").filter(has_text="build server")
    expect(row).to_contain_text("$2.50")
    row.get_by_role("link", name="build server").click()
    drawer = page.get_by_role("dialog", name="Key", exact=True)
    drawer.get_by_label("Cap in USD").fill("1")
    drawer.get_by_role("button", name="Save").click()
    told(page, "Saved.")
    drawer.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog", name="Revoke this key?").get_by_role("button", name="Revoke").click()
    told(page, "Revoked.")
    expect(page.get_by_text("No keys yet")).to_be_visible()
    assert house.status(key) == 401


def test_zone_and_language_are_those_that_were_chosen(house: House) -> None:
    page = house.visit("zone@example.com", "/account")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_label("Numbers and dates").select_option("de-DE")
    page.get_by_role("button", name="Save").click()
    told(page, "Saved.")
    opened(page, "/")
    expect(page.locator("[data-figure=available]")).to_have_text(re.compile(r"5,00\s\$"))
    expect(page.locator("main time").first).to_contain_text("GMT+9")
    opened(page, "/account")
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")


def test_the_address_changes_with_both_codes_and_stripe_follows(house: House) -> None:
    old, new = "moves@example.com", "moved@new.example.com"
    page = house.visit(old, "/account")
    page.request.post("/api/billing/checkout", data={"kind": "topup", "amount_usd": "5"})
    page.get_by_label("New email").fill(new)
    page.get_by_role("button", name="Send codes").click()
    page.get_by_label("Code from the old address").fill(house.code(old))
    page.get_by_label("Code from the new address").fill("000000")
    page.get_by_role("button", name="Change email").click()
    expect(page.get_by_role("alert")).to_contain_text("That code is not right")
    page.get_by_label("Code from the new address").fill(house.code(new))
    page.get_by_role("button", name="Change email").click()
    told(page, "Your email is changed.")
    expect(panel(page, "Email")).to_contain_text(new)
    customers = house.world.stripe.store
    eventually(lambda: [one["email"] for one in customers.all("customer") if one["email"] in (old, new)] == [new])
    eventually(lambda: len(house.subjects(old)) == 2)


def test_a_change_of_address_can_be_called_off(house: House) -> None:
    old, new = "stays@example.com", "stays@new.example.com"
    page = house.visit(old, "/account")
    page.get_by_label("New email").fill(new)
    page.get_by_role("button", name="Send codes").click()
    expect(page.get_by_label("Code from the old address")).to_be_visible()
    page.get_by_role("button", name="Keep my email").click()
    told(page, "Your email stays as it is.")
    expect(page.get_by_label("New email")).to_be_visible()
    opened(page, "/account")
    expect(page.get_by_label("Code from the old address")).to_be_hidden()
    expect(panel(page, "Email")).to_contain_text(old)


def test_all_data_are_downloaded_as_one_archive(house: House) -> None:
    page = house.visit("data@example.com", "/account")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download my data").click()
    with zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes())) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {Path(name).suffix for name in names} >= {".json", ".csv"}
        assert any(b"data@example.com" in archive.read(name) for name in names)
        assert all(json.loads(archive.read(name)) is not None for name in names if name.endswith(".json"))
    expect(page.get_by_text("Last made")).to_be_visible()


def test_an_account_is_deleted_by_a_code_and_its_customer_with_it(house: House) -> None:
    email = "leaves@example.com"
    page = house.visit(email, "/account")
    page.request.post("/api/billing/checkout", data={"kind": "topup", "amount_usd": "5"})
    key = house.key(email)
    page.get_by_role("button", name="Delete my account").click()
    dialog = page.get_by_role("dialog", name="Delete your account?")
    expect(dialog).to_contain_text("You still have $5.00 of credit. It is lost.")
    dialog.get_by_role("button", name="Mail me a code").click()
    dialog.get_by_label("Code").fill(house.code(email))
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    assert page.request.get("/api/auth/me").status == house.status(key) == 401
    store = house.world.stripe.store
    eventually(lambda: not any(one["email"] == email for one in store.all("customer")), 400)


def test_a_session_is_ended_from_another_and_then_all_are(house: House) -> None:
    page, other = house.visit("many@example.com", "/account"), house.visit("many@example.com", "/")
    opened(page, "/account")
    panel(page, "Where you are signed in").get_by_role("button", name="Sign out", exact=False).last.click()
    told(page, "Signed out.")
    expect(other).to_have_url(re.compile("/sign-in"))
    third = house.visit("many@example.com", "/")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(third).to_have_url(re.compile("/sign-in"))


def account_in_the_drawer(page: Page, email: str) -> Locator:
    page.get_by_label("Find accounts").fill(email)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=email).click()
    drawer = page.get_by_role("dialog", name="Account")
    expect(drawer.get_by_text(email)).to_be_visible()
    return drawer


def form_for(drawer: Locator, act: str, reason: str) -> Locator:
    """The form that hides behind the act's name, opened, with a reason in it."""
    drawer.locator("summary").get_by_text(act, exact=True).click()
    form = drawer.locator("details").filter(
        has=drawer.page.get_by_text(act, exact=True).and_(drawer.page.locator("summary"))
    )
    form.get_by_label("Reason").fill(reason)
    return form


def test_a_grant_that_is_clicked_twice_is_given_once(house: House) -> None:
    hers = house.visit("anna@example.com", "/")
    drawer = account_in_the_drawer(house.visit(OPS, "/operator"), "anna@example.com")
    form = form_for(drawer, "Give credit", "A lost day")
    form.get_by_label("Amount in USD").fill("three")
    form.get_by_role("button", name="Give credit").click()
    expect(form.get_by_role("alert")).to_contain_text("Give an amount in dollars")
    form.get_by_label("Amount in USD").fill("3")
    form.get_by_role("button", name="Give credit").dblclick()
    expect(drawer.get_by_text("Available $8.00")).to_be_visible()
    expect(drawer.get_by_text("grant $3")).to_have_count(1)
    expect(hers.locator("[data-figure=available]")).to_have_text("$8.00")
    assert house.dashboard.database.read_now(lambda c: c.execute(text(GIVEN)).scalar()) == 1


def test_blocking_ends_what_runs_and_its_person_is_told(house: House) -> None:
    hers = house.visit("stolen@example.com", "/")
    sent = Stream(house.dashboard.address, house.key("stolen@example.com"))
    assert sent.begun.wait(20)
    drawer = account_in_the_drawer(house.visit(OPS, "/operator"), "stolen@example.com")
    form_for(drawer, "Block", "A stolen card").get_by_role("button", name="Block").click()
    assert sent.over.wait(20)
    assert b"message_stop" not in sent.body
    expect(hers.get_by_text("This account is blocked")).to_be_visible()
    expect(opened(hers, "/keys").get_by_text("This account is blocked")).to_be_visible()
    form_for(drawer, "Unblock", "It was found").get_by_role("button", name="Unblock").click()
    expect(hers.get_by_text("This account is blocked")).to_have_count(0)


def test_an_event_is_replayed_differences_are_looked_for_and_services_asked(house: House) -> None:
    event = {"id": "evt_aside", "type": "customer.updated", "created": 1, "livemode": True, "api_version": "x"}
    event |= {"data": {"object": {"id": "cus_nobody", "object": "customer", "customer": "cus_nobody"}}}
    house.dashboard.database.write_now(lambda c: billing.store(c, said=said(event), livemode=False))
    page = house.visit(OPS, "/operator")
    row = page.get_by_role("row").filter(has_text="customer.updated")
    expect(row).to_contain_text("Set aside")
    row.get_by_role("button", name="Replay").click()
    told(page, "Done, and written down.")
    expect(panel(page, "What operators did").get_by_text("Worked once more")).to_be_visible()
    expect(page.get_by_text("Not looked for yet")).to_be_visible()
    page.get_by_role("button", name="Look now").click()
    differences = panel(page, "Differences")
    expect(differences.get_by_text("No difference", exact=True)).to_have_count(2)
    expect(differences.get_by_text("Last looked")).to_have_count(2)
    page.get_by_role("button", name="Ask now").click()
    expect(panel(page, "Health").get_by_text("Well", exact=True)).to_have_count(5)


def test_revenue_is_drawn_by_day_with_its_table_behind_it(house: House) -> None:
    email = "spends@example.com"
    house.visit(email, "/")
    history.a_month(house.dashboard.database, house.dashboard.account_id(email), days=3)
    page = house.visit(OPS, "/operator")
    chart = page.get_by_role("slider", name="Revenue per day")
    chart.focus()
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"requests?$"))
    shown = page.locator("[data-on] .tip")
    expect(shown).to_contain_text("Upstream cost")
    expect(shown).to_contain_text("Margin")
    page.get_by_text("Show as a table").first.click()
    table = page.get_by_role("table", name="By day")
    cents = [round(100 * float(cell.lstrip("<$"))) for cell in table.locator("td:nth-child(3)").all_inner_texts()]
    revenue = page.locator("main dl dd").first.inner_text()
    assert abs(sum(cents) - round(100 * float(revenue[1:]))) <= len(cents)


def test_a_sum_is_followed_to_a_receipt_where_the_request_is_put_right_and_that_is_told_once(house: House) -> None:
    email = "disputes@example.com"
    house.visit(email, "/")
    request_id = history.a_month(house.dashboard.database, house.dashboard.account_id(email), days=1)[-1]
    page = house.visit(OPS, "/operator")
    page.locator("main dl").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Everything, last 30 days")).to_be_visible()
    page.get_by_role("row").filter(has_text=request_id).get_by_role("link").first.click()
    drawer = page.get_by_role("dialog", name="Receipt")
    expect(drawer.get_by_role("table", name="Arithmetic of the price")).to_be_visible()
    form = form_for(drawer, "Correct this request", "It was ours")
    form.get_by_label("Shall cost in all").fill("0")
    form.get_by_role("button", name="Correct this request").click()
    expect(drawer.get_by_role("status").get_by_text("Done, and written down.")).to_be_visible()
    expect(drawer.get_by_role("table", name="Corrections")).to_contain_text("It was ours")
    drawer.locator(".toast").dispatch_event("animationend")
    drawer.get_by_role("button", name="Close").click()
    page.get_by_role("link", name="Keys", exact=True).click()
    expect(page.get_by_role("heading", name="Keys", exact=True)).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)


def test_the_operators_page_is_nobody_elses(house: House) -> None:
    page = house.visit("curious@example.com", "/account")
    page.goto(f"/operator?account={house.dashboard.account_id(OPS)}&id=req_1")
    expect(page).to_have_url(f"{house.dashboard.address}/")
    told(page, "That page is not for this account.")
    expect(page.get_by_role("link", name="Operator")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_it_fits_a_phone_and_the_keyboard_reaches_all(house: House, scheme: Any) -> None:
    ops = house.visit(OPS, "/keys", color_scheme=scheme, reduced_motion="reduce")
    house.key(OPS, "a key with a name that is rather long for a phone of 320 pixels")
    account_id = house.dashboard.account_id(OPS)
    key_id = house.dashboard.database.read_now(lambda c: accounts.list_keys(c, account_id))[0].id
    for path in ("/keys", f"/keys?key={key_id}", "/account", "/operator", f"/operator?account={account_id}"):
        opened(ops, path)
        for width in (1280, 320):
            ops.set_viewport_size({"width": width, "height": 900})
            assert ops.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width, wide(ops))
            assert serious(ops) == [], (path, width)
        ops.set_viewport_size({"width": 1280, "height": 900})
        if "?" not in path and scheme == "light":
            assert unreached(ops) == [], path
