"""The panel as a person uses it: what they read, type and press."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page


@dataclass
class Desk:
    """A page with the panel on it, and the words of a person who uses it."""

    page: Page
    problems: list[str] = field(default_factory=list)

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log", name="Conversation")

    def say(self, text: str) -> None:
        self.box.fill(text)
        self.button("Send").click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def priced(self, text: str = "$0.0042", answers: int = 1) -> None:
        """Waits until that many answers show this price."""
        self.page.locator("[part=price]").filter(has_text=text).nth(answers - 1).wait_for()

    def hears(self, name: str, times: int = 1) -> None:
        """Waits for an event of the panel. The strict policy of the page forbids Playwright's own polling."""
        for _ in range(1500):
            if len(self.heard(name)) >= times:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"{name} was not heard {times} times: {self.page.evaluate('heard')}")

    def panel(self, call: str) -> Any:
        """Runs `panel.<call>` on the page, as the host's own script would."""
        return self.page.evaluate(f"void document.querySelector('assistant-panel').{call}")

    def heard(self, name: str) -> list[Any]:
        return self.page.evaluate("name => heard.filter(one => one[0] === name).map(one => one[1])", name)
