"""What the driver runs by itself means the same as what SQLAlchemy would run, on both databases."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.exc import DataError, IntegrityError

from relay.database import Database
from relay.prepared import InsertSet, Prepared, UpdateSet, among, together
from relay.tables import Hold, UsageHour, table

holds, hours = table(Hold), table(UsageHour)
ALL = Prepared(select(holds).order_by(holds.c.request_id))
INSERT = InsertSet(holds, holds.c.keys())
UPDATE = UpdateSet(holds, "request_id", ["amount_pico", "journal", "expires_at"])
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))])
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001 (the zone is drawn)
ROW = st.fixed_dictionaries(
    {
        "request_id": TEXTS,
        "account_id": st.just(""),
        "key_id": TEXTS,
        "model": TEXTS,
        "price_version": TEXTS,
        "amount_pico": INT64,
        "spend_cap_pico": INT64,
        "max_tokens": INT64,
        "streamed": st.booleans(),
        "created_at": MOMENTS,
        "expires_at": MOMENTS,
        "worker": TEXTS,
        "journal": st.none() | TEXTS,
    }
)


def a_hold(request_id: str) -> dict[str, Any]:
    moments = dict.fromkeys(("created_at", "expires_at"), datetime(2026, 1, 1, tzinfo=UTC))
    texts = dict.fromkeys(("account_id", "key_id", "price_version", "worker"), "")
    figures = {"amount_pico": 1, "spend_cap_pico": 0, "max_tokens": 1, "streamed": True, "journal": None}
    return {"request_id": request_id, "model": "kept", **moments, **texts, **figures}


def in_a_transaction_undone(database: Database, work: Any) -> Any:
    class Undone(Exception):
        pass

    found: list[Any] = []

    def do(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        found.append(work(connection))
        raise Undone

    with pytest.raises(Undone):
        database.write_now(do)
    return found[0]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(rows=st.lists(ROW, max_size=90, unique_by=lambda row: row["request_id"]))
def test_rows_go_in_as_a_set_and_come_out_as_they_were(database: Database, rows: list[dict[str, Any]]) -> None:
    def work(connection: Connection) -> tuple[Any, Any]:
        INSERT.run(connection, rows)
        ours = ALL.all(connection)
        theirs = connection.execute(select(holds).order_by(holds.c.request_id)).all()
        return [row._asdict() for row in ours], [row._asdict() for row in theirs]

    ours, theirs = in_a_transaction_undone(database, work)
    assert ours == theirs
    assert sorted(ours, key=lambda row: row["request_id"]) == sorted(rows, key=lambda row: row["request_id"])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(rows=st.lists(ROW, max_size=90, unique_by=lambda row: row["request_id"]), data=st.data())
def test_a_set_of_changes_reaches_the_rows_that_it_names(
    database: Database, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    changed = {
        row["request_id"]: row for row in data.draw(st.lists(ROW, max_size=20, unique_by=lambda r: r["request_id"]))
    }
    for row in rows[: len(rows) // 2]:
        changed[row["request_id"]] = data.draw(ROW) | {"request_id": row["request_id"]}

    def work(connection: Connection) -> Any:
        INSERT.run(connection, rows)
        UPDATE.run(connection, list(changed.values()))
        return {
            row.request_id: (row.amount_pico, row.journal, row.expires_at, row.model) for row in ALL.all(connection)
        }

    expected = {}
    for row in rows:
        now = changed.get(row["request_id"], row)
        expected[row["request_id"]] = (now["amount_pico"], now["journal"], now["expires_at"], row["model"])
    assert in_a_transaction_undone(database, work) == expected


def test_what_is_added_twice_is_summed(database: Database) -> None:
    key = ("account_id", "hour", "service", "model", "key_id")
    adds = [column.name for column in hours.c if column.name not in key]
    into = InsertSet(hours, (*key, *adds), key=key, adds=adds)
    where = {"hour": datetime(2026, 11, 24, 10, tzinfo=UTC), "service": "claude", "model": "m", "key_id": ""}
    rows: list[dict[str, Any]] = [{**where, "account_id": f"a{n}", **dict.fromkeys(adds, 2**61 + n)} for n in range(70)]

    def work(connection: Connection) -> Any:
        into.run(connection, rows[:50])
        into.run(connection, rows)
        return {row.account_id: (row.requests, row.price_pico) for row in connection.execute(select(hours))}

    added = in_a_transaction_undone(database, work)
    assert added == {f"a{n}": ((2**61 + n) * (2 if n < 50 else 1),) * 2 for n in range(70)}


@pytest.mark.parametrize("many", [0, 1, 300])
def test_any_number_of_names_is_one_parameter(database: Database, many: int) -> None:
    names = [f"'r\"{n},{{}}" for n in range(many)]
    chosen = Prepared(select(holds.c.request_id).where(among(holds.c.request_id, "ids"), holds.c.model == "kept"))
    closing = Prepared(delete(holds).where(among(holds.c.request_id, "ids")))

    def work(connection: Connection) -> Any:
        INSERT.run(connection, [a_hold(name) for name in [*names, "other"]])
        found = {row.request_id for row in chosen.all(connection, ids=[*names, "unknown"])}
        closing.run(connection, ids=names)
        return found, [row.request_id for row in ALL.all(connection)]

    assert in_a_transaction_undone(database, work) == (set(names), ["other"])


def test_a_figure_that_no_column_holds_is_refused_not_rounded(database: Database) -> None:
    with pytest.raises((OverflowError, DataError)):
        database.write_now(lambda c: INSERT.run(c, [a_hold("r") | {"amount_pico": 2**63}]))


def test_the_drivers_errors_are_told_as_sqlalchemys(database: Database) -> None:
    lonely = InsertSet(hours, ["account_id"])
    with pytest.raises(IntegrityError):
        database.write_now(lambda c: lonely.run(c, [{"account_id": "a"}]))


def test_what_goes_together_runs_in_its_order_and_is_read_after(database: Database) -> None:
    def work(connection: Connection) -> Any:
        with together(connection):
            before = ALL.ask(connection)
            INSERT.run(connection, [a_hold("r"), a_hold("s")])
            UPDATE.run(connection, [a_hold("s") | {"amount_pico": 7}])
            after = ALL.ask(connection)
        return before(), {row.request_id: row.amount_pico for row in after()}

    assert in_a_transaction_undone(database, work) == ([], {"r": 1, "s": 7})


def test_what_fails_among_others_is_told_by_its_own_name_and_nothing_of_them_is_kept(database: Database) -> None:
    def work(connection: Connection) -> None:
        with together(connection):
            INSERT.run(connection, [a_hold("r")])
            INSERT.run(connection, [a_hold("r")])
            UPDATE.run(connection, [a_hold("r") | {"amount_pico": 7}])

    with pytest.raises(IntegrityError):
        in_a_transaction_undone(database, work)
    assert database.read_now(ALL.all) == []


def test_what_ends_a_transaction_takes_its_commit_with_it_or_keeps_nothing(database: Database) -> None:
    key = ("account_id", "hour", "service", "model", "key_id")
    adds = [column.name for column in hours.c if column.name not in key]
    into = InsertSet(hours, (*key, *adds))
    where = {"hour": datetime(2026, 11, 24, 10, tzinfo=UTC), "service": "claude", "model": "m", "key_id": ""}
    mine = Prepared(select(hours.c.account_id).order_by(hours.c.account_id))

    def keep(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        mine.all(connection)
        with together(connection, last=True):
            into.run(connection, [{**where, "account_id": name, **dict.fromkeys(adds, 1)} for name in names])
            _ = mine.ask(connection)
        return names

    async def ask(name: str) -> Any:
        return await database.batch(keep, name)

    # Often enough for the driver to prepare statements of its own, which it has the server forget after a rollback.
    for name in "abcdefgh":
        assert asyncio.run(ask(name)) == name
    with pytest.raises(IntegrityError):
        asyncio.run(ask("a"))
    assert asyncio.run(ask("i")) == "i"
    assert [row.account_id for row in database.read_now(mine.all)] == list("abcdefghi")


def test_a_server_that_was_made_to_forget_is_told_again(database: Database) -> None:
    def find(connection: Connection, names: Sequence[str]) -> list[int]:
        with together(connection):
            found = ALL.ask(connection)
        return [len(found())] * len(names)

    def forget(connection: Connection, names: Sequence[str]) -> Sequence[str]:
        if not database.is_sqlite:
            connection.exec_driver_sql("DEALLOCATE ALL")
        return names

    async def ask(batch: Any) -> Any:
        return await database.batch(batch, "it")

    assert [asyncio.run(ask(batch)) for batch in (find, forget, find)] == [0, "it", 0]


def test_what_raises_between_them_goes_on_as_it_is(database: Database) -> None:
    def work(connection: Connection) -> None:
        with together(connection):
            INSERT.run(connection, [a_hold("r")])
            raise LookupError

    with pytest.raises(LookupError):
        in_a_transaction_undone(database, work)
    assert database.read_now(ALL.all) == []


def test_a_statement_finds_its_index(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    chosen = select(holds).where(among(holds.c.request_id, "ids"), holds.c.expires_at > bindparam("now"))
    sql = str(chosen.compile(dialect=database.read_now(lambda c: c.dialect)))
    plan = database.read_now(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("[]", "")).all())
    assert any("SEARCH holds USING" in row[3] for row in plan)
    database.close()
