"""Pages of other origins that embed the panel of a real product, as docs/panel.md tells their authors."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from playwright.sync_api import BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from relay.settings import ROOT
from tests.fixtures.product import Product
from tests.panel.panel_desk import Desk

DOCS = (ROOT / "docs" / "panel.md").read_text()


def example(heading: str, language: str = "") -> str:
    """The first code block of that language below a heading of the docs."""
    section = DOCS.split(heading, 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"{heading} has no {language} example"
    return found.group(1)


def recipe(name: str) -> dict[str, str]:
    """The headers of a recipe in the docs; `plain` is none."""
    if name == "strict":
        policies = (example("## Content Security Policy").strip(), example("### Trusted Types").strip())
        return {"content-security-policy": "; ".join(("default-src 'none'", *policies))}
    if name == "isolated":
        return dict(line.split(": ") for line in example("## Isolated pages").strip().splitlines())
    return {}


@dataclass
class Hosts:
    """Any host name below `localhost` reaches the same pages: `/?recipe=strict` and so on."""

    product: Product
    api: str
    port: int = 0

    def origin(self, host: str) -> str:
        return f"http://{host}:{self.port}"

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/", self.page), Route("/host.js", self.script)])

    def here(self, text: str) -> str:
        named = text.replace("connect-src 'self' https://account.example.com", f"connect-src 'self' {self.api}")
        return named.replace("https://account.example.com", self.product.account_origin)

    async def page(self, request: Request) -> Response:
        snippet = self.here(example("## Put it on a page", "html"))
        api = f'<assistant-panel api="{self.api}" '
        body = snippet.replace("<assistant-panel ", api).replace('mode="dock"', "")
        ours = f'<script type="module" src="/host.js?{request.url.query}"></script>'
        headers = {name: self.here(value) for name, value in recipe(request.query_params.get("recipe", "")).items()}
        return HTMLResponse(f'<!doctype html><html lang="en"><title>Editor</title>{body}{ours}</html>', headers=headers)

    async def script(self, request: Request) -> Response:
        bearer = self.here(example("## Pages of another site", "js")).replace("bridge()", f"bridge('{self.api}')")
        return Response(bearer if "bearer" in request.query_params else "", media_type="text/javascript")


@contextmanager
def hosting(hosts: Hosts) -> Iterator[Hosts]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", hosts.port))
        config = uvicorn.Config(hosts.app(), log_level="error", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield hosts
        server.should_exit = True
        thread.join()


class Visitor:
    """A person with one browser profile, who reads their codes in the sandbox's letterbox."""

    def __init__(self, context: BrowserContext, product: Product, email: str) -> None:
        self.context, self.product, self.email = context, product, email

    def open(self, address: str, timed: bool = False) -> Desk:
        """`timed`: the test may move the page's clock."""
        desk = Desk(self.context.new_page())
        if timed:
            desk.page.clock.install()
        desk.page.goto(address)
        desk.page.locator("assistant-panel").get_by_role("heading").first.wait_for()
        return desk

    def sign_in(self, page: Page) -> None:
        page.get_by_label("Email").fill(self.email)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_label("Code").wait_for()
        page.get_by_label("Code").fill(self.product.code(self.email))

    def balance(self, desk: Desk) -> str:
        desk.page.locator("[part=balance]").wait_for()
        return desk.page.locator("[part=balance]").inner_text().split()[-1]
