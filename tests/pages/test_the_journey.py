"""The main job, in a real browser: sign in with the mailed code, talk to Claude, see its cost, sign out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sandbox.serve import in_thread
from tests.fixtures.product import Product, eventually, running_product

pytestmark = pytest.mark.browser
EMAIL = "designer@example.com"


@pytest.fixture
def place(tmp_path: Path, sqlite_url: str) -> Iterator[Product]:
    """A server whose Claude speaks at a pace that people can follow, and that welcomes them with credit."""
    with (
        in_thread(pace=80.0) as world,
        running_product(tmp_path, sqlite_url, world, SIGN_UP_GRANT_USD="1") as found,
    ):
        yield found


def mailed_code(place: Product, email: str = EMAIL) -> str:
    with place.http() as http:
        url = f"{place.world.urls['mail']}/emails.json"
        found = eventually(lambda: [m for m in http.get(url).json() if email in m["to"]])
    return re.match(r"\d{6}", found[0]["subject"]).group()


def sign_in(page: Page, place: Product, email: str = EMAIL) -> None:
    page.goto(place.url + "/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Sign in").click()
    code = page.get_by_label("Code")
    expect(code).to_be_visible()
    code.fill(mailed_code(place, email))
    expect(page.get_by_text("Available credit")).to_be_visible()


def test_a_stranger_signs_in_talks_to_claude_and_sees_what_it_cost(page: Page, place: Product) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    sign_in(page, place)
    expect(page.get_by_text("$1.00").first).to_be_visible()

    overview = page.context.new_page()
    overview.goto(place.url + "/")
    expect(overview.get_by_text("$1.00").first).to_be_visible()

    page.get_by_role("link", name="Assistant", exact=True).click()
    box = page.get_by_role("textbox", name="Message")
    box.fill("How should I kern the pair To? [[sandbox: tokens=240]]")
    page.get_by_role("button", name="Send").click()
    answer = page.get_by_role("log")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    early = eventually(lambda: len(answer.inner_text()) > 80 and len(answer.inner_text()))
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert len(answer.inner_text()) > early, "the answer did not arrive word by word"

    # The other page was not touched: its figures moved by themselves.
    expect(overview.get_by_text("<$0.01").first).to_be_visible()
    assert problems == []


def test_who_sends_each_form_twice_comes_in_and_signing_out_closes_the_door(page: Page, place: Product) -> None:
    page.goto(place.url + "/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_role("button", name="Sign in").dblclick()
    page.get_by_label("Code").fill(mailed_code(place))
    # The page sends a whole code by itself; habit sends it again.
    page.keyboard.press("Enter")
    expect(page.get_by_text("Available credit")).to_be_visible()
    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto(place.url + "/usage")
    expect(page).to_have_url(re.compile("/sign-in"))
    refused = page.request.get(place.url + "/api/balance")
    assert refused.status == 401
