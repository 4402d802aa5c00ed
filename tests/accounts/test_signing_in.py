"""Signing in with a mailed code: from the address to the session, and out again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from relay import clock
from relay.accounts import forget_expired, list_sessions
from relay.accounts.secrets import hash_of
from relay.tables import Account, Balance, Grant, Session, SignInCode, table
from tests.fixtures.front_door import FrontDoor, front_door, served, wrong

ANNA = "anna@example.com"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0"
CHROME = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    async with front_door(database_url, SIGN_UP_GRANT_USD="5") as door:
        yield door


async def test_the_mailed_code_signs_in_and_opens_an_account_with_its_welcome_grant(door: FrontDoor) -> None:
    browser = door.browser()
    asked = await browser.post("/api/auth/request", json={"email": " Anna@EXAMPLE.com "})
    assert asked.status_code == 202
    code = await door.office.code_for(ANNA)
    answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})
    account = answer.json()["account"]
    assert (answer.status_code, account["email"]) == (200, ANNA)
    assert (await browser.get("/api/auth/me")).json() == {"account": account}
    credit = select(table(Balance).c.credit_pico).where(table(Balance).c.account_id == account["id"])
    assert await door.database.read(lambda c: c.execute(credit).scalar()) == 5 * 10**12


async def test_signing_in_again_finds_the_same_account_and_grants_nothing_more(door: FrontDoor) -> None:
    first = (await (await door.signed_in(ANNA)).get("/api/auth/me")).json()
    clock.move(timedelta(minutes=2))
    assert (await (await door.signed_in(ANNA, 2)).get("/api/auth/me")).json() == first
    counts = select(select(func.count()).select_from(table(Grant)).scalar_subquery(), func.count())
    assert tuple(await door.database.read(lambda c: c.execute(counts.select_from(table(Account))).one())) == (
        1,
        1,
    )


async def test_the_mail_names_code_site_device_and_time_and_not_the_host_header(door: FrontDoor) -> None:
    browser = door.browser(**{"user-agent": CHROME, "host": "evil.example", "x-forwarded-host": "evil.example"})
    await browser.post("/api/auth/request", json={"email": ANNA})
    mail = await door.office.mail_to(ANNA)
    assert mail["subject"].endswith(" is your sign-in code for localhost:3000")
    for body in (mail["text"], mail["html"]):
        assert mail["subject"][:6] in body
        assert "Chrome on macOS" in body
        assert "localhost:3000" in body
        assert f"{clock.now().year}" in body
        assert "not you" in body
    assert "evil" not in str(mail)
    assert door.office.authorizations == ["Bearer re_test"]


async def test_cookies_are_http_only_lax_and_secure_on_https_and_for_the_domain(database_url: str) -> None:
    changes = {"ACCOUNT_ORIGIN": "https://account.example.com", "COOKIE_DOMAIN": "example.com"}
    async with front_door(database_url, **changes) as door, door.browser() as browser:
        asked = await browser.post("/api/auth/request", json={"email": ANNA})
        answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": await door.office.code_for(ANNA)})
        pre, (_, former, session) = asked.headers["set-cookie"], answer.headers.get_list("set-cookie")
        assert "Max-Age=0" in former, "two cookies are nobody's: the one from before COOKIE_DOMAIN was set goes"
        assert "Domain" not in former
        for cookie in (pre, former, session):
            assert {"HttpOnly", "SameSite=lax", "Secure", "Path=/"} <= set(cookie.split("; "))
        assert "Domain=example.com" in session
        assert answer.headers["cache-control"] == "no-store"


async def test_a_form_is_answered_303_and_never_carries_the_address_in_the_url(door: FrontDoor) -> None:
    browser = door.browser()
    asked = await browser.post("/api/auth/request", data={"email": ANNA})
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?step=code")
    code = await door.office.code_for(ANNA)
    refused = await browser.post("/api/auth/verify", data={"code": wrong(code)})
    assert refused.status_code == 303
    assert refused.headers["location"] == "/sign-in?step=code&error=code_invalid"
    answer = await browser.post("/api/auth/verify", data={"code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/api/auth/me")).json()["account"]["email"] == ANNA


async def test_the_code_page_may_ask_for_another_code_without_knowing_the_address(door: FrontDoor) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", data={"email": ANNA})
    await door.office.code_for(ANNA)
    clock.move(timedelta(seconds=61))
    again = await browser.post("/api/auth/request", data={"email_is_known": "1"})
    assert again.headers["location"] == "/sign-in?step=code"
    answer = await browser.post("/api/auth/verify", data={"code": await door.office.code_for(ANNA, 2)})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/usage?by=day", "/usage?by=day"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\t/evil.example", "/"),
    ],
)
async def test_a_form_leads_on_to_a_local_path_only(door: FrontDoor, wanted: str, led_to: str) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", data={"email": ANNA})
    form = {"code": await door.office.code_for(ANNA), "next": wanted}
    assert (await browser.post("/api/auth/verify", data=form)).headers["location"] == led_to


async def test_pages_elsewhere_are_named_in_full(database_url: str) -> None:
    async with (
        front_door(database_url, API_ORIGIN="http://api.localhost:3000") as door,
        door.browser() as browser,
    ):
        asked = await browser.post("/api/auth/request", data={"email": ANNA})
        assert asked.headers["location"] == "http://localhost:3000/sign-in?step=code"


async def test_a_page_gets_its_errors_back_as_codes_in_the_address(door: FrontDoor) -> None:
    browser = door.browser(accept="text/html,*/*")
    asked = await browser.post("/api/auth/request", data={"email": "no address"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?error=invalid_request")


async def test_signing_out_ends_this_session_alone(door: FrontDoor) -> None:
    here, there = await door.signed_in(ANNA), await _later(door, 2)
    cookie = here.cookies["session"]
    out = await here.post("/api/auth/logout")
    assert out.status_code == 204
    assert "session" not in here.cookies
    stolen = await door.browser(cookie=f"session={cookie}").get("/api/auth/me")
    assert (stolen.status_code, stolen.json()["code"]) == (401, "not_signed_in")
    assert (await there.get("/api/auth/me")).status_code == 200
    assert (await here.post("/api/auth/logout")).status_code == 204


async def test_signing_out_everywhere_ends_sessions_and_tokens_and_says_so_to_open_streams(
    door: FrontDoor,
) -> None:
    here, there = await door.signed_in(ANNA), await _later(door, 2)
    account_id = (await here.get("/api/auth/me")).json()["account"]["id"]
    token = (await there.post("/api/auth/token")).json()["token"]
    assert (await here.post("/api/auth/logout?everywhere=1")).status_code == 204
    assert (await there.get("/api/auth/me")).status_code == 401
    bearer = await door.browser(authorization=f"Bearer {token}").get("/api/auth/me")
    assert bearer.status_code == 401
    assert door.services.hub.told == [account_id]
    assert (await here.post("/api/auth/logout?everywhere=1")).status_code == 401
    assert (await here.post("/api/auth/logout?everywhere=maybe")).status_code == 400


async def test_a_form_that_signs_out_leads_to_the_sign_in_page(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    out = await browser.post("/api/auth/logout", data={"from": "menu"})
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")


async def test_a_session_ends_after_seven_idle_days(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    clock.move(timedelta(days=6, hours=23))
    assert (await browser.get("/api/auth/me")).status_code == 200
    await door.database.write(lambda c: None)
    clock.move(timedelta(days=6, hours=23))
    assert (await browser.get("/api/auth/me")).status_code == 200
    await door.database.write(lambda c: None)
    clock.move(timedelta(days=7, seconds=1))
    assert (await browser.get("/api/auth/me")).status_code == 401


async def test_a_session_ends_after_thirty_days_however_busy(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    statuses = []
    for _ in range(6):
        statuses.append((await browser.get("/api/auth/me")).status_code)
        await door.database.write(lambda c: None)
        clock.move(timedelta(days=6))
    assert statuses == [200, 200, 200, 200, 200, 401]


async def test_sessions_are_listed_with_device_and_coarse_place(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA, **{"user-agent": CHROME})
    account_id = (await browser.get("/api/auth/me")).json()["account"]["id"]
    (row,) = await door.database.read(lambda c: list_sessions(c, account_id))
    assert (row.device, row.place) == ("Chrome on macOS", "203.0.113.0/24")


async def test_a_session_is_listed_with_the_device_and_place_of_its_last_use(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA, **{"user-agent": CHROME})
    account_id = (await browser.get("/api/auth/me")).json()["account"]["id"]
    away = door.browser("198.51.100.7", cookie=f"session={browser.cookies['session']}", **{"user-agent": FIREFOX})
    await away.get("/api/auth/me")
    await door.database.write(lambda c: None)
    (row,) = await door.database.read(lambda c: list_sessions(c, account_id))
    assert row.place == "203.0.113.0/24", "it is written down once a minute"
    clock.move(timedelta(minutes=2))
    await away.get("/api/auth/me")
    await door.database.write(lambda c: None)
    (row,) = await door.database.read(lambda c: list_sessions(c, account_id))
    assert (row.device, row.place) == ("Firefox on Windows", "198.51.100.0/24")
    assert clock.now() - row.last_seen_at < timedelta(minutes=1)


async def test_signing_in_again_in_one_browser_replaces_its_session(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    old = browser.cookies["session"]
    clock.move(timedelta(minutes=2))
    await browser.post("/api/auth/request", json={"email": ANNA})
    await browser.post("/api/auth/verify", json={"email": ANNA, "code": await door.office.code_for(ANNA, 2)})
    assert browser.cookies["session"] != old
    assert (await door.browser(cookie=f"session={old}").get("/api/auth/me")).status_code == 401


async def test_nothing_secret_is_kept_as_it_is(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    code = (await door.office.mail_to(ANNA))["subject"][:6]
    rows = await door.database.read(
        lambda c: str([*c.execute(select(table(SignInCode))), *c.execute(select(table(Session)))])
    )
    assert hash_of(browser.cookies["session"]) in rows
    assert browser.cookies["session"] not in rows
    assert f"'{code}'" not in rows


async def test_what_is_past_use_is_forgotten_and_the_daily_cap_is_not(door: FrontDoor) -> None:
    await door.signed_in(ANNA)
    clock.move(timedelta(days=1))
    assert await door.database.write(forget_expired) == 0
    clock.move(timedelta(days=30))
    assert await door.database.write(forget_expired) == 2


async def test_it_all_works_over_a_real_socket(door: FrontDoor) -> None:
    async with served(door.app) as url, httpx.AsyncClient(base_url=url) as browser:
        asked = await browser.post("/api/auth/request", json={"email": ANNA})
        assert asked.status_code == 202
        assert asked.headers["request-id"].startswith("req_")
        code = await door.office.code_for(ANNA)
        answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})
        assert answer.json()["account"]["email"] == ANNA
        assert (await browser.get("/api/auth/me")).status_code == 200


async def _later(door: FrontDoor, count: int) -> httpx.AsyncClient:
    clock.move(timedelta(minutes=2))
    return await door.signed_in(ANNA, count)
