"""The main components of the pages as pictures that are the same on every machine.

A fixed clock and the same month of use; a font of our own that is loaded with the page; no hinting, no motion, no
colour profile, and what the browser itself draws (pickers, ids that are new each time, the present minute) left out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from relay import clock
from relay.settings import ROOT
from tests.fixtures import history
from tests.fixtures.dashboard import Dashboard, running

NOW = datetime(2026, 11, 18, 12, 0, 5, tzinfo=UTC)
ADA, NEW = "ada@example.com", "new@example.com"
SCHEMES = ("light", "dark")
WIDTHS = {"wide": 1100, "phone": 360}
STEADY = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb", "--hide-scrollbars"]
FONT = ROOT / "tests/tools/node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2"
SHEET = """
@font-face { font-family: Steady; src: url(/steady.woff2); font-weight: 100 900; }
* { font-family: Steady !important; caret-color: transparent !important; }
code, main time, input[type=date] { color: transparent !important; }
::-webkit-calendar-picker-indicator { opacity: 0; }
.toast { animation: none !important; }
"""


@contextmanager
def a_day_in_november(folder: Path) -> Iterator[Dashboard]:
    """The product on that day. What is booked here is booked then, too."""
    moved = NOW - clock.now()
    with running(folder, moved=moved) as product:
        clock.move(NOW - clock.now())
        try:
            product.sign_in(ADA)
            history.a_month(product.database, product.account_id(ADA))
            yield product
        finally:
            clock.set_back_to_real_time()


class Pictures:
    """Takes each picture in light and dark, `width` is one of WIDTHS."""

    def __init__(self, product: Dashboard, browser: Browser, width: str, folder: Path) -> None:
        self._product, self._browser, self._width, self._folder = product, browser, width, folder
        self.taken: list[str] = []

    def take(self) -> None:
        """All of them, page by page."""
        with self._visit(ADA) as page:
            self._overview(page)
            self._usage(page)
            self._receipt(page)
            self._account(page)
        with self._visit(NEW) as page:
            self._keys(page)
            self._problem(page)
        with self._visit(NEW) as page:
            self._skeleton(page)

    def _overview(self, page: Page) -> None:
        opened(page, "/")
        self._shoot("money", page.get_by_role("region", name="Credit", exact=True))
        self._shoot("stats", page.locator("main dl").first)
        self._shoot("line", page.get_by_role("figure").first)
        self._shoot("table", page.get_by_role("region", name="Latest requests").first)
        if self._width == "phone":
            page.get_by_role("button", name="Menu").click()
        self._shoot("navigation", page.locator("#pages"))

    def _usage(self, page: Page) -> None:
        opened(page, "/usage?show=tokens")
        self._shoot("range", page.get_by_role("group", name="Range").locator(".."))
        page.get_by_role("slider").focus()
        page.keyboard.press("PageDown")
        self._shoot("bars", page.get_by_role("slider").locator("xpath=ancestor::section"))

    def _receipt(self, page: Page) -> None:
        opened(page, "/requests")
        page.locator("main tbody tr").first.get_by_role("link").click()
        receipt = page.get_by_role("dialog", name="Receipt")
        expect(receipt.get_by_role("table", name="Arithmetic of the price")).to_be_visible()
        self._shoot("receipt", receipt)

    def _account(self, page: Page) -> None:
        opened(page, "/account")
        page.get_by_role("button", name="Save").click()
        self._shoot("toast", page.locator(".toast:visible"))

    def _keys(self, page: Page) -> None:
        opened(page, "/keys")
        self._shoot("empty", page.get_by_role("region", name="API keys").first)
        page.get_by_role("button", name="New key").click()
        self._shoot("dialog", page.get_by_role("dialog", name="New key"))

    def _problem(self, page: Page) -> None:
        opened(page, "/")
        database, account_id = self._product.database, self._product.account_id(NEW)
        database.write_now(lambda c: c.exec_driver_sql("ALTER TABLE usage_sums RENAME TO elsewhere"))
        self._product.give(account_id, WIDTHS[self._width])
        told = page.locator("main > [role=status]")
        expect(told).to_contain_text("could not be renewed")
        self._shoot("problem", told)
        database.write_now(lambda c: c.exec_driver_sql("ALTER TABLE elsewhere RENAME TO usage_sums"))

    def _skeleton(self, page: Page) -> None:
        """Nobody knows the zone of a first visit, so its figures come by the socket; this one stays silent."""
        page.route_web_socket("**/_event/**", lambda _: None)
        page.goto("/")
        in_our_font(page)
        self._shoot("skeleton", page.locator("main"))

    def _shoot(self, name: str, what: Locator) -> None:
        expect(what).to_be_visible()
        for scheme in SCHEMES:
            what.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            full = f"{name}-{self._width}-{scheme}"
            what.screenshot(path=self._folder / f"{full}.png")
            self.taken.append(full)

    @contextmanager
    def _visit(self, email: str) -> Iterator[Page]:
        context = self._browser.new_context(
            base_url=self._product.address,
            viewport={"width": WIDTHS[self._width], "height": 700},
            timezone_id="Europe/Berlin",
            locale="en-GB",
            reduced_motion="reduce",
            bypass_csp=True,
        )
        cookie: Any = {"name": "session", "value": self._product.sign_in(email), "url": self._product.address}
        context.add_cookies([cookie])
        steady(context)
        yield context.new_page()
        context.close()


def steady(context: BrowserContext) -> None:
    """Our font and our rules on every page, from before it is drawn."""
    context.route("**/steady.woff2", lambda route: route.fulfill(path=FONT, content_type="font/woff2"))
    context.route("**/theme-of-tests.css", lambda route: route.fulfill(body=SHEET, content_type="text/css"))
    context.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => { const sheet = document.createElement('link');"
        " sheet.rel = 'stylesheet'; sheet.href = '/theme-of-tests.css'; document.documentElement.append(sheet); })"
    )


def opened(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    in_our_font(page)


def in_our_font(page: Page) -> None:
    page.wait_for_function("document.fonts.size > 0 && document.fonts.status === 'loaded'")
