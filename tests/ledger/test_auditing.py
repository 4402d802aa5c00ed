"""The audit finds nothing in a true ledger, and names exactly what was falsified in a false one."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, text, update
from sqlmodel import SQLModel

from relay import clock, ledger, pricing
from relay.audit import KEPT_MAX, Difference, recompute
from relay.pricing import Tokens
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, SOME_TOKENS, USD, Books, Person, open_books

Falsify = Callable[[Connection, "Story"], Any]
BIG = Tokens(input=900_000, output=10_000)


class Story:
    """Two accounts with every kind of entry: grants of each kind, burns, overage, expiry, an open hold."""

    def __init__(self, books: Books, anna: Person, key_id: str, request_ids: list[str]) -> None:
        self.books, self.anna, self.key_id, self.request_ids = books, anna, key_id, request_ids


@pytest.fixture
async def story(database_url: str) -> AsyncIterator[Story]:
    async with open_books(database_url) as books:
        anna, bert = books.person("anna@example.com", 1), books.person("bert@example.com", 1)
        hers = select(_t("api_keys").c.id).where(_t("api_keys").c.account_id == anna.account_id)
        key_id = books.database.read_now(lambda c: c.execute(hers).scalar_one())
        books.give(anna, "promo", USD // 2, clock.now() + timedelta(hours=1))
        books.give(anna, "monthly", USD, clock.now() + timedelta(days=20))
        books.put_on_plan(anna, 50 * USD)
        first = await books.hold(anna, key_id=key_id)
        await books.settle(anna, first)
        clock.move(timedelta(hours=2))
        books.database.write_now(ledger.expire_due)
        books.give(anna, "promo", USD // 4)
        calls = ((BIG, MODEL), (SOME_TOKENS, OTHER_MODEL), (BIG, MODEL))
        rest = [await books.call(anna, tokens, model) for tokens, model in calls]
        books.give(anna, "monthly", USD // 5, clock.now() + timedelta(days=20))
        failed = await books.hold(anna)
        await books.settle(anna, failed, Tokens(), ended="upstream_error")
        books.correct(rest[0], tokens={"output": BIG.output + 1}, key="more")
        books.correct(rest[1], price_pico=1, key="less")
        await books.hold(anna, USD // 8)
        await books.call(bert)
        yield Story(books, anna, key_id, [first, *rest, failed])


async def test_a_true_ledger_has_no_differences(story: Story) -> None:
    assert audit(story) == []
    kinds = story.books.database.read_now(lambda c: set(c.execute(select(_t("entries").c.kind)).scalars()))
    assert kinds == {"grant", "burn", "overage", "expire"}


async def test_an_empty_product_has_no_differences(database_url: str) -> None:
    async with open_books(database_url) as books:
        assert books.database.read_now(recompute) == []


async def test_a_book_that_is_ill_all_through_is_told_of_in_part(story: Story) -> None:
    hours = [{"hour": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=n)} for n in range(KEPT_MAX + 5)]
    sums = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_pico", "price_pico")
    same = {"account_id": story.anna.account_id, "service": "claude", "model": MODEL, "key_id": "", "requests": 1}
    rows = [hour | same | dict.fromkeys(sums, 0) for hour in hours]
    story.books.database.write_now(lambda c: c.execute(insert(_t("usage_hours")), rows))
    found = story.books.database.read_now(recompute)
    assert (len(found), found.more) == (KEPT_MAX, 5)
    assert {difference.what for difference in found} == {"usage_hours.requests"}


async def test_no_snapshot_is_held_from_one_account_to_the_next(story: Story) -> None:
    held: list[bool] = []
    story.books.database.read_now(lambda c: recompute(c, lambda *_: held.append(c.in_transaction())))
    assert held == [False, False]


async def test_debt_and_its_repayment_are_no_difference(database_url: str) -> None:
    async with open_books(database_url) as books:
        anna = books.person("anna@example.com", 1)
        request_id = await books.hold(anna, USD)
        await books.settle(anna, request_id, BIG)
        books.give(anna, "topup", 5 * USD)
        await books.call(anna)
        assert books.database.read_now(recompute) == []


async def test_credit_that_a_call_had_reserved_before_it_expired_may_burn_after(database_url: str) -> None:
    async with open_books(database_url) as books:
        anna = books.person("anna@example.com", 1)
        books.give(anna, "promo", USD, clock.now() + timedelta(hours=1))
        request_id = await books.hold(anna, USD)
        clock.move(timedelta(hours=2))
        await books.call(anna)
        await books.settle(anna, request_id)
        assert books.database.read_now(recompute) == []


async def test_prices_of_an_old_version_are_no_difference(story: Story) -> None:
    assert story.books.database.write_now(lambda c: pricing.publish(c, 77, clock.now()))
    assert audit(story) == []


async def test_progress_counts_the_accounts(story: Story) -> None:
    seen: list[tuple[int, int]] = []
    story.books.database.read_now(lambda c: recompute(c, lambda done, total: seen.append((done, total))))
    assert seen == [(1, 2), (2, 2)]


def add(name: str, column: str, by: int, **where: Any) -> Falsify:
    """Changes one row's figure; `where` values may ask the story."""

    def falsify(connection: Connection, story: Story) -> None:
        one = _one(connection, name, story, **where)
        table = _t(name)
        key = list(table.primary_key.columns)
        condition = [column_ == getattr(one, column_.name) for column_ in key]
        connection.execute(update(table).where(*condition).values({column: table.c[column] + by}))

    return falsify


def put(name: str, column: str, value: Any, **where: Any) -> Falsify:
    def falsify(connection: Connection, story: Story) -> None:
        one = _one(connection, name, story, **where)
        table = _t(name)
        condition = [c == getattr(one, c.name) for c in table.primary_key.columns]
        found = value(connection, story) if callable(value) else value
        connection.execute(update(table).where(*condition).values({column: found}))

    return falsify


def drop(name: str, **where: Any) -> Falsify:
    def falsify(connection: Connection, story: Story) -> None:
        one = _one(connection, name, story, **where)
        table = _t(name)
        connection.execute(delete(table).where(*[c == getattr(one, c.name) for c in table.primary_key.columns]))

    return falsify


def grant_id(kind: str) -> Callable[[Connection, Story], int]:
    return lambda connection, story: _one(connection, "grants", story, kind=kind).id


ONE_FALSEHOOD: list[tuple[Falsify, set[str]]] = [
    (add("balances", "credit_pico", 1), {"balances.credit_pico"}),
    (add("balances", "held_pico", -1), {"balances.held_pico"}),
    (add("balances", "overage_pico", 1), {"balances.overage_pico"}),
    (put("balances", "next_expiry_at", None), {"balances.next_expiry_at"}),
    (drop("balances"), {"balances.account_id"}),
    (drop("holds"), {"balances.held_pico"}),
    (add("holds", "amount_pico", 1), {"balances.held_pico"}),
    (add("grants", "remaining_pico", -1, kind="topup"), {"grants.remaining_pico"}),
    (add("grants", "granted_pico", 1, kind="topup"), {"grants.granted_pico"}),
    (
        add("entries", "amount_pico", 1, kind="expire"),
        {"grants.remaining_pico", "balances.credit_pico"},
    ),
    (
        add("entries", "amount_pico", -1, kind="overage"),
        {"entries.amount_pico", "balances.overage_pico"},
    ),
    (
        drop("entries", kind="overage"),
        {"entries.amount_pico", "balances.overage_pico"},
    ),
    (
        put("entries", "request_id", "req_other", kind="overage"),
        {"entries.amount_pico"},
    ),
    (
        put("entries", "grant_id", grant_id("topup"), kind="burn"),
        # What burnt of the wrong grant is missing when its own turn comes.
        {"entries.burn_order", "entries.overdrawn", "grants.remaining_pico"},
    ),
    (add("usage", "price_pico", 1, model=OTHER_MODEL), {"usage.price_pico"}),
    (add("usage", "cost_pico", -1, model=OTHER_MODEL), {"usage.cost_pico"}),
    (put("usage", "price_version", "never", model=OTHER_MODEL), {"usage.price_version"}),
    (put("usage", "tier", "fast", model=OTHER_MODEL), {"usage.price_version"}),
    (
        add("usage", "output_tokens", 1, model=OTHER_MODEL),
        {
            "usage.price_pico",
            "usage.cost_pico",
            "entries.amount_pico",
            "usage_hours.output_tokens",
            "usage_hours.cost_pico",
            "usage_hours.price_pico",
        },
    ),
    (
        add("usage", "price_pico", 1, request_id="cor_more"),
        {"usage.price_pico"},
    ),
    (
        put("usage", "amends", "req_other", request_id="cor_more"),
        {"usage.amends"},
    ),
    (
        add("usage", "price_pico", 1, request_id="cor_less"),
        {"entries.amount_pico", "usage_hours.price_pico"},
    ),
    (add("usage_hours", "requests", 1, model=OTHER_MODEL), {"usage_hours.requests"}),
    (add("usage_hours", "cache_write_tokens", 1, model=OTHER_MODEL), {"usage_hours.cache_write_tokens"}),
    (add("usage_hours", "price_pico", -1, model=OTHER_MODEL), {"usage_hours.price_pico"}),
    (
        drop("usage_hours", model=OTHER_MODEL),
        {
            f"usage_hours.{name}"
            for name in (
                "requests",
                "input_tokens",
                "output_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "cost_pico",
                "price_pico",
            )
        },
    ),
    (add("api_keys", "spent_pico", 1), {"api_keys.spent_pico"}),
    (
        put("prices", "price_pico", 1, model=OTHER_MODEL, kind="output", tier="base"),
        {"usage.price_pico", "entries.amount_pico", "usage_hours.price_pico"},
    ),
]


@pytest.mark.parametrize(("falsify", "named"), ONE_FALSEHOOD)
async def test_one_falsified_row_is_named_and_nothing_else(story: Story, falsify: Falsify, named: set[str]) -> None:
    let_facts_be_changed(story)
    story.books.database.write_now(lambda c: falsify(c, story))
    found = audit(story)
    assert {difference.what for difference in found} == named
    assert all(difference.ours != difference.recomputed for difference in found)


async def test_a_difference_tells_both_figures_and_the_row(story: Story) -> None:
    account_id = story.anna.account_id
    story.books.database.write_now(lambda c: add("balances", "credit_pico", 7)(c, story))
    (found,) = audit(story)
    assert isinstance(found.ours, int)
    assert found == Difference("balances.credit_pico", account_id, found.ours, found.ours - 7)


async def test_a_row_of_nobody_is_found(story: Story) -> None:
    row = {"account_id": "acct_gone", "hour": datetime(2026, 11, 1, tzinfo=UTC), "service": "claude"}
    sums = dict.fromkeys(("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"), 0)
    more = {"model": MODEL, "key_id": "", "requests": 1, "cost_pico": 0, "price_pico": 0}
    story.books.database.write_now(lambda c: c.execute(insert(_t("usage_hours")), row | sums | more))
    assert {difference.what for difference in audit(story)} == {"balances.account_id", "usage_hours.requests"}


async def test_overage_while_there_was_credit_is_named(story: Story) -> None:
    let_facts_be_changed(story)
    entries = _t("entries")

    def swap(connection: Connection) -> None:
        burn = _one(connection, "entries", story, kind="burn")
        connection.execute(update(entries).where(entries.c.id == burn.id).values(kind="overage", grant_id=None))

    story.books.database.write_now(swap)
    first = audit(story)[0]
    assert (first.what, first.ours) == ("entries.burn_order", "overage")


def audit(story: Story) -> list[Difference]:
    return story.books.database.read_now(recompute)


def let_facts_be_changed(story: Story) -> None:
    """What only somebody with the database's own password can do."""

    def unlock(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            for name in ("usage", "entries"):
                connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
            return
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
        for name in list(names):
            connection.execute(text(f'DROP TRIGGER "{name}"'))

    story.books.database.write_now(unlock)


def _t(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def _one(connection: Connection, name: str, story: Story, **where: Any) -> Any:
    """The first row of Anna's that fits."""
    table = _t(name)
    mine = [table.c.account_id == story.anna.account_id] if "account_id" in table.c else []
    fits = [table.c[column] == value for column, value in where.items()]
    return connection.execute(select(table).where(*mine, *fits).order_by(*table.primary_key.columns)).first()
