"""Personal API keys, and who a request comes from."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, select

from relay import clock
from relay.accounts import (
    Credential,
    Identity,
    account_for,
    create_key,
    credential_from_headers,
    end_all_sessions,
    identify,
    is_still_valid,
    list_keys,
    recognise,
    revoke_key,
)
from relay.accounts.secrets import hash_of
from relay.errors import BadInput, Conflict, NotFound
from relay.tables import ApiKey, Session, table
from tests.fixtures.front_door import FrontDoor

ANNA = "anna@example.com"


async def test_a_key_is_told_once_and_kept_hashed(door: FrontDoor) -> None:
    account_id = await _account(door)
    key, row = await door.database.write(lambda c: create_key(c, account_id, " my  laptop "))
    assert (len(key), key[:3], row.name, row.hint) == (46, "ak_", "my laptop", key[-4:])
    stored = await door.database.read(lambda c: str(c.execute(select(table(ApiKey))).all()))
    assert hash_of(key) in stored
    assert key not in stored


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
async def test_a_key_says_who_it_is_until_it_is_revoked(door: FrontDoor, header: str) -> None:
    account_id = await _account(door)
    key, row = await door.database.write(lambda c: create_key(c, account_id))
    program = door.browser(**{header: key if header == "x-api-key" else f"Bearer {key}"})
    assert (await program.get("/api/auth/me")).json() == {"account": {"id": account_id, "email": ANNA}}
    assert (await program.post("/api/auth/logout?everywhere=1")).status_code == 401
    with pytest.raises(NotFound):
        await door.database.write(lambda c: revoke_key(c, "acct_other", row.id))
    await door.database.write(lambda c: revoke_key(c, account_id, row.id))
    assert (await program.get("/api/auth/me")).status_code == 401
    assert await door.database.read(lambda c: list_keys(c, account_id)) == []


async def test_last_use_is_noted_at_most_once_a_minute(door: FrontDoor) -> None:
    account_id = await _account(door)
    key, _ = await door.database.write(lambda c: create_key(c, account_id))
    seen = []
    for wait in (0, 30, 40):
        clock.move(timedelta(seconds=wait))
        await recognise(door.database, Credential("key", hash_of(key)))
        await door.database.write(lambda c: None)
        seen.append((await door.database.read(lambda c: list_keys(c, account_id)))[0].last_used_at)
    assert seen[0] is not None
    assert seen[0] == seen[1] < seen[2]


async def test_a_batch_of_credentials_costs_one_query_a_kind(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    account_id = await _account(door)
    keys = [(await door.database.write(lambda c: create_key(c, account_id, cap_pico=5)))[0] for _ in range(3)]
    session = Credential("session", hash_of(browser.cookies["session"]))
    token = Credential("token", hash_of((await browser.post("/api/auth/token")).json()["token"]))
    asked = [session, *(Credential("key", hash_of(k)) for k in keys), token, Credential("key", "0"), session]
    found, statements = await door.database.read(lambda c: _counted(c, asked))
    assert [bool(who) for who in found] == [True] * 5 + [False, True]
    assert {who.account_id for who in found if who} == {account_id}
    assert (found[1].key_cap_pico, found[4].session_id) == (5, found[0].session_id)
    assert statements == 3


async def test_what_stays_open_can_ask_whether_its_session_has_ended(door: FrontDoor) -> None:
    browser = await door.signed_in(ANNA)
    account_id = await _account(door)
    key, row = await door.database.write(lambda c: create_key(c, account_id))
    shown = (Credential("session", hash_of(browser.cookies["session"])), Credential("key", hash_of(key)))
    identities = [await recognise(door.database, credential) for credential in shown]

    async def still_valid() -> list[bool]:
        return await door.database.read(lambda c: [is_still_valid(c, who) for who in identities if who])

    assert await still_valid() == [True, True]
    await door.database.write(lambda c: end_all_sessions(c, account_id))
    assert await still_valid() == [False, True]
    await door.database.write(lambda c: revoke_key(c, account_id, row.id))
    assert await still_valid() == [False, False]
    assert await door.database.read(lambda c: c.execute(select(table(Session))).all()) == []


async def test_bad_names_bad_caps_and_too_many_keys_are_refused(door: FrontDoor) -> None:
    account_id = await _account(door)
    for name, cap in [("x" * 101, None), ("bell\a", None), ("fine", -1), ("fine", 2**63)]:
        with pytest.raises(BadInput):
            await door.database.write(lambda c, name=name, cap=cap: create_key(c, account_id, name, cap))
    await door.database.write(lambda c: [create_key(c, account_id) for _ in range(50)])
    with pytest.raises(Conflict):
        await door.database.write(lambda c: create_key(c, account_id))


def test_a_credential_sent_on_purpose_wins_over_the_cookie() -> None:
    cookie = "other=1; session=abc"
    assert credential_from_headers(cookie, None, None) == Credential("session", hash_of("abc"))
    assert credential_from_headers(cookie, "Basic eDp5", None) == Credential("session", hash_of("abc"))
    assert credential_from_headers(cookie, "bearer at_x", None) == Credential("token", hash_of("at_x"))
    assert credential_from_headers(cookie, "Bearer at_x", "ak_y") == Credential("key", hash_of("ak_y"))


@pytest.mark.parametrize("planted", ["session=theirs; session=mine", "session=mine; session=theirs"])
def test_two_cookies_that_differ_are_nobodys(planted: str) -> None:
    assert credential_from_headers(planted, None, None) is None
    assert credential_from_headers("session=mine; session=mine", None, None) is not None
    assert credential_from_headers("session=", None, "") is None


async def _account(door: FrontDoor) -> str:
    person = await door.database.write(lambda c: account_for(c, door.settings, ANNA))
    return person.account_id


def _counted(connection: Connection, credentials: Sequence[Credential]) -> tuple[list[Identity | None], int]:
    """Who they are, and how many queries it took."""
    statements: list[str] = []

    def count(statement: str) -> None:
        if statement.startswith(("SELECT", "WITH")):
            statements.append(statement)

    class Counting(psycopg.RawCursor[Any]):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            count(query)
            return super().execute(query, *arguments, **options)

    raw: Any = connection.connection.dbapi_connection
    with pytest.MonkeyPatch.context() as patch:
        if connection.dialect.name == "sqlite":
            raw.set_trace_callback(count)
        else:
            patch.setattr("relay.prepared.running.RawCursor", Counting)
        return identify(connection, credentials), len(statements)
