"""How soon pages stand on a phone: Chromium with a phone's screen, a processor four times slower, and a 4G line."""

import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.processes import SERVER_CORE, pinned_to
from scripts.browser import on_path
from tests import history
from tests.browser import ARGUMENTS
from tests.dashboard import Dashboard, built_site, running

PAGES = ("/sign-in", "/", "/usage", "/usage?by=model&range=12m", "/requests", "/assistant")
TIMES = 3
EMAIL = "phone@example.com"
SLOWER = 4
# Lighthouse's mobile line: 150 ms there and back, 1.6 Mbit/s down, 750 kbit/s up.
LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
WATCH = """globalThis.lcp = 0; globalThis.cls = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.lcp = one.startTime })
  .observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput)
  globalThis.cls += one.value }).observe({type: 'layout-shift', buffered: true})"""


def measured(folder: Path) -> Iterator[tuple[str, float, float]]:
    """Of each page: the largest contentful paint in milliseconds (median), and the sum of layout shifts (worst)."""
    built_site()
    with pinned_to(SERVER_CORE), running(folder) as product:
        session = product.sign_in(EMAIL)
        history.a_month(product.database, product.account_id(EMAIL))
        with _browser() as browser:
            for path in PAGES:
                found = [_visit(browser, product, session, path) for _ in range(TIMES)]
                yield path, statistics.median(lcp for lcp, _ in found), max(cls for _, cls in found)


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=on_path() or shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


def _visit(browser: Browser, product: Dashboard, session: str, path: str) -> tuple[float, float]:
    """With an empty cache, as somebody comes for the first time."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True)
    cookie: Any = {"name": "session", "value": session, "url": product.address}
    context.add_cookies([] if path == "/sign-in" else [cookie])
    page = context.new_page()
    page.add_init_script(WATCH)
    throttle = context.new_cdp_session(page)
    throttle.send("Network.enable")
    throttle.send("Network.emulateNetworkConditions", LINE)
    throttle.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(product.address + path, wait_until="commit")
    page.locator("main:not([aria-busy=true]) h1").wait_for(state="attached")
    page.wait_for_timeout(1000)
    lcp, cls = page.evaluate("[globalThis.lcp, globalThis.cls]")
    context.close()
    return lcp, cls
