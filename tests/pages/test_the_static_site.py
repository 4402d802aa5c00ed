"""The front end as a static site on Cloudflare Pages, with the API on another sub-domain, in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from account_app import static_site
from relay.errors import Misconfigured
from relay.settings import read_settings
from sandbox.serve import in_thread
from tests.fixtures.dashboard import built_site
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import free_port
from tests.pages.cloudflare_pages import pages

EMAIL = "designer@example.com"
PASSWORD = "let the tests in"
PUBLIC = {
    "ACCOUNT_ORIGIN": "https://account.fonts.dev",
    "API_ORIGIN": "https://api.fonts.dev",
    "WEB_ANALYTICS_TOKEN": "0123456789abcdef0123456789abcdef",
}


@dataclass
class Place:
    """A product whose pages are elsewhere. `directory` is what Pages serves; `files` asks it."""

    product: Product
    origin: str
    directory: Path
    files: httpx.Client


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Place]:
    built_site()
    folder, port, api_port = tmp_path_factory.mktemp("site"), free_port(), free_port()
    (folder / "account.db").write_bytes(sqlite_template.read_bytes())
    origins = {
        "ACCOUNT_ORIGIN": f"http://account.app.localhost:{port}",
        "API_ORIGIN": f"http://api.app.localhost:{api_port}",
        "SIGN_UP_GRANT_USD": "1",
    }
    url = f"sqlite:///{folder / 'account.db'}"
    with (
        in_thread(pace=80.0) as world,
        running_product(folder, url, world, port=api_port, **origins) as product,
    ):
        made = product.run("site", str(folder / "site"))
        assert made.returncode == 0, made.stderr
        with pages(folder / "site", folder, port) as files:
            yield Place(product, origins["ACCOUNT_ORIGIN"], folder / "site", files)


def sign_in(page: Page, place: Place) -> None:
    page.goto(place.origin + "/sign-in")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(mailed_code(place.product))
    expect(page.get_by_text("Available credit")).to_be_visible()


def mailed_code(product: Product) -> str:
    with product.http() as http:
        url = f"{product.world.urls['mail']}/emails.json"
        found = eventually(lambda: [mail for mail in http.get(url).json() if EMAIL in mail["to"]])
    match = re.match(r"\d{6}", found[0]["subject"])
    assert match
    return match.group()


@pytest.mark.browser
def test_people_sign_in_talk_and_sign_out_across_two_origins(page: Page, place: Place) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security" in said.text else None)
    sign_in(page, place)
    assert page.url == place.origin + "/"
    expect(page.get_by_text("$1.00").first).to_be_visible()

    talking = page.context.new_page()
    talking.goto(place.origin + "/assistant")
    talking.get_by_role("textbox", name="Message").fill("How should I kern the pair To? [[sandbox: tokens=60]]")
    talking.get_by_role("button", name="Send").click()
    expect(talking.get_by_role("button", name="Stop")).to_be_visible()
    expect(talking.get_by_role("button", name="Send")).to_be_visible()
    # The other page was not touched: its figures moved by themselves.
    expect(page.get_by_text("<$0.01").first).to_be_visible()

    page.get_by_role("button", name="Sign out").first.click()
    expect(page).to_have_url(re.compile(re.escape(place.origin) + "/sign-in"))
    page.goto(place.origin + "/usage")
    expect(page).to_have_url(re.compile("/sign-in"))
    assert problems == []


@pytest.mark.browser
def test_a_page_of_another_version_reloads_itself_once_and_works(page: Page, place: Place) -> None:
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url) if request.is_navigation_request() else None)
    asked: list[str] = []

    def newer(route: Route) -> None:
        asked.append(route.request.url)
        allowed = {"access-control-allow-origin": "*"}
        route.fulfill(json={"pages": "newer"}, headers=allowed)

    page.route("**/_version", newer)
    page.goto(place.origin + "/sign-in")
    eventually(lambda: page.wait_for_timeout(50) or len(asked) >= 2)
    page.get_by_label("Email").fill(EMAIL)
    assert len(loads) == len(asked) == 2


def test_pages_are_private_and_hashed_files_are_kept(place: Place) -> None:
    for page in ("/", "/usage", "/billing", "/assistant", "/sign-in"):
        answer = place.files.get(page)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.count("default-src") == 1
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert f"connect-src 'self' http://api.app.localhost:{place.product.port} ws://api.app" in policy
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "x-robots-tag" not in answer.headers
    script = next((place.directory / "assets").glob("root-*.js"))
    kept = place.files.get(f"/assets/{script.name}")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    panel = place.files.get("/panel/v1/panel.js")
    assert (panel.headers["access-control-allow-origin"], panel.headers["cross-origin-resource-policy"]) == (
        "*",
        "cross-origin",
    )


def test_what_is_not_there_is_not_found_and_nobody_is_invited(place: Place) -> None:
    missing = place.files.get("/nowhere")
    assert missing.status_code == 404
    assert "default-src 'none'" in missing.headers["content-security-policy"]
    assert "Disallow: /" in place.files.get("/robots.txt").text
    assert place.files.get("/site.webmanifest").json()["icons"]
    assert not list(place.directory.rglob("*.br"))


def test_a_preview_is_closed_without_its_password(tmp_path: Path) -> None:
    built_site()
    static_site.write(tmp_path / "site", read_settings(**PUBLIC), preview=True)
    with pages(tmp_path / "site", tmp_path, PREVIEW_PASSWORD=PASSWORD) as files:
        script = next((tmp_path / "site" / "assets").glob("root-*.js"))
        for path in ("/", "/sign-in", f"/assets/{script.name}", "/nowhere"):
            for given in (None, ("me", ""), ("me", PASSWORD + "x"), (PASSWORD, "me")):
                refused = files.get(path, auth=given)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"].startswith("Basic")
                assert refused.headers["x-robots-tag"].startswith("noindex")
                assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]
                assert "<" not in refused.text
        shown = files.get("/sign-in", auth=("anybody", PASSWORD))
        assert shown.status_code == 200
        sent_on = files.get("/api/usage.csv?from=2026-11-01", auth=("anybody", PASSWORD))
        assert sent_on.headers["location"] == "https://api.fonts.dev/api/usage.csv?from=2026-11-01"
        assert shown.headers["x-robots-tag"].startswith("noindex")
        assert shown.headers["content-security-policy"].count("default-src") == 1
        assert "cloudflareinsights" not in shown.text
        assert "Disallow: /\n" in files.get("/robots.txt", auth=("anybody", PASSWORD)).text


@pytest.mark.parametrize("variables", [{}, {"PREVIEW_PASSWORD": "short"}])
def test_a_preview_whose_password_was_forgotten_lets_nobody_in(tmp_path: Path, variables: dict[str, str]) -> None:
    built_site()
    static_site.write(tmp_path / "site", read_settings(**PUBLIC), preview=True)
    with pages(tmp_path / "site", tmp_path, **variables) as files:
        assert files.get("/", auth=("me", variables.get("PREVIEW_PASSWORD", ""))).status_code == 503


def test_visits_are_counted_in_production_alone(tmp_path: Path) -> None:
    built_site()
    at_home = {**PUBLIC, "ACCOUNT_ORIGIN": "http://localhost:3000", "API_ORIGIN": ""}
    for name, settings, preview, counted in (
        ("production", PUBLIC, False, True),
        ("preview", PUBLIC, True, False),
        ("home", at_home, False, False),
        ("without", {**PUBLIC, "WEB_ANALYTICS_TOKEN": None}, False, False),
    ):
        static_site.write(tmp_path / name, read_settings(**settings), preview=preview)
        page, headers = (tmp_path / name / "index.html").read_text(), (tmp_path / name / "_headers").read_text()
        assert (PUBLIC["WEB_ANALYTICS_TOKEN"] in page) is counted
        assert ("https://static.cloudflareinsights.com" in headers) is counted
        assert (tmp_path / name / "functions").exists() is preview


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(Misconfigured, match="holds something else"):
        static_site.write(tmp_path, read_settings(**PUBLIC))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
