"""What each state of a subscription allows: credit, overage, both, or nothing."""

from relay import billing
from relay.accounts import Identity
from relay.money import PICO_PER_USD
from tests.fixtures.billing_desk import DAY, Town

HOUR = 3600


def subscription_of(here: Town, who: Identity) -> str:
    mine = here.stripe.books(here.customer(who))["subscriptions"]
    return mine[-1]["id"]


async def subscribed(here: Town, **more: object) -> Identity:
    """A subscription that an operator makes in Stripe's own dashboard, for a customer who once bought credit."""
    ada = here.person()
    await here.buy_credit(ada, "5")
    methods = here.stripe.client.v1.payment_methods.attach("pm_card_visa", {"customer": here.customer(ada)})
    pays = {"invoice_settings": {"default_payment_method": methods.id}}
    here.stripe.client.v1.customers.update(here.customer(ada), pays)
    items = [{"price": "price_plan"}, {"price": "price_overage"}]
    here.stripe.client.v1.subscriptions.create({"customer": here.customer(ada), "items": items, **more})
    await here.hear()
    return ada


async def test_a_trial_brings_the_months_credit_and_no_overage(here: Town) -> None:
    ada = await subscribed(here, trial_period_days=14)
    assert here.balance(ada).available_pico == 15 * PICO_PER_USD
    plan = here.database.read_now(lambda c: billing.plan_of(c, ada.account_id))
    assert plan is not None
    assert plan.status == "trialing"
    await here.advance(14 * DAY + 2 * HOUR)
    await here.hear()
    await here.tick()
    assert here.balance(ada).available_pico == 65 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_paused_plan_keeps_its_credit_and_allows_no_overage(here: Town) -> None:
    ada = await subscribed(here)
    paused = {"pause_collection": {"behavior": "void"}}
    here.stripe.client.v1.subscriptions.update(subscription_of(here, ada), paused)
    await here.hear()
    assert here.balance(ada).available_pico == 15 * PICO_PER_USD
    here.stripe.client.v1.subscriptions.update(subscription_of(here, ada), {"pause_collection": ""})
    await here.hear()
    assert here.balance(ada).available_pico == 65 * PICO_PER_USD


async def test_a_dearer_plan_brings_the_difference_at_once_and_all_of_it_the_next_month(here: Town) -> None:
    ada = await subscribed(here)
    dearer = here.stripe.client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 5000,
            "product": "prod_plan",
            "recurring": {"interval": "month"},
            "metadata": {"monthly_credit_usd": "25"},
        }
    )
    subscription = here.stripe.client.v1.subscriptions.retrieve(subscription_of(here, ada))
    (item,) = [one for one in subscription["items"].data if one.price.id == "price_plan"]
    here.stripe.client.v1.subscriptions.update(
        subscription.id,
        {"items": [{"id": item.id, "price": dearer.id}], "proration_behavior": "always_invoice"},
    )
    await here.hear()
    assert sorted(g.granted_pico // PICO_PER_USD for g in here.balance(ada).grants) == [5, 10, 15]
    await here.to_the_end_of_the_period(ada)
    await here.advance(2 * HOUR)
    await here.hear()
    await here.tick()
    assert here.balance(ada).credit_pico == 30 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_second_plan_beside_the_first_changes_nothing_here(here: Town) -> None:
    ada = await subscribed(here)
    first = subscription_of(here, ada)
    items = [{"price": "price_plan"}, {"price": "price_overage"}]
    here.stripe.client.v1.subscriptions.create({"customer": here.customer(ada), "items": items})
    await here.hear()
    assert here.database.read_now(lambda c: billing.plan_of(c, ada.account_id)) is not None
    assert here.balance(ada).credit_pico == 15 * PICO_PER_USD
    here.stripe.client.v1.subscriptions.cancel(first)
    await here.hear()
    assert here.database.read_now(lambda c: billing.plan_of(c, ada.account_id)) is None


async def test_a_plan_bought_again_after_it_ended_begins_afresh(here: Town) -> None:
    ada = await subscribed(here)
    here.stripe.client.v1.subscriptions.cancel(subscription_of(here, ada))
    await here.hear()
    assert not here.balance(ada).has_plan
    await here.advance(HOUR)
    await here.buy_plan(ada)
    assert here.balance(ada).has_plan
    assert here.balance(ada).overage_pico == 0
    assert await here.differences() == []
