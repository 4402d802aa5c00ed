"""Signing in under attack: guesses, races, other browsers, other sites, bad addresses, a clock set back."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from relay import clock
from relay.tables import Account, Session, SignInCode, table
from tests.fixtures.front_door import ORIGIN, FrontDoor, front_door, wrong

ANNA = "anna@example.com"


async def test_fifty_right_codes_at_once_give_one_session(door: FrontDoor) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    right = {"email": ANNA, "code": await door.office.code_for(ANNA)}
    answers = await asyncio.gather(*(browser.post("/api/auth/verify", json=right) for _ in range(50)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert statuses[401] + statuses[429] == 49
    assert await _count(door, Session) == 1


async def test_of_many_wrong_codes_at_once_five_are_evaluated_and_then_the_code_is_dead(
    door: FrontDoor,
) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    code = await door.office.code_for(ANNA)
    guess = {"email": ANNA, "code": wrong(code)}
    answers = await asyncio.gather(*(browser.post("/api/auth/verify", json=guess) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 15}
    late = await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert await _count(door, Session) == 0


async def test_only_the_newest_code_works(door: FrontDoor) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    old_code, old_cookie = await door.office.code_for(ANNA), browser.cookies["pre_session"]
    clock.move(timedelta(seconds=61))
    await browser.post("/api/auth/request", json={"email": ANNA})
    new_code = await door.office.code_for(ANNA, 2)
    if old_code != new_code:
        refused = await browser.post("/api/auth/verify", json={"email": ANNA, "code": old_code})
        assert refused.status_code == 401
    before = door.browser(cookie=f"pre_session={old_cookie}")
    assert (await before.post("/api/auth/verify", json={"email": ANNA, "code": old_code})).status_code == 401
    assert (await browser.post("/api/auth/verify", json={"email": ANNA, "code": new_code})).status_code == 200


async def test_asking_again_within_a_minute_mails_nothing_and_keeps_the_code_good(door: FrontDoor) -> None:
    browser = door.browser()
    first = await browser.post("/api/auth/request", json={"email": ANNA})
    code = await door.office.code_for(ANNA)
    first_cookie = browser.cookies["pre_session"]
    again = await browser.post("/api/auth/request", json={"email": ANNA})
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert browser.cookies["pre_session"] != first_cookie
    assert (await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 200
    assert len(door.office.to(ANNA)) == 1


async def test_asking_from_all_sides_at_once_mails_one_code(door: FrontDoor) -> None:
    browsers = [door.browser(f"198.51.100.{n}") for n in range(20)]
    asked = [browser.post("/api/auth/request", json={"email": ANNA}) for browser in browsers]
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {202}
    await door.office.code_for(ANNA)
    assert (await _count(door, SignInCode), len(door.office.mails)) == (1, 1)


async def test_an_address_gets_five_codes_an_hour_and_ten_a_day_whoever_asks(door: FrontDoor) -> None:
    made = []
    for turn in range(40):
        await door.browser(f"2001:db8:{turn:x}::1").post("/api/auth/request", json={"email": ANNA})
        made.append(await _count(door, SignInCode))
        clock.move(timedelta(minutes=5))
    assert made[11] == 5
    assert made[-1] == 10


async def test_another_browser_is_refused_and_cannot_use_up_the_tries(door: FrontDoor) -> None:
    browser, thief = door.browser(), door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    code = await door.office.code_for(ANNA)
    await thief.post("/api/auth/request", json={"email": ANNA})
    for guess in [code, *[wrong(code)] * 6]:
        assert (await thief.post("/api/auth/verify", json={"email": ANNA, "code": guess})).status_code == 401
        stranger = await door.browser().post("/api/auth/verify", json={"email": ANNA, "code": guess})
        assert stranger.status_code == 401
    assert (await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 200


@pytest.mark.parametrize("move", [timedelta(minutes=10, seconds=1), timedelta(minutes=-1)])
async def test_a_code_is_dead_after_ten_minutes_and_when_the_clock_is_set_back(
    door: FrontDoor, move: timedelta
) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    code = await door.office.code_for(ANNA)
    clock.move(move)
    answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})
    assert (answer.status_code, answer.json()["code"]) == (401, "code_invalid")


async def test_a_code_works_once(door: FrontDoor) -> None:
    browser = door.browser()
    await browser.post("/api/auth/request", json={"email": ANNA})
    cookie, code = browser.cookies["pre_session"], await door.office.code_for(ANNA)
    assert (await browser.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 200
    again = door.browser(cookie=f"pre_session={cookie}")
    assert (await again.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 401


async def test_known_and_unknown_addresses_get_the_same_answer(door: FrontDoor) -> None:
    await door.signed_in(ANNA)
    clock.move(timedelta(minutes=2))
    answers = [await door.browser().post("/api/auth/request", json={"email": e}) for e in (ANNA, "new@example.com")]
    known, unknown = answers
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert sorted(known.headers) == sorted(unknown.headers)


async def test_a_preset_cookie_is_replaced_and_opens_nothing(door: FrontDoor) -> None:
    victim = door.browser(cookie="pre_session=planted; session=planted")
    await victim.post("/api/auth/request", json={"email": ANNA})
    code = await door.office.code_for(ANNA)
    planted = door.browser(cookie="pre_session=planted")
    assert (await planted.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 401
    own = door.browser(cookie=f"pre_session={victim.cookies['pre_session']}; session=planted")
    answer = await own.post("/api/auth/verify", json={"email": ANNA, "code": code})
    assert answer.status_code == 200
    assert own.cookies["session"] != "planted"


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_cookie_planted_beside_ours_keeps_nobody_out_and_lets_nobody_in(
    door: FrontDoor, is_first: bool
) -> None:
    thief, victim = door.browser(), door.browser()
    await thief.post("/api/auth/request", json={"email": "thief@example.com"})
    await victim.post("/api/auth/request", json={"email": ANNA})
    planted, own = thief.cookies["pre_session"], victim.cookies["pre_session"]
    both = [f"pre_session={each}" for each in ((planted, own) if is_first else (own, planted))]
    again = door.browser(cookie="; ".join(both))
    await again.post("/api/auth/request", json={"email": ANNA})
    both[is_first] = f"pre_session={again.cookies['pre_session']}"
    code, page = await door.office.code_for(ANNA), door.browser(cookie="; ".join(both))
    resend = await page.post("/api/auth/request", data={"next": "/"})
    assert resend.headers["location"].endswith("error=code_invalid")
    assert (await page.post("/api/auth/verify", data={"code": wrong(code)})).status_code == 303
    three = door.browser(cookie="; ".join([*both, "pre_session=third"]))
    assert (await three.post("/api/auth/verify", json={"email": ANNA, "code": code})).status_code == 401
    assert await _count(door, Session) == 0
    assert (await page.post("/api/auth/verify", data={"code": code})).headers["location"] == "/"
    signed_in = door.browser(cookie=f"session={page.cookies['session']}")
    assert (await signed_in.get("/api/auth/me")).json()["account"]["email"] == ANNA


async def test_over_tls_however_many_are_planted_nobody_is_kept_out(sqlite_url: str) -> None:
    async with front_door(sqlite_url, ACCOUNT_ORIGIN="https://account.example.com") as door:
        browser = door.browser()
        asked = await browser.post("/api/auth/request", json={"email": ANNA})
        ours, value = asked.headers["set-cookie"].partition(";")[0].split("=")
        # Browsers take a name with this beginning from the host itself alone, and with these attributes alone.
        assert ours.startswith("__Host-")
        assert {"Secure", "Path=/"} < set(asked.headers["set-cookie"].split("; "))
        assert "Domain=" not in asked.headers["set-cookie"]
        planted = "; ".join(f"{name}=planted{n}" for n in range(3) for name in ("pre_session", "x"))
        code = {"email": ANNA, "code": await door.office.code_for(ANNA)}
        assert (await door.browser(cookie=planted).post("/api/auth/verify", json=code)).status_code == 401
        victim = door.browser(cookie=f"{planted}; {ours}={value}")
        assert (await victim.post("/api/auth/verify", json=code)).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
@pytest.mark.parametrize("path", ["request", "verify", "logout", "token"])
async def test_a_post_from_another_site_is_refused(door: FrontDoor, path: str, headers: dict[str, str]) -> None:
    browser = await door.signed_in(ANNA)
    form = {"email": "b@example.com", "code": "123456"}
    answer = await browser.post(f"/api/auth/{path}", data=form, headers=headers | {"accept": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await browser.get("/api/auth/me")).status_code == 200
    assert await _count(door, SignInCode) == 1


async def test_a_post_from_our_own_page_passes_and_a_suffix_of_it_does_not(database_url: str) -> None:
    async with front_door(database_url, EDITOR_ORIGINS="https://editor.example.com") as door:
        statuses = [
            (await door.browser(origin=origin).post("/api/auth/logout")).status_code
            for origin in (
                ORIGIN,
                "https://editor.example.com",
                ORIGIN + ".evil.example",
                "https://example.com",
            )
        ]
        assert statuses == [204, 204, 403, 403]


async def test_a_closed_account_is_not_let_in(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    close = table(Account).update().values(closed_at=clock.now())
    await door.database.write(lambda c: c.execute(close))
    assert (await browser.get("/api/auth/me")).status_code == 401
    clock.move(timedelta(minutes=2))
    await browser.post("/api/auth/request", json={"email": ANNA})
    right = {"email": ANNA, "code": await door.office.code_for(ANNA, 2)}
    assert (await browser.post("/api/auth/verify", json=right)).status_code == 403


async def _count(door: FrontDoor, model: type[Session | SignInCode]) -> int:
    return await door.database.read(lambda c: c.execute(select(func.count()).select_from(table(model))).scalar_one())


async def test_an_editor_of_another_site_is_told_at_once_that_no_code_would_work_there(database_url: str) -> None:
    editor = "https://editor.example.com"
    async with front_door(database_url, EDITOR_ORIGINS=editor) as door:
        for site, status in (("cross-site", 403), ("same-site", 202)):
            browser = door.browser(origin=editor, **{"sec-fetch-site": site})
            asked = await browser.post("/api/auth/request", json={"email": f"anna@{site}.dev"})
            assert asked.status_code == status
        await door.office.mail_to("anna@same-site.dev")
        assert door.office.to("anna@cross-site.dev") == []
