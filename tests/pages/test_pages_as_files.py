"""The front end as it is served: types, compression, caching, and the headers that keep others out."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from relay.settings import ROOT
from tests.fixtures.dashboard import Dashboard, built_site, running

WEIGHT_MAX_BYTES = {
    "/sign-in": 160_000,
    **dict.fromkeys(("/", "/usage", "/requests", "/billing", "/assistant"), 350_000),
}
PAGES = tuple(WEIGHT_MAX_BYTES)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    built_site()
    with running(tmp_path_factory.mktemp("files"), EDITOR_ORIGINS="https://editor.example") as product:
        yield product


@pytest.fixture
def browser(dashboard: Dashboard) -> Iterator[httpx.Client]:
    session = dashboard.sign_in("reader@example.com")
    with httpx.Client(base_url=dashboard.origin, cookies={"session": session}) as client:
        yield client


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_html_that_nobody_else_may_frame_or_script(browser: httpx.Client, page: str) -> None:
    answer = browser.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert scripts
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "permissions-policy" in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_a_page_and_its_server_are_of_one_version(browser: httpx.Client) -> None:
    version = browser.get("/_version")
    assert version.headers["access-control-allow-origin"] == "*"
    assert f'<meta name="pages-version" content="{version.json()["pages"]}"/>' in browser.get("/").text


@pytest.mark.parametrize("page", PAGES)
def test_everything_a_page_loads_is_ours_typed_and_compressed(browser: httpx.Client, page: str) -> None:
    addresses = _loaded_by(browser.get(page).text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        answer = browser.get(address)
        assert answer.status_code == 200, address
        if address.endswith(".js"):
            assert answer.headers["content-type"].startswith("text/javascript")
        if len(answer.content) > 1000 and "image/png" not in answer.headers["content-type"]:
            assert answer.headers["content-encoding"] in ("br", "gzip"), address


@pytest.mark.parametrize("page", PAGES)
def test_a_page_keeps_to_its_weight(browser: httpx.Client, page: str) -> None:
    scripts = [a for a in _loaded_by(browser.get(page).text) if a.endswith(".js")]
    weight = sum(len(gzip.compress(browser.get(a).content, 9)) for a in scripts)
    assert weight < WEIGHT_MAX_BYTES[page]


def test_hashed_files_are_kept_for_good_and_pages_are_asked_for_again(browser: httpx.Client) -> None:
    script = next(a for a in _loaded_by(browser.get("/sign-in").text) if a.startswith("/assets/"))
    assert browser.get(script).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert browser.get("/sign-in").headers["cache-control"] == "no-cache"
    for private in ("/", "/usage", "/billing", "/assistant"):
        assert browser.get(private).headers["cache-control"] == "no-store"


def test_what_has_not_changed_is_not_sent_again(browser: httpx.Client) -> None:
    first = browser.get("/sign-in")
    again = browser.get("/sign-in", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("coding", ["br", "gzip", "identity"])
def test_every_coding_holds_the_same_bytes(browser: httpx.Client, coding: str) -> None:
    script = max((a for a in _loaded_by(browser.get("/sign-in").text) if a.endswith(".js")), key=len)
    with browser.stream("GET", script, headers={"accept-encoding": coding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding", "identity") == coding
    assert int(answer.headers["content-length"]) == len(raw)
    if coding == "gzip":
        raw = gzip.decompress(raw)
    if coding != "br":
        etag = hashlib.sha256(raw).hexdigest()[:24]
        assert answer.headers["etag"] == f'"{etag}"'


def test_only_reading_is_possible(browser: httpx.Client) -> None:
    answer = browser.post("/usage")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "method_not_allowed"
    head = browser.head("/sign-in", headers={"accept-encoding": "identity"})
    assert head.content == b""
    assert int(head.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/assets/../../pyproject.toml",
        "/%2e%2e/%2e%2e/pyproject.toml",
        "/.env",
        "/index.html.gz",
        "/a%00b",
    ],
)
def test_what_is_not_there_is_not_found(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "build-system" not in answer.text


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/", "/sign-in"),
        ("/usage?range=7d", "/sign-in?next=/usage%3Frange%3D7d"),
        ("/assistant", "/sign-in?next=/assistant"),
    ],
)
def test_without_a_session_the_way_leads_to_signing_in(dashboard: Dashboard, path: str, to: str) -> None:
    answer = httpx.get(dashboard.origin + path)
    assert answer.status_code == 303
    assert answer.headers["location"] == to
    assert answer.headers["cache-control"] == "no-store"


def test_the_other_word_for_it_leads_to_signing_in_too(browser: httpx.Client) -> None:
    answer = browser.get("/login")
    assert (answer.status_code, answer.headers["location"]) == (302, "/sign-in")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/sign-in"), ("GET", "/nowhere"), ("POST", "/sign-in"), ("GET", "/favicon.ico"),
        ("GET", "/panel/v1/panel.js"), ("GET", "/_event/"), ("GET", "/_version"), ("GET", "/livez"),
        ("GET", "/api/nowhere"), ("PUT", "/api/balance"), ("POST", "/api/claude"), ("OPTIONS", "/api/balance"),
    ],
)  # fmt: skip
def test_every_answer_has_one_id_of_its_own(dashboard: Dashboard, method: str, path: str) -> None:
    asks = {"origin": "https://editor.example", "access-control-request-method": "GET"} if method == "OPTIONS" else {}
    answers = [httpx.request(method, dashboard.origin + path, headers=asks) for _ in range(2)]
    ids = [answer.headers.get_list("request-id") for answer in answers]
    assert [len(found) for found in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert all(found[0].startswith("req_") for found in ids)
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers)


async def test_a_socket_that_is_refused_and_one_that_opens_have_an_id(dashboard: Dashboard) -> None:
    address = dashboard.origin.removeprefix("http://")
    host, port = address.split(":")
    for origin, status in (("http://evil.example", 403), (dashboard.origin, 101)):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET /_event/?token=tab&EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\norigin: {origin}\r\n"
        head += "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        writer.write(f"{head}sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode())
        answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).lower()
        writer.close()
        assert answer.startswith(f"http/1.1 {status} ".encode())
        assert b"\r\nrequest-id: req_" in answer
        assert (b"\r\nx-content-type-options: nosniff" in answer) == (status == 403)


def test_the_panel_may_be_loaded_by_any_page(dashboard: Dashboard) -> None:
    if not (ROOT / "assets" / "panel" / "v1" / "panel.js").exists():
        pytest.fail("the panel is not built: make setup")
    answer = httpx.get(dashboard.origin + "/panel/v1/panel.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_relay_answers_before_anything_of_the_dashboard(dashboard: Dashboard) -> None:
    assert httpx.get(dashboard.origin + "/livez").status_code == 200
    assert httpx.get(dashboard.origin + "/api/auth/me").status_code == 401
    assert httpx.get(dashboard.origin + "/api/nowhere").status_code == 404


def test_the_build_knows_no_address_and_no_secret() -> None:
    built_site()
    for script in (ROOT / "build" / "site").rglob("*.js"):
        text = script.read_text()
        assert "ws://api-origin.invalid" not in text
        assert str(ROOT) not in text


def test_elsewhere_the_page_is_told_where_the_api_is(tmp_path: Path) -> None:
    built_site()
    with running(
        tmp_path, API_ORIGIN="http://api.app.localhost:8080", ACCOUNT_ORIGIN="http://account.app.localhost"
    ) as product:
        answer = httpx.get(product.address + "/sign-in")
    assert '<meta name="api-origin" content="http://api.app.localhost:8080"/>' in answer.text
    assert 'action="http://api.app.localhost:8080/api/auth/request"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert "connect-src 'self' http://api.app.localhost:8080 ws://api.app.localhost:8080" in policy
    assert "form-action 'self' http://api.app.localhost:8080" in policy


def _loaded_by(html: str) -> list[str]:
    """Addresses that the browser fetches for this page by itself."""
    found = re.findall(r'(?:src|href)="([^"#]+)"', html) + re.findall(r'(?:import|from|import\()\s*"([^"]+)"', html)
    links = set(re.findall(r'<a\b[^>]*href="([^"]+)"', html))
    return sorted({address for address in found if address not in links})
