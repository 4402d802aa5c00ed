"""Fixtures of the pages' browser tests. `started` is each module's own: a product beside a sandbox."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from sandbox.serve import Running
from tests.fixtures.dashboard import Dashboard
from tests.pages.people_house import House


@pytest.fixture
def house(started: tuple[Running, Dashboard], browser: Browser) -> Iterator[House]:
    yield House(*started, browser)
    for context in browser.contexts:
        context.close()
