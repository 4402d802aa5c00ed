"""Fixtures of the panel's browser tests: one Chromium; a fresh fake relay and profile for each test."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext

from tests.panel.panel_desk import Desk
from tests.panel.panel_relay import PANEL, FakeRelay


@pytest.fixture
def fake_relay() -> FakeRelay:
    assert (PANEL / "panel.js").exists(), "The panel is not built: run `make setup`."
    return FakeRelay()


@pytest.fixture
def panel_origin(fake_relay: FakeRelay) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(fake_relay.app(), log_level="error", ws="none", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def profile(browser: Browser, panel_origin: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 420, "height": 720}, base_url=panel_origin)
    yield context
    context.close()


@pytest.fixture
def open_panel(profile: BrowserContext) -> Iterator[Callable[..., Desk]]:
    """Opens the page; every test ends with no script error and no breach of the strict policy."""
    desks: list[Desk] = []

    def opened(query: str = "") -> Desk:
        desk = Desk(profile.new_page())
        desk.page.on("pageerror", lambda error: desk.problems.append(str(error)))
        desk.page.goto(f"/{query}")
        desk.hears("ready")
        desks.append(desk)
        return desk

    yield opened
    for desk in desks:
        assert desk.problems == []
        assert desk.page.is_closed() or desk.heard("csp") == []
