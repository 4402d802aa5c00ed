"""The product beside a sandbox, for people who come with a browser; and what is asked of every page."""

import threading
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Browser, Locator, Page, expect

from relay import accounts
from sandbox.serve import Running
from tests.fixtures.browser import violations
from tests.fixtures.dashboard import Dashboard
from tests.fixtures.product import eventually

MANY = [{"role": "user", "content": "[[sandbox: pace=20 tokens=2000]] Talk for long."}]
CALL = {"model": "claude-sonnet-5-5", "max_tokens": 4000, "stream": True, "messages": MANY}
CONTROLS = "main :is(a[href], button, input:not([type=hidden]), select, summary, [tabindex='0'])"


@dataclass
class House:
    """The product beside a sandbox, and a browser in it."""

    world: Running
    dashboard: Dashboard
    browser: Browser

    def visit(self, email: str, path: str, **how: Any) -> Page:
        how = {"timezone_id": "Europe/Berlin", "locale": "en-GB", **how}
        context = self.browser.new_context(base_url=self.dashboard.address, **how)
        cookie: Any = {"name": "session", "value": self.dashboard.sign_in(email), "url": self.dashboard.address}
        context.add_cookies([cookie])
        return opened(context.new_page(), path)

    def code(self, email: str) -> str:
        letters = self.world.letterbox.letters
        return eventually(lambda: next((mail.code for mail in reversed(letters) if email in mail.body.to), None))

    def subjects(self, email: str) -> list[str]:
        return [mail.body.subject for mail in self.world.letterbox.letters if email in mail.body.to]

    def key(self, email: str, name: str = "laptop") -> str:
        account_id = self.dashboard.account_id(email)
        return self.dashboard.database.write_now(lambda c: accounts.create_key(c, account_id, name))[0]

    def status(self, key: str) -> int:
        return httpx.get(f"{self.dashboard.address}/api/balance", headers={"x-api-key": key}).status_code


def opened(page: Page, path: str) -> Page:
    page.goto(path)
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return page


def panel(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True).first


def told(page: Page, words: str) -> None:
    expect(page.get_by_role("status").get_by_text(words)).to_be_visible()


class Stream:
    """A call that goes on in a thread; `begun` with its first bytes."""

    def __init__(self, address: str, key: str) -> None:
        self.begun, self.over, self.body = threading.Event(), threading.Event(), b""
        threading.Thread(target=self._run, args=(address, key), daemon=True).start()

    def _run(self, address: str, key: str) -> None:
        headers = {"x-api-key": key, "anthropic-version": "2023-06-01"}
        url = f"{address}/api/claude/v1/messages"
        try:
            with httpx.stream("POST", url, json=CALL, headers=headers, timeout=60) as answer:
                for chunk in answer.iter_raw():
                    self.body += chunk
                    self.begun.set()
        except httpx.HTTPError:
            pass
        self.over.set()


def serious(page: Page) -> list[str]:
    found = violations(page)
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found if v["impact"] in ("serious", "critical")]


def wide(page: Page) -> list[str]:
    """What reaches beyond the screen."""
    return page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth"
        " && !e.closest('.overflow-x-auto')).map(e => e.outerHTML.slice(0, 150))"
    )


def unreached(page: Page) -> list[str]:
    """The controls of the page that Tab does not come to, or where it cannot be seen that it did."""
    mark = page.evaluate
    count = mark(
        f'[...document.querySelectorAll("{CONTROLS}")].filter(e => e.checkVisibility() && !e.disabled)'
        ".map((e, i) => e.dataset.nth = i).length"
    )
    for _ in range(count + 20):
        page.keyboard.press("Tab")
        mark(
            "(() => { const e = document.activeElement; const look = getComputedStyle(e);"
            " if (look.outlineStyle !== 'none' || look.boxShadow !== 'none') e.dataset.reached = 1; })()"
        )
    return mark("[...document.querySelectorAll('[data-nth]:not([data-reached])')].map(e => e.outerHTML.slice(0, 200))")
