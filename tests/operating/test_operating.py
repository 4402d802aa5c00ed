"""What operators see and do: refused to everybody else, written down, and what it does to the account."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from relay import accounts, clock, ledger, operating, sums, sync, usage
from relay.accounts import Identity
from relay.errors import BadInput, Conflict, Forbidden, NotFound
from relay.operating.following import ROWS as ROWS_OF_A_PAGE
from relay.tables import EVERYBODY, OperatorAction, UsageSum, table
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, USD, Books, open_books

ONCE = operating.new_key()
OPERATOR, ANNA = "Ops@Example.com", "anna@example.com"


@pytest.fixture
async def books(database_url: str) -> AsyncIterator[Books]:
    async with open_books(database_url, OPERATOR_EMAILS=f"not an address, {OPERATOR}") as books:
        yield books


def operator_of(books: Books) -> Identity:
    person = books.person(accounts.normalise_email(OPERATOR))
    return Identity(person.account_id, accounts.normalise_email(OPERATOR), "session", "ses_1")


async def test_every_act_is_refused_to_others_and_changes_nothing(books: Books) -> None:
    anna = books.person(ANNA)
    request_id = await books.call(anna)
    ops, settings = operator_of(books), books.services.settings
    others = [
        Identity(anna.account_id, ANNA, "session", "ses_2"),
        Identity(ops.account_id, ops.email, "key", "", "key_1"),
        Identity(ops.account_id, ops.email, "session", "ses_1", blocked=True),
    ]
    for who in others:
        assert not operating.is_operator(settings, who)
        for act in (
            lambda c, who=who: operating.give(c, settings, who, anna.account_id, USD, "mine", ONCE),
            lambda c, who=who: operating.correct(c, settings, who, request_id, 0, "mine", ONCE),
            lambda c, who=who: operating.block(c, settings, who, ops.account_id, "mine"),
            lambda c, who=who: operating.unblock(c, settings, who, anna.account_id, "mine"),
            lambda c, who=who: operating.replay(c, settings, who, "evt_1"),
        ):
            with pytest.raises(Forbidden):
                await books.database.write(act)
    assert await books.database.read(operating.acts) == []


async def test_acts_are_done_with_a_reason_and_written_down(books: Books) -> None:
    anna = books.person(ANNA, credit_usd=1)
    request_id = await books.call(anna)
    ops, settings = operator_of(books), books.services.settings
    with pytest.raises(BadInput):
        await books.database.write(lambda c: operating.give(c, settings, ops, anna.account_id, USD, "  ", ONCE))
    await books.database.write(lambda c: operating.give(c, settings, ops, anna.account_id, 2 * USD, "A lost day", ONCE))
    await books.database.write(lambda c: operating.correct(c, settings, ops, request_id, 0, "It was cut", ONCE))
    await books.database.write(lambda c: operating.block(c, settings, ops, anna.account_id, "Stolen card"))
    with pytest.raises(Conflict):
        await books.database.write(lambda c: operating.block(c, settings, ops, anna.account_id, "Again"))
    with pytest.raises(BadInput):
        await books.database.write(lambda c: operating.block(c, settings, ops, ops.account_id, "Oops"))
    with pytest.raises(NotFound):
        await books.database.write(lambda c: operating.block(c, settings, ops, "acct_0", "Nobody"))
    opened = await books.database.read(lambda c: operating.open_account(c, anna.account_id))
    assert opened.found.blocked_at is not None
    assert opened.balance.credit_pico == 3 * USD
    written = await books.database.read(lambda c: operating.acts(c, anna.account_id))
    assert [(a.operator, a.action, a.reason) for a in written] == [
        (ops.email, "block", "Stolen card"),
        (ops.email, "correct", "It was cut"),
        (ops.email, "grant", "A lost day"),
    ]
    async with books.client(anna) as client:
        assert (await client.get("/api/balance")).status_code == 200
    await books.database.write(lambda c: operating.unblock(c, settings, ops, anna.account_id, "Cleared"))
    assert (await books.database.read(lambda c: operating.find(c, "ANNA@")))[0].blocked_at is None


async def test_a_form_that_is_sent_twice_acts_once(books: Books) -> None:
    anna, ops, settings = books.person(ANNA, credit_usd=1), operator_of(books), books.services.settings
    request_id, key, other = await books.call(anna), operating.new_key(), operating.new_key()
    before = (await books.database.read(lambda c: usage.balance(c, anna.account_id))).credit_pico
    giving = [
        books.database.write(lambda c: operating.give(c, settings, ops, anna.account_id, USD, "Once", key))
        for _ in range(5)
    ]
    assert sorted(await asyncio.gather(*giving)) == [False] * 4 + [True]
    for _ in range(2):
        await books.database.write(lambda c: operating.correct(c, settings, ops, request_id, 0, "Cut", other))
    balance = await books.database.read(lambda c: usage.balance(c, anna.account_id))
    assert balance.credit_pico == before + USD + (USD - before)
    assert [a.action for a in await books.database.read(operating.acts)] == ["correct", "grant"]
    for wrong in ("", "op_", "grant:1", f"{key} ", f"{key}\n"):
        with pytest.raises(BadInput):
            await books.database.write(
                lambda c, w=wrong: operating.give(c, settings, ops, anna.account_id, USD, "Again", w)
            )


async def test_what_operators_did_cannot_be_edited(books: Books) -> None:
    anna, ops = books.person(ANNA), operator_of(books)
    settings, actions = books.services.settings, table(OperatorAction)
    await books.database.write(lambda c: operating.give(c, settings, ops, anna.account_id, USD, "Kept", ONCE))
    for statement in (update(actions).values(reason="x"), delete(actions)):
        with pytest.raises(DBAPIError):
            await books.database.write(lambda c, s=statement: c.execute(s))
    assert [a.reason for a in await books.database.read(operating.acts)] == ["Kept"]


async def test_accounts_are_found_by_address_id_and_request(books: Books) -> None:
    anna, bob = books.person(ANNA), books.person("b_b%@example.com")
    request_id = await books.call(anna)

    async def found(wanted: str) -> list[str]:
        return [each.account_id for each in await books.database.read(lambda c: operating.find(c, wanted))]

    assert await found("anna@") == await found(anna.account_id) == await found(request_id) == [anna.account_id]
    assert await found("b_b%") == [bob.account_id]
    assert await found("%") == [bob.account_id]
    assert set(await found("")) == {anna.account_id, bob.account_id}


async def test_revenue_cost_and_margin_are_those_of_the_accounts_together(books: Books) -> None:
    people = [books.person(f"p{i}@example.com", 100) for i in range(3)]
    for person in people:
        await books.call(person)
        await books.call(person, model=OTHER_MODEL)
    now = clock.now()
    start, end = now - timedelta(days=1), now + timedelta(hours=1)
    models = await books.database.read(lambda c: operating.by_model(c, start, end))
    days = await books.database.read(lambda c: operating.by_day(c, start, end, UTC))
    assert {m.bucket for m in models} == {MODEL, OTHER_MODEL}
    total = operating.total_of(models)
    assert total[1:] == operating.total_of(days)[1:]
    priced = [await books.database.read(lambda c, p=p: usage.usage(c, p.account_id, start, end, "day")) for p in people]
    assert total.revenue_pico == sum(view.total.price_pico for view in priced)
    assert 0 < total.cost_pico < total.revenue_pico
    assert total.margin_pico == total.revenue_pico - total.cost_pico


async def test_sums_may_pass_what_64_bits_hold(books: Books) -> None:
    rows, most, today = table(UsageSum), 2**63 - 1, clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for n in range(3):
        row = {
            "account_id": EVERYBODY,
            "split": "model",
            "unit": "day",
            "since": today - timedelta(days=n),
            "name": MODEL,
        }
        row |= {"since": today - timedelta(days=n)} | dict.fromkeys(sums.COUNTS, 1)
        row |= {"price_pico": most, "cost_pico": most - 1}
        await books.database.write(lambda c, r=row: c.execute(rows.insert(), r))
    models = await books.database.read(
        lambda c: operating.by_model(c, today - timedelta(days=2), today + timedelta(hours=1))
    )
    assert (models[0].revenue_pico, models[0].margin_pico) == (2 * most, 2)
    days = today - timedelta(days=2), today + timedelta(days=1)
    models = await books.database.read(lambda c: operating.by_model(c, *days))
    assert (models[0].revenue_pico, models[0].margin_pico) == (3 * most, 3)


async def test_every_sum_is_followed_to_the_rows_that_make_it(books: Books) -> None:
    anna, bert = books.person(ANNA), books.person("bert@example.com")
    start = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=3)
    for n in range(ROWS_OF_A_PAGE + 5):
        request_id = await books.hold(anna if n % 3 else bert, model=MODEL if n % 2 else OTHER_MODEL)
        await books.settle(
            anna if n % 3 else bert,
            request_id,
            model=MODEL if n % 2 else OTHER_MODEL,
            at=start + timedelta(hours=n // 20, seconds=n % 7),
        )
    books.correct(request_id, price_pico=1, key="cheaper")
    end = clock.now() + timedelta(hours=1)
    asked = [{}, {"model": MODEL}, {"model": OTHER_MODEL}, {"account_id": anna.account_id}, {"model": "storage"}]
    for _ in range(2):
        for wanted in asked:
            behind = operating.Behind(start, end, **wanted)
            rows, total = followed(books, behind)
            assert [(row.at, row.id) for row in rows] == sorted({(row.at, row.id) for row in rows}, reverse=True)
            assert sum(row.kind == "request" for row in rows) == total.requests
            assert (sum(r.price_pico for r in rows), sum(r.cost_pico for r in rows)) == (
                total.revenue_pico,
                total.cost_pico,
            )
        day = books.database.read_now(lambda c: operating.by_day(c, start, end, UTC))[-1]
        midnight = usage.midnight(start.date(), UTC)
        assert (
            sum(r.price_pico for r in followed(books, operating.Behind(midnight, midnight + timedelta(days=1)))[0])
            == day.revenue_pico
        )
        clock.move(timedelta(minutes=20))
        await sync.roll_up(books.database)


async def test_overage_is_followed_to_what_of_each_request_went_beyond_credit(books: Books) -> None:
    anna = books.person(ANNA, 0)
    books.put_on_plan(anna, 5 * USD)
    await books.call(anna)
    who, start = anna.account_id, clock.now()
    end = start + timedelta(days=30)
    books.database.write_now(lambda c: ledger.begin_period(c, who, start, end, ledger.overage_until(c, who, start)))
    asked = [await books.call(anna) for _ in range(3)]
    found = await books.database.read(lambda c: operating.overage_of(c, who))
    assert [row.request_id for row in found.rows] == asked[::-1]
    balance = await books.database.read(lambda c: usage.balance(c, who))
    assert sum(row.overage_pico for row in found.rows) == found.total_pico == balance.overage_pico > 0
    older = await books.database.read(lambda c: operating.overage_of(c, who, found.rows[0].id))
    assert older.rows == found.rows[1:]


def followed(books: Books, behind: operating.Behind) -> tuple[list[operating.Booked], operating.Margin]:
    """Every page, one after the other."""
    page = books.database.read_now(lambda c: operating.follow(c, behind))
    rows = list(page.rows)
    while page.next is not None:
        page = books.database.read_now(lambda c, before=page.next: operating.follow(c, behind, before))
        rows += page.rows
    return rows, page.total
