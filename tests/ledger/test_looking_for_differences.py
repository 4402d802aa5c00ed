"""Audit and reconcile while the server runs: one at a time, told as they go, the last result kept."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from relay import clock, operating
from relay.accounts import Identity
from relay.billing import Office
from relay.errors import Conflict, Forbidden
from relay.gateways.payments import Payments
from relay.money import PICO_PER_USD
from relay.operating import Inspected, Kind
from relay.tables import Balance, Inspection, table
from tests.fixtures.billing_desk import Town, town

OPS = Identity("acct_ops", "ops@example.com", "session", "ses_1")
balances, inspected = table(Balance), table(Inspection)


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Town]:
    async with town(database_url) as made:
        operated = made.office.settings.model_copy(update={"OPERATOR_EMAILS": OPS.email})
        made.office = Office(made.database, made.office.payments, operated)
        yield made


async def look(here: Town, kind: Kind, office: Office | None = None) -> Inspected:
    told: list[Kind] = []
    await operating.inspect(office or here.office, OPS, kind, lambda: told.append(kind))
    assert len(told) >= 2
    return next(each for each in here.database.read_now(operating.inspections) if each.kind == kind)


async def test_what_is_found_is_kept_until_the_next_look(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    assert await here.use(ada, 12 * PICO_PER_USD)
    await here.tick()
    for kind in operating.KINDS:
        found = await look(here, kind)
        assert (found.runs, found.error, found.differences, found.found) == (False, "", 0, [])
        assert found.done == found.total == 1
    mine = update(balances).where(balances.c.account_id == ada.account_id)
    here.database.write_now(lambda c: c.execute(mine.values(overage_pico=balances.c.overage_pico + 7)))
    for kind in operating.KINDS:
        found = await look(here, kind)
        assert found.differences == len(found.found) > 0
        assert any(is_more_by(7, ours, other) for _, _, ours, other in found.found)
        assert all(ada.account_id in where or ada.email in where for _, where, _, _ in found.found)


def is_more_by(pico: int, ours: str, other: str) -> bool:
    return ours.isdigit() and other.isdigit() and int(ours) - int(other) == pico


async def test_a_search_that_fails_says_so_and_leaves_the_result_before_it(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    before = await look(here, "reconcile")
    nowhere = here.office.settings.model_copy(update={"STRIPE_API_BASE": "http://127.0.0.1:9"})
    payments = Payments(nowhere)
    after = await look(here, "reconcile", Office(here.database, payments, nowhere))
    await payments.aclose()
    assert after.error
    assert not after.runs
    assert (after.finished_at, after.differences) == (before.finished_at, 0)
    assert (await look(here, "reconcile")).error == ""


async def test_one_search_of_a_kind_runs_at_a_time(here: Town) -> None:
    here.person()
    searches = [operating.inspect(here.office, OPS, "audit", lambda: None) for _ in range(5)]
    found = await asyncio.gather(*searches, return_exceptions=True)
    assert sum(isinstance(each, Conflict) for each in found) == 4
    assert sum(each is None for each in found) == 1


async def test_a_search_whose_process_died_stands_in_nobodys_way(here: Town) -> None:
    here.person()
    await look(here, "audit")
    now = clock.now()
    running = {"started_at": now, "touched_at": now}
    here.database.write_now(lambda c: c.execute(update(inspected).values(running)))
    with pytest.raises(Conflict):
        await look(here, "audit")
    assert here.database.read_now(operating.inspections)[0].runs
    dead = now - timedelta(minutes=2)
    here.database.write_now(lambda c: c.execute(update(inspected).values(touched_at=dead)))
    left = here.database.read_now(operating.inspections)[0]
    assert (left.runs, left.differences) == (False, 0)
    assert left.error
    assert (await look(here, "audit")).error == ""


async def test_nobody_but_operators_has_anything_looked_for(here: Town) -> None:
    for who in (here.person(), Identity("acct_ops", OPS.email, "key", "", "key_1")):
        with pytest.raises(Forbidden):
            await operating.inspect(here.office, who, "audit", lambda: None)
    assert here.database.read_now(lambda c: c.execute(select(inspected)).all()) == []
