"""Everything that we hold, as one archive: whole, readable, without a secret, and never all of it in memory."""

import csv
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from front_door import FrontDoor, front_door
from sqlalchemy import create_engine, insert, select
from sqlmodel import SQLModel

from relay import accounts, clock, storage
from relay.accounts import Identity, exported_rows
from relay.tables import Entry, SignInCode, UtcDateTime, table

ANNA, BOB = "anna@example.com", "bob@example.com"
ROWS = 1234


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[FrontDoor]:
    async with front_door(database_url, SIGN_UP_GRANT_USD="5") as door:
        yield door


async def test_the_archive_holds_every_row_of_the_account_and_nobody_elses(door: FrontDoor) -> None:
    anna, bob = await door.signed_in(ANNA), await door.signed_in(BOB)
    made = (await anna.post("/api/keys", json={"name": "=cmd()"})).json()
    await bob.post("/api/keys", json={"name": "Bob's own"})
    account_id = (await anna.get("/api/auth/me")).json()["account"]["id"]
    await door.database.write(lambda c: c.execute(insert(table(Entry)), [_entry(account_id, i) for i in range(ROWS)]))
    answer = await anna.get("/api/account/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    assert packed.testzip() is None
    everything = "".join(packed.read(name).decode() for name in packed.namelist())
    assert "bob" not in everything.lower()
    for secret in (made["key"], anna.cookies["session"], accounts.secrets.hash_of(made["key"])):
        assert secret not in everything
    assert accounts.secrets.hash_of(anna.cookies["session"]) not in everything
    hmacs = await door.database.read(lambda c: c.execute(select(table(SignInCode).c.code_hmac)).scalars().all())
    assert hmacs
    assert not [each for each in hmacs if each in everything]
    entries = json.loads(packed.read("entries.json"))
    in_csv = list(csv.DictReader(io.StringIO(packed.read("entries.csv").decode(), newline="")))
    assert len(entries) == len(in_csv) == ROWS + 1
    assert [str(each["id"]) for each in entries] == [each["id"] for each in in_csv]
    assert {each["amount_usd"] for each in in_csv} == {"5", "-0.000000000001"}
    assert next(csv.DictReader(io.StringIO(packed.read("api_keys.csv").decode())))["name"] == "'=cmd()"
    assert json.loads(packed.read("accounts.json"))[0]["email"] == ANNA
    progress = await door.database.read(lambda c: accounts.last_export(c, account_id))
    assert progress is not None
    assert progress.finished_at is not None
    assert progress.rows_done == progress.rows_total >= 2 * ROWS


async def test_only_a_signed_in_browser_exports_and_once_at_a_time(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    key = (await anna.post("/api/keys", json={})).json()["key"]
    assert (await door.browser().get("/api/account/export")).status_code == 401
    assert (await door.browser(**{"x-api-key": key}).get("/api/account/export")).status_code == 403
    identity = await accounts.recognise(
        door.database, accounts.Credential("session", accounts.secrets.hash_of(anna.cookies["session"]))
    )
    assert identity is not None
    export_id = await accounts.begin_export(door.database, identity)
    first = accounts.archive(door.database, identity, export_id, storage.archived(door.services.storehouse, "nobody"))
    await anext(first)
    assert (await anna.get("/api/account/export")).status_code == 409
    await first.aclose()
    assert (await anna.get("/api/account/export")).status_code == 200


def test_every_table_that_names_an_account_is_exported_or_known_not_to_be() -> None:
    identity = accounts.Identity("acct_1", ANNA, "session", "ses_1")
    exported = {part.of.name: {c.name for c in part.columns} for part in exported_rows.parts(identity)}
    about_nobody = {"price_versions", "prices", "leases", "looks", "inspections"}
    assert set(SQLModel.metadata.tables) - set(exported) == about_nobody
    tables = SQLModel.metadata.tables
    hidden = {f"{name}.{c.name}" for name, shown in exported.items() for c in tables[name].c if c.name not in shown}
    assert hidden == {
        "api_keys.key_hash", "bearer_tokens.token_hash", "checkouts.url", "holds.worker", "operator_actions.operator",
        "sessions.token_hash", "sign_in_codes.browser_hash", "sign_in_codes.code_hmac",
    }  # fmt: skip


def _entry(account_id: str, number: int) -> dict[str, object]:
    return {"account_id": account_id, "kind": "burn", "amount_pico": -1, "at": clock.now(), "request_id": str(number)}


@pytest.mark.parametrize("name", ["usage", "entries", "usage_hours", "usage_sums"])
def test_a_page_of_a_long_history_begins_where_the_last_one_ended(tmp_path: Path, name: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'plans.db'}")
    SQLModel.metadata.create_all(engine)
    identity = Identity("acct_1", ANNA, "session", "")
    (part,) = [part for part in exported_rows.parts(identity) if part.of.name == name]
    after = [clock.now() if isinstance(key.type, UtcDateTime) else "7" for key in part.order]
    with engine.connect() as connection:
        sql = exported_rows.page_of(part, after).compile(engine, compile_kwargs={"literal_binds": True})
        plan = "; ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
    assert re.search(r"account_id=\? AND \(?\w+[\w,]*\)?>", plan)
    assert "TEMP B-TREE" not in plan
