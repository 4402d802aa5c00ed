"""How soon pages stand on a phone: Chromium with a phone's screen, a processor four times slower, and a 4G line."""

import asyncio
import shutil
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, sync_playwright

from benchmarks import files
from benchmarks.processes import SERVER_CORE, pinned_to
from relay import pricing
from relay.gateways.objects import open_objects
from relay.storage import Storehouse
from scripts.browser import on_path
from tests.fixtures import history
from tests.fixtures.browser import ARGUMENTS
from tests.fixtures.dashboard import Dashboard, built_site, running

PAGES = (
    *("/sign-in", "/", "/usage", "/usage?by=model&range=12m", "/usage?by=key&show=kinds", "/requests"),
    *("/requests?id=RECEIPT", "/requests?model=storage", "/billing", "/keys", "/storage", "/account", "/assistant"),
    *("/operator", "/operator?account=ACCOUNT", "/operator?sum=model:claude-opus-5-5"),
)
SCREENS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True},
    "wide": {"viewport": {"width": 1440, "height": 900}},
}
TIMES = 3
EMAIL = "phone@example.com"
SLOWER = 4
ZONE = "Europe/Berlin"
# Lighthouse's mobile line: 150 ms there and back, 1.6 Mbit/s down, 750 kbit/s up.
LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
WATCH = """globalThis.lcp = 0; globalThis.cls = 0; globalThis.figures = 0;
(function look() {
  if (document.querySelector('main:not([aria-busy=true]) h1')) globalThis.figures = performance.now();
  else requestAnimationFrame(look);
})();
new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.lcp = one.startTime })
  .observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput)
  globalThis.cls += one.value }).observe({type: 'layout-shift', buffered: true})"""


@dataclass(frozen=True, slots=True)
class Visit:
    """Milliseconds to the largest contentful paint and to the figures, and the sum of layout shifts."""

    lcp_ms: float
    figures_ms: float
    cls: float


def measured(folder: Path) -> Iterator[tuple[str, Visit, float]]:
    """Of each page: by phone the medians of the times and the worst of the shifts, and the shifts on a wide screen."""
    built_site()
    with ExitStack() as stack:
        # The server alone: a phone does not share the server's processor.
        with pinned_to(SERVER_CORE):
            product = stack.enter_context(running(folder, OPERATOR_EMAILS=EMAIL))
        session = product.sign_in(EMAIL)
        named = _a_month(product)
        browser = stack.enter_context(_browser())
        for path in PAGES:
            asked = path.replace("RECEIPT", named["RECEIPT"]).replace("ACCOUNT", named["ACCOUNT"])
            found = [_visit(browser, product, session, asked, "phone") for _ in range(TIMES)]
            lcp = statistics.median(visit.lcp_ms for visit in found)
            figures = statistics.median(visit.figures_ms for visit in found)
            wide = _visit(browser, product, session, asked, "wide")
            yield path, Visit(lcp, figures, max(visit.cls for visit in found)), wide.cls


def _a_month(product: Dashboard) -> dict[str, str]:
    """Calls and files. What the names in an address stand for."""
    account_id = product.account_id(EMAIL)
    request_ids = history.a_month(product.database, account_id)
    prices = product.database.read_now(pricing.current)
    house = Storehouse(product.database, open_objects(product.settings), product.settings, prices)
    asyncio.run(files.keep(house, account_id, 60, 3))
    return {"RECEIPT": request_ids[-1], "ACCOUNT": account_id}


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=on_path() or shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


def _visit(browser: Browser, product: Dashboard, session: str, path: str, screen: str) -> Visit:
    """With an empty cache, and the cookies that signing in leaves."""
    # The zone of the cookie: a browser in another one shows its figures anew, and near midnight those of another day.
    context = browser.new_context(timezone_id=ZONE, **SCREENS[screen])
    kept = {"session": session, "zone": quote(ZONE, safe=""), "locale": "en-US"}
    cookies: Any = [{"name": name, "value": value, "url": product.address} for name, value in kept.items()]
    context.add_cookies([] if path == "/sign-in" else cookies)
    page = context.new_page()
    page.add_init_script(WATCH)
    throttle = context.new_cdp_session(page)
    throttle.send("Network.enable")
    throttle.send("Network.emulateNetworkConditions", LINE)
    throttle.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(product.address + path, wait_until="commit")
    page.locator("main:not([aria-busy=true]) h1").wait_for(state="attached")
    page.wait_for_timeout(1000)
    visit = Visit(*page.evaluate("[globalThis.lcp, globalThis.figures, globalThis.cls]"))
    context.close()
    return visit
