"""Stripe gave our address up: what was paid meanwhile is heard of all the same, and reconcile says what is not."""

from relay import billing, sync
from relay.accounts import Identity
from relay.money import PICO_PER_USD
from tests.fixtures.billing_desk import DAY, Town

HOUR = 3600


async def test_what_no_event_told_of_is_asked_about_and_brings_its_credit_once(anywhere: Town) -> None:
    ada = anywhere.person()
    await anywhere.buy_plan(ada)
    assert await anywhere.use(ada, 12 * PICO_PER_USD)
    anywhere.pay(await _visit(anywhere, ada, "5"))
    await anywhere.advance(2 * HOUR)
    await anywhere.tick()
    assert [grant.kind for grant in anywhere.grants(ada)] == ["monthly", "topup"]
    await anywhere.to_the_end_of_the_period(ada)
    await anywhere.advance(4 * HOUR)
    for _ in range(2):
        await anywhere.tick()
        assert [grant.kind for grant in anywhere.grants(ada)] == ["monthly", "topup", "monthly"]
    await anywhere.hear()
    assert len(anywhere.grants(ada)) == 3
    await anywhere.advance(DAY)
    await anywhere.tick()
    assert await anywhere.differences() == []


async def test_a_renewal_that_is_not_heard_of_is_named(here: Town) -> None:
    ada = here.person()
    await here.buy_plan(ada)
    await here.to_the_end_of_the_period(ada)
    await here.advance(2 * DAY)
    await sync.bill(here.office, seals=False)
    (found,) = await here.differences()
    assert (found.what, found.stripe) == ("invoice", "not heard of")


async def _visit(town: Town, who: Identity, usd: str) -> str:
    return await billing.check_out(town.office, who, "topup", usd)
