"""A new address for an account, and an end to it: what is asked, what is told, what stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from relay import accounts, clock, usage
from relay.accounts import Credential, Identity
from relay.accounts.secrets import hash_of
from relay.audit import recompute
from relay.errors import BadInput, CodeInvalid, Conflict, Forbidden, NotSignedIn, ProductError, TooMany
from relay.money import PICO_PER_USD
from relay.tables import Account, ApiKey, Balance, Invoice, Session, table
from tests.fixtures.front_door import FrontDoor, front_door, wrong

ANNA, NEW = "anna@example.com", "anna@new.example.com"
A_WHILE = timedelta(minutes=2)


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    async with front_door(database_url, SIGN_UP_GRANT_USD="5") as door:
        yield door


async def anna_of(door: FrontDoor, email: str = ANNA) -> Identity:
    """Somebody who has just signed in; the clock is past the pause between two codes."""
    browser = await door.signed_in(email)
    clock.move(A_WHILE)
    found = await accounts.recognise(door.database, Credential("session", hash_of(browser.cookies["session"])))
    assert found is not None
    return found


async def test_an_account_moves_when_both_addresses_say_so(door: FrontDoor) -> None:
    anna = await anna_of(door)
    old, new = await accounts.request_move(door.database, door.settings, anna, NEW)
    assert new is not None
    assert (old.email, new.email) == (ANNA, NEW)
    for codes in ((wrong(old.code), new.code), (old.code, wrong(new.code)), (new.code, old.code)):
        with pytest.raises(CodeInvalid):
            await accounts.confirm_move(door.database, door.settings, anna, *codes)
    moved = await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)
    assert moved == (anna.account_id, ANNA, NEW)
    assert (await door.database.read(lambda c: accounts.find_account(c, NEW))).account_id == anna.account_id
    assert await door.database.read(lambda c: accounts.find_account(c, ANNA)) is None
    with pytest.raises(CodeInvalid):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)


async def test_a_move_that_is_cancelled_ends_both_codes(door: FrontDoor) -> None:
    anna, elsewhere = await anna_of(door), await _second_session(door)
    clock.move(A_WHILE)
    old, new = await accounts.request_move(door.database, door.settings, anna, NEW)
    assert new is not None
    assert await door.database.write(lambda c: accounts.cancel_move(c, elsewhere)) is False
    assert await door.database.write(lambda c: accounts.cancel_move(c, anna)) is True
    assert await door.database.read(lambda c: accounts.pending_move(c, anna)) is None
    with pytest.raises(CodeInvalid):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)
    assert await door.database.read(lambda c: accounts.find_account(c, NEW)) is None


async def test_five_wrong_tries_end_both_codes(door: FrontDoor) -> None:
    anna = await anna_of(door)
    old, new = await accounts.request_move(door.database, door.settings, anna, NEW)
    assert new is not None
    for _ in range(5):
        with pytest.raises(CodeInvalid):
            await accounts.confirm_move(door.database, door.settings, anna, old.code, wrong(new.code))
    with pytest.raises(TooMany):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)


async def test_codes_belong_to_their_purpose_and_their_session(door: FrontDoor) -> None:
    anna, elsewhere = await anna_of(door), await _second_session(door)
    clock.move(A_WHILE)
    old, new = await accounts.request_move(door.database, door.settings, anna, NEW)
    assert new is not None
    with pytest.raises(CodeInvalid):
        await accounts.confirm_move(door.database, door.settings, elsewhere, old.code, new.code)
    with pytest.raises(CodeInvalid):
        await accounts.close_account(door.database, door.settings, anna, old.code)
    async with door.browser() as browser:
        answer = await browser.post("/api/auth/verify", json={"email": ANNA, "code": old.code})
        assert answer.status_code == 401
    clock.move(timedelta(minutes=11))
    with pytest.raises(CodeInvalid):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)


async def test_the_limits_of_an_address_span_what_codes_are_for(door: FrontDoor) -> None:
    anna = await anna_of(door)
    await accounts.request_closing(door.database, door.settings, anna)
    with pytest.raises(TooMany) as refused:
        await accounts.request_move(door.database, door.settings, anna, NEW)
    assert 1 <= (refused.value.retry_after or 0) <= 60
    for _ in range(3):
        clock.move(A_WHILE)
        await accounts.request_closing(door.database, door.settings, anna)
    clock.move(A_WHILE)
    with pytest.raises(TooMany) as refused:
        await accounts.request_closing(door.database, door.settings, anna)
    assert refused.value.retry_after == 3600


async def test_whether_the_new_address_is_known_is_told_to_its_reader_alone(door: FrontDoor) -> None:
    bob = await anna_of(door, "bob@example.com")
    anna = await anna_of(door)
    with pytest.raises(BadInput):
        await accounts.request_move(door.database, door.settings, anna, ANNA)
    old, new = await accounts.request_move(door.database, door.settings, anna, bob.email)
    assert new is not None
    with pytest.raises(CodeInvalid):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, wrong(new.code))
    with pytest.raises(Conflict):
        await accounts.confirm_move(door.database, door.settings, anna, old.code, new.code)
    assert (await door.database.read(lambda c: accounts.find_account(c, ANNA))).account_id == anna.account_id


async def test_right_codes_given_many_times_at_once_move_once(door: FrontDoor) -> None:
    anna = await anna_of(door)
    old, new = await accounts.request_move(door.database, door.settings, anna, NEW)
    assert new is not None
    tries = [accounts.confirm_move(door.database, door.settings, anna, old.code, new.code) for _ in range(5)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in found) == 1
    assert all(isinstance(each, tuple | ProductError) for each in found)


async def test_a_deleted_account_leaves_its_money_and_no_name(door: FrontDoor) -> None:
    anna = await anna_of(door)
    key, _ = await door.database.write(lambda c: accounts.create_key(c, anna.account_id, "Anna's laptop"))
    mailed = await accounts.request_closing(door.database, door.settings, anna)
    with pytest.raises(CodeInvalid):
        await accounts.close_account(door.database, door.settings, anna, wrong(mailed.code))
    closed = await accounts.close_account(door.database, door.settings, anna, mailed.code)
    assert {anna.session_id, anna.account_id} < set(closed.ended)
    program = door.browser(**{"x-api-key": key})
    assert (await program.get("/api/auth/me")).status_code == 401
    with pytest.raises((CodeInvalid, NotSignedIn)):
        await accounts.close_account(door.database, door.settings, anna, mailed.code)
    for named in (Account, ApiKey, Session):
        kept = await door.database.read(lambda c, t=named: str(c.execute(select(table(t))).all()))
        assert "anna" not in kept.lower()
    balance = await door.database.read(lambda c: usage.balance(c, anna.account_id))
    assert balance.credit_pico == 5 * PICO_PER_USD
    assert await door.database.read(lambda c: recompute(c)) == []


async def test_whoever_comes_with_the_address_of_a_deleted_account_begins_anew(door: FrontDoor) -> None:
    anna = await anna_of(door)
    mailed = await accounts.request_closing(door.database, door.settings, anna)
    await accounts.close_account(door.database, door.settings, anna, mailed.code)
    clock.move(A_WHILE)
    browser = await door.signed_in(ANNA, count=2)
    again = (await browser.get("/api/auth/me")).json()["account"]
    assert again["id"] != anna.account_id
    balance = await door.database.read(lambda c: usage.balance(c, again["id"]))
    assert (balance.credit_pico, balance.grants) == (0, ())


@pytest.mark.parametrize("what", ["plan", "overage", "call", "invoice", "block"])
async def test_an_account_that_owes_or_is_blocked_is_not_deleted(door: FrontDoor, what: str) -> None:
    anna = await anna_of(door)
    await door.database.write(lambda c: _stand_against(c, anna.account_id, what))
    with pytest.raises(Forbidden if what == "block" else Conflict):
        await accounts.request_closing(door.database, door.settings, anna)
    owed = await door.database.read(lambda c: accounts.owed(c, anna.account_id))
    assert len(owed.stands_against) == (what != "block")


async def test_settings_take_what_iana_and_babel_know(door: FrontDoor) -> None:
    anna = await anna_of(door)

    async def set_to(zone: object, locale: object) -> None:
        await door.database.write(lambda c: accounts.set_preferences(c, anna.account_id, zone, locale))

    await set_to("Europe/Berlin", "de-CH")
    again = await accounts.recognise(door.database, Credential("session", hash_of("x")))
    assert again is None
    for zone in ("Mars/Olympus", "../etc", 7, "localtime"):
        with pytest.raises(BadInput):
            await set_to(zone, "")
    for locale in ("xx-YY", ["de"], "de\0"):
        with pytest.raises(BadInput):
            await set_to("", locale)
    kept = await door.database.read(lambda c: c.execute(select(table(Account).c["time_zone", "locale"])).one())
    assert tuple(kept) == ("Europe/Berlin", "de-CH")
    for locale, name in accounts.locales():
        await set_to(accounts.time_zones()[0], locale)
        assert name


async def _second_session(door: FrontDoor) -> Identity:
    person = await door.database.read(lambda c: accounts.find_account(c, ANNA))
    from relay.accounts.sessions import open_session

    _, token = await door.database.write(lambda c: open_session(c, person.account_id, "", ""))
    found = await accounts.recognise(door.database, Credential("session", hash_of(token)))
    assert found is not None
    return found


def _stand_against(connection: object, account_id: str, what: str) -> None:
    balances, invoices, people = table(Balance), table(Invoice), table(Account)
    now = clock.now()
    if what == "plan":
        statement = update(balances).where(balances.c.account_id == account_id).values(has_plan=True)
    elif what == "overage":
        statement = update(balances).where(balances.c.account_id == account_id).values(overage_pico=PICO_PER_USD)
    elif what == "call":
        # It is open on the overage of a plan that has ended.
        statement = update(balances).where(balances.c.account_id == account_id).values(held_pico=99 * PICO_PER_USD)
    elif what == "invoice":
        row = {"id": "in_1", "account_id": account_id, "status": "open", "total_cents": 700, "subscription_id": ""}
        row |= dict.fromkeys(("created_at", "period_start", "period_end", "fetched_at"), now)
        row |= dict.fromkeys(("number", "reason", "pdf_url", "hosted_url"), "") | {"overage_cents": 0}
        statement = insert(invoices).values(row)
    else:
        statement = update(people).where(people.c.id == account_id).values(blocked_at=now)
    connection.execute(statement)
