"""Everything that we hold, as one archive: whole, readable, without a secret, and never all of it in memory."""

import csv
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, insert, select
from sqlmodel import SQLModel

from relay import accounts, clock, storage
from relay.accounts import Identity, exported_rows
from relay.accounts.rows_in_text import Pages, page_of
from relay.money import usd
from relay.tables import Entry, SignInCode, Usage, table
from tests.fixtures.front_door import FrontDoor, front_door

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
    sql = page_of(part, ["7" for _ in part.order], engine.dialect)
    with engine.connect() as connection:
        asked = sql.compile(engine)
        told = tuple(asked.params[name] for name in asked.positiontup)
        plan = "; ".join(row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", told))
    assert re.search(r"account_id=\? AND \(?\w+[\w,]*\)?>", plan)
    assert "TEMP B-TREE" not in plan


WORDS = ["", "=cmd()", "-1.5", "-1.5.1", "@", 'a "b"', "a,b", "a\r\nb", "100 %", "%s", "ÄĀ\u2028😀\x7f", "\t", "\\n"]


async def test_rows_are_written_as_the_libraries_for_json_and_csv_would(door: FrontDoor) -> None:
    anna = await door.signed_in(ANNA)
    account_id = (await anna.get("/api/auth/me")).json()["account"]["id"]
    moments = [datetime(2026, 11, 24, 10, 0, 0, micro, UTC) for micro in (0, 5, 120_000, 999_999)]
    rows = [
        _usage(account_id, n, words, moments[n % 4], None if n % 3 else n, bool(n % 2)) for n, words in enumerate(WORDS)
    ]
    (part,) = [p for p in exported_rows.parts(Identity(account_id, ANNA, "session", "")) if p.of.name == "usage"]
    for some in (rows[:1], rows[1:]):
        await door.database.write(lambda c, some=some: c.execute(insert(table(Usage)), some))
        kept = await door.database.read(lambda c: c.execute(select(*part.columns).order_by(*part.order)).all())
        names = [c.name.replace("_pico", "_usd") for c in part.columns]
        told = [dict(zip(names, map(_told, part.columns, row), strict=True)) for row in kept]
        pages = {kind: await door.database.read(Pages(part, kind).next) for kind in ("json", "csv")}
        assert pages["json"] == b"[\n" + b",\n".join(map(orjson.dumps, told)) + b"\n]\n"
        out = io.StringIO(newline="")
        csv.writer(out).writerows([names, *([_guarded(value) for value in each.values()] for each in told)])
        assert pages["csv"].decode() == out.getvalue()


def _usage(
    account_id: str, n: int, words: str, at: datetime, first_ms: int | None, estimated: bool
) -> dict[str, object]:
    given = {"request_id": f"req_{n}", "account_id": account_id, "model": words, "reason": words, "at": at}
    given |= {"started_at": at, "price_version": "v", "ended": "complete", "first_token_ms": first_ms}
    return given | {"estimated": estimated, "amends": words or None, "price_pico": 10**n - 5 * 10**6, "cost_pico": -n}


def _told(column: Any, value: Any) -> Any:
    if column.name.endswith("_pico"):
        return usd(value)
    return clock.rfc3339(value) if isinstance(value, datetime) else value


def _guarded(value: Any) -> Any:
    return f"'{value}" if value in ("=cmd()", "-1.5", "-1.5.1", "@", "\t") else value
