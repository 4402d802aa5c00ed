"""Upstream is sent our key and the request; never what belongs to the person, nor the other way round."""

import re

import httpx
import pytest

from tests.fixtures.calling import MESSAGES, ask, fetch, message, new_customer
from tests.fixtures.product import Product, eventually
from tests.relaying.test_the_relay_refuses import calls_of, check_refused


def signed_in(product: Product, email: str) -> str:
    """The Cookie header of somebody who has signed in."""
    with product.http() as http:
        http.post("/api/auth/request", json={"email": email}).raise_for_status()
        url = f"{product.world.urls['mail']}/emails.json"
        letter = eventually(lambda: [m for m in http.get(url).json() if email in m["to"]])[0]
        code = re.match(r"\d{6}", letter["subject"]).group()
        http.post("/api/auth/verify", json={"email": email, "code": code}).raise_for_status()
        return f"session={http.cookies['session']}"


@pytest.fixture(scope="module")
def cookie(shared_product: Product) -> str:
    found = signed_in(shared_product, "cookie@example.com")
    shared_product.run("grant", "cookie@example.com", "5", "--reason", "a test").check_returncode()
    return found


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": ""}, {"sec-fetch-site": "cross-site"},
        {"origin": "http://localhost.evil.example"}, {"sec-fetch-site": "same-site"},
    ],
)  # fmt: skip
def test_a_foreign_page_with_the_cookie(shared_product: Product, cookie: str, headers: dict[str, str]) -> None:
    calls = calls_of(shared_product)
    got = fetch(shared_product.url + MESSAGES, message(), {"cookie": cookie, **headers})
    check_refused(shared_product, got, calls, 403, "permission_error")
    assert "access-control-allow-origin" not in got.headers


def test_our_own_page_with_the_cookie(shared_product: Product, cookie: str) -> None:
    headers = {"cookie": cookie, "origin": shared_product.url, "sec-fetch-site": "same-origin"}
    got = fetch(shared_product.url + MESSAGES, message(), headers)
    assert got.status == 200


def test_what_was_written_for_one_account_is_not_billed_to_another(shared_product: Product, cookie: str) -> None:
    with shared_product.http() as http:
        mine = http.get("/api/auth/me", headers={"cookie": cookie}).json()["account"]["id"]
        elsewhere = {"cookie": cookie, "x-account": "acct_of_somebody_else", "origin": shared_product.url}
        calls = calls_of(shared_product)
        got = fetch(shared_product.url + MESSAGES, message(), elsewhere)
        check_refused(shared_product, got, calls, 409, "invalid_request_error")
        put = http.put("/api/assets/a", content=b"a", headers=elsewhere)
        assert (put.status_code, put.json()["code"]) == (409, "another_account")
    assert fetch(shared_product.url + MESSAGES, message(), {**elsewhere, "x-account": mine}).status == 200


def test_no_secret_crosses_over(shared_product: Product, cookie: str) -> None:
    """Upstream sees our key and nothing of the person; the person sees nothing of our key."""
    key = new_customer(shared_product)
    ours = shared_product.world.settings["ANTHROPIC_API_KEY"]
    personal = {
        "cookie": cookie, "user-agent": "designer/1", "x-forwarded-for": "10.1.2.3", "referer": "https://x.example",
        "x-receipt": "1", "x-stainless-lang": "python", "proxy-authorization": "Basic x", "accept-language": "de",
    }  # fmt: skip
    for credential in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, {}):
        for marker in ("", "overloaded", "cut after=9"):
            got = fetch(shared_product.url + MESSAGES, message(marker), {**personal, **credential})
            seen = shared_product.world.claude.books.entries[-1].headers
            assert seen.keys() <= {
                "host", "x-api-key", "accept-encoding", "connection", "anthropic-version", "content-type",
                "content-length",
            }  # fmt: skip
            assert seen["x-api-key"] == f"…{ours[-4:]}"
            assert ours.encode() not in got.data + str(got.headers).encode()
            assert "anthropic-organization-id" not in got.headers
    assert ours not in shared_product.log.read_text()
    assert key not in shared_product.log.read_text()


def test_known_betas_and_the_version_are_passed_on(shared_product: Product) -> None:
    key = new_customer(shared_product)
    headers = {"anthropic-beta": "prompt-caching-2024-07-31", "anthropic-version": "2023-06-01"}
    assert ask(shared_product, key, message(), **headers).status == 200
    seen = shared_product.world.claude.books.entries[-1].headers
    assert {name: seen[name] for name in headers} == headers


@pytest.mark.parametrize("beta", ["prompt-caching-2024-07-31,\u00a0", ", ,prompt-caching-2024-07-31"])
def test_a_beta_header_is_built_anew(shared_product: Product, beta: str) -> None:
    key = new_customer(shared_product)
    with httpx.Client() as http:
        headers = {"x-api-key": key, "anthropic-beta": beta.encode("latin-1")}
        answer = http.post(shared_product.url + MESSAGES, json=message(), headers=headers)
    assert answer.status_code == 200
    seen = shared_product.world.claude.books.entries[-1].headers
    assert seen["anthropic-beta"] == "prompt-caching-2024-07-31"
