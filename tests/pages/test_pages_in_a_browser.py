"""The pages in a real Chromium: their states, what they fetch, and that everybody can use them."""

import re
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, WebSocketRoute, expect

from account_app.places import PLACES
from tests.fixtures.browser import violations
from tests.fixtures.dashboard import Dashboard, built_site, running

pytestmark = pytest.mark.browser

PAGES = tuple(place.address for place in PLACES if not place.operators)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    built_site()
    with running(tmp_path_factory.mktemp("pages")) as product:
        yield product


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def context(browser: Browser, dashboard: Dashboard, faults: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=dashboard.address, timezone_id="Asia/Tokyo", locale="en-GB")
    context.on("console", lambda m: m.type in ("error", "warning") and faults.append(m.text))
    context.on("weberror", lambda e: faults.append(str(e.error)))
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(context: BrowserContext, dashboard: Dashboard, email: str) -> None:
    cookie: Any = {"name": "session", "value": dashboard.sign_in(email), "url": dashboard.address}
    context.add_cookies([cookie])


def opened(page: Page, path: str) -> Page:
    page.goto(path)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return page


def test_pages_fetch_from_nobody_else_and_break_no_rule(
    page: Page, context: BrowserContext, dashboard: Dashboard, faults: list[str]
) -> None:
    strangers: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((dashboard.address, "data:", "blob:")):
            strangers.append(request.url)

    context.on("request", note)
    page.goto("/sign-in")
    expect(page.get_by_label("Email")).to_be_visible()
    sign_in(context, dashboard, "rules@example.com")
    for path in PAGES:
        opened(page, path)
    assert strangers == []
    assert faults == []


def test_going_from_page_to_page_loads_nothing_anew(
    page: Page, context: BrowserContext, dashboard: Dashboard, faults: list[str]
) -> None:
    sign_in(context, dashboard, "walks@example.com")
    opened(page, "/")
    page.evaluate("window.stayed = true")
    links = page.get_by_role("navigation").get_by_role("link")
    expect(links).to_have_text([place.name for place in PLACES if not place.operators])
    for name in ("Usage", "Requests", "Billing", "Assistant", "Overview"):
        links.filter(has_text=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_role("navigation").locator("[aria-current=page]")).to_have_text(name)
    assert page.evaluate("window.stayed")
    assert faults == []


def test_figures_change_on_the_open_page(page: Page, context: BrowserContext, dashboard: Dashboard) -> None:
    sign_in(context, dashboard, "moving@example.com")
    opened(page, "/")
    figure = page.locator("[data-figure=available]")
    expect(figure).to_have_text("$5.00")
    dashboard.give(dashboard.account_id("moving@example.com"), 4)
    expect(figure).to_have_text("$9.00")


def test_nothing_used_yet_says_what_to_do(page: Page, context: BrowserContext, dashboard: Dashboard) -> None:
    sign_in(context, dashboard, "new@example.com")
    opened(page, "/")
    expect(page.get_by_role("heading", name="Three steps to the first message")).to_be_visible()
    page.get_by_role("link", name="Ask now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Assistant")
    opened(page, "/usage")
    expect(page.get_by_text("Nothing was used in this range")).to_be_visible()


def test_the_range_is_in_the_address_and_in_the_download(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "ranges@example.com")
    opened(page, "/usage?from=2026-11-02&to=2026-11-09&by=model")
    expect(page.get_by_label("From")).to_have_value("2026-11-02")
    download = page.get_by_role("link", name="Download CSV")
    expect(download).to_have_attribute(
        "href", "/api/usage.csv?from=2026-11-02&to=2026-11-09&by=model&zone=Asia%2FTokyo"
    )
    page.get_by_role("link", name="Last month").click()
    expect(page).to_have_url(f"{dashboard.address}/usage?range=last-month&by=model")
    page.get_by_role("link", name="Service").click()
    expect(page).to_have_url(f"{dashboard.address}/usage?range=last-month&by=service")


def test_links_follow_the_address_before_the_figures_do(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "quick@example.com")
    opened(page, "/usage?range=7d")
    context.set_offline(True)
    page.get_by_role("link", name="Last month").click()
    expect(page.get_by_role("group", name="Range").locator("[aria-current=true]")).to_have_text("Last month")
    page.get_by_role("link", name="Service").click()
    expect(page).to_have_url(f"{dashboard.address}/usage?range=last-month&by=service")
    context.set_offline(False)


def test_times_name_the_readers_zone(page: Page, context: BrowserContext, dashboard: Dashboard) -> None:
    sign_in(context, dashboard, "zone@example.com")
    opened(page, "/")
    expect(page.locator("main time").first).to_contain_text("GMT+9")


def test_a_page_shows_a_skeleton_until_its_figures_come(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "waits@example.com")
    page.route_web_socket("**/_event/**", lambda socket: None)
    page.goto("/")
    expect(page.get_by_role("status").get_by_text("Loading")).to_be_attached()
    expect(page.locator(".breathe").first).to_be_visible()
    assert "$" not in page.locator("main").inner_text()


def test_the_next_page_shows_a_skeleton_too_and_nothing_that_is_not_known(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "goes-on@example.com")
    held: list[str | bytes] = []
    holding = Event()

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda said: held.append(said) if holding.is_set() else server.send(said))

    page.route_web_socket("**/_event/**", between)
    opened(page, "/")
    holding.set()
    page.get_by_role("navigation").get_by_role("link", name="Billing").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Billing")
    expect(page.get_by_role("status").get_by_text("Loading")).to_be_attached()
    expect(page.locator("main .found")).to_have_count(0)


def test_an_ended_session_leads_to_signing_in_and_says_so(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "ends@example.com")
    opened(page, "/usage?by=model")
    dashboard.end_sessions("ends@example.com")
    back = "/usage%3Fby%3Dmodel"
    expect(page).to_have_url(f"{dashboard.address}/sign-in?error=expired&next={back}")
    expect(page.get_by_role("alert")).to_have_text("You were signed out. Sign in to go on.")
    expect(page.get_by_label("Email")).to_be_visible()


def test_signing_out_by_the_button(page: Page, context: BrowserContext, dashboard: Dashboard) -> None:
    sign_in(context, dashboard, "leaving@example.com")
    opened(page, "/")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{dashboard.address}/sign-in")
    page.go_back()
    expect(page.get_by_label("Email")).to_be_visible()


def test_a_whole_code_submits_itself_also_when_pasted_with_a_space(page: Page) -> None:
    page.route_web_socket("**/_event/**", lambda socket: None)
    page.goto("/sign-in?step=code")
    with page.expect_request("**/api/auth/verify") as sent:
        page.get_by_label("Code").fill("004 213")
    assert sent.value.post_data == "code=004+213"
    expect(page.get_by_role("alert")).to_contain_text("That code is not right")


def test_a_new_code_can_be_asked_for_after_a_while(page: Page) -> None:
    page.clock.install()
    page.goto("/sign-in?step=code")
    expect(page.get_by_text("New code in")).to_be_visible()
    expect(page.get_by_role("button", name="Send a new code")).to_have_count(0)
    page.clock.run_for(61_000)
    expect(page.get_by_role("button", name="Send a new code")).to_be_visible()


@pytest.mark.parametrize("code", ["code_invalid", "rate_limited", "invalid_request", "never_heard_of"])
def test_errors_are_told_in_plain_words(page: Page, code: str) -> None:
    page.goto(f"/sign-in?step=code&error={code}")
    expect(page.get_by_role("alert")).to_be_visible()
    assert "_" not in page.get_by_role("alert").inner_text()


def test_an_error_in_the_address_cannot_put_words_on_the_page(page: Page) -> None:
    page.goto("/sign-in?error=<img src=x onerror=alert(1)>Call+us+now")
    expect(page.get_by_role("alert")).to_have_text("Something went wrong. Please try again.")


def test_signing_in_is_possible_without_script(browser: Browser, dashboard: Dashboard) -> None:
    context = browser.new_context(base_url=dashboard.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in")
    expect(page.get_by_label("Email")).to_be_visible()
    expect(page.get_by_label("Code")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_have_count(2)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in?step=code&error=code_invalid", *PAGES])
def test_axe_finds_nothing_serious(
    page: Page, context: BrowserContext, dashboard: Dashboard, path: str, scheme: Any
) -> None:
    page.emulate_media(color_scheme=scheme)
    sign_in(context, dashboard, "axe@example.com")
    page.goto(path)
    expect(page.locator("main[aria-busy=true]")).to_have_count(0)
    found = violations(page)
    serious = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize("width", [320, 390, 1600])
def test_no_page_is_wider_than_the_screen(
    page: Page, context: BrowserContext, dashboard: Dashboard, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/sign-in")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sign_in(context, dashboard, "a-rather-long-address-of-somebody@example.com")
    for path in PAGES:
        opened(page, path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    page: Page, context: BrowserContext, dashboard: Dashboard
) -> None:
    sign_in(context, dashboard, "keys@example.com")
    opened(page, "/")
    reached = []
    names = [place.name for place in PLACES if not place.operators]
    for _ in range(len(names) + 2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached == ["Skip to content", *names, "Sign out"]
    opened(page, "/usage?range=7d")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Download CSV")).to_be_focused()
    expect(page).to_have_url(re.compile("range=7d"))


def test_an_address_with_nothing_at_it_says_so(page: Page) -> None:
    answer = page.goto("/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is here")
