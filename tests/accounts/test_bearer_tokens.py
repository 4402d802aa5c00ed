"""Bearer tokens for the panel on another site: made by a signed-in browser or by a person's own API key."""

from datetime import timedelta

import httpx

from relay import clock
from relay.accounts import create_key, end_all_sessions, recognise, revoke_key
from relay.accounts.identity import Credential
from relay.accounts.secrets import hash_of
from tests.fixtures.front_door import FrontDoor

ANNA = "anna@example.com"


async def made(asking: httpx.AsyncClient, how: str = "") -> str:
    answer = await asking.post(f"/api/auth/token{how}")
    assert answer.status_code == 200
    assert answer.json()["expires_at"].endswith("Z")
    return answer.json()["token"]


async def test_a_bearer_token_lives_fifteen_minutes_and_makes_no_other(door: FrontDoor) -> None:
    bearer = door.browser(authorization=f"Bearer {await made(await door.signed_in(ANNA))}")
    assert (await bearer.get("/api/auth/me")).json()["account"]["email"] == ANNA
    assert (await bearer.post("/api/auth/token")).status_code == 403
    clock.move(timedelta(minutes=15, seconds=1))
    assert (await bearer.get("/api/auth/me")).status_code == 401
    assert (await bearer.post("/api/auth/token/renew")).status_code == 401


async def test_it_is_renewed_for_twelve_hours_and_no_longer(door: FrontDoor) -> None:
    token, lived = await made(await door.signed_in(ANNA)), timedelta()
    while (answer := await door.browser(authorization=f"Bearer {token}").post("/api/auth/token/renew")).is_success:
        token, lived = answer.json()["token"], lived + timedelta(minutes=14)
        clock.move(timedelta(minutes=14))
    assert answer.status_code == 401
    assert timedelta(hours=12) < lived < timedelta(hours=12, minutes=15)


async def test_a_renewed_one_ends_with_the_session_too(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    first = door.browser(authorization=f"Bearer {await made(browser)}")
    second = door.browser(authorization=f"Bearer {await made(first, '/renew')}")
    assert (await second.get("/api/auth/me")).status_code == 200
    assert (await browser.post("/api/auth/token/renew")).status_code == 403
    account_id = (await browser.get("/api/auth/me")).json()["account"]["id"]
    await door.database.write(lambda c: end_all_sessions(c, account_id))
    assert (await second.get("/api/auth/me")).status_code == 401


async def test_a_key_makes_one_that_spends_by_its_cap_and_ends_with_it(door: FrontDoor) -> None:
    account_id = (await (await door.signed_in(ANNA)).get("/api/auth/me")).json()["account"]["id"]
    key, row = await door.database.write(lambda c: create_key(c, account_id, cap_pico=5))
    token = await made(door.browser(**{"x-api-key": key}))
    who = await recognise(door.database, Credential("token", hash_of(token)))
    assert who is not None
    assert (who.account_id, who.key_id, who.key_cap_pico, who.session_id) == (account_id, row.id, 5, "")
    bearer = door.browser(authorization=f"Bearer {token}")
    assert (await bearer.post("/api/auth/token/renew")).status_code == 403
    await door.database.write(lambda c: revoke_key(c, account_id, row.id))
    assert (await bearer.get("/api/auth/me")).status_code == 401
