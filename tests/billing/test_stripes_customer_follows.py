"""Stripe's customer has the account's address, and ends with the account."""

from datetime import timedelta

from relay import accounts, billing, clock
from relay.accounts import Identity
from relay.accounts.sessions import open_session
from relay.money import PICO_PER_USD
from tests.fixtures.billing_desk import Town

NEW = "ada@new.example.com"


def signed_in(here: Town, who: Identity) -> Identity:
    session_id, _ = here.database.write_now(lambda c: open_session(c, who.account_id, "", ""))
    return Identity(who.account_id, who.email, "session", session_id)


async def closed(here: Town, who: Identity) -> None:
    mailed = await accounts.request_closing(here.database, here.office.settings, who)
    await accounts.close_account(here.database, here.office.settings, who, mailed.code)


async def test_a_moved_address_is_stripes_too_and_what_is_bought_after_it_finds_its_account(here: Town) -> None:
    ada, bob = here.person(), here.person("bob")
    await here.buy_credit(ada, "5")
    customer = here.customer(ada)
    await billing.follow_address(here.office, ada.account_id, NEW)
    await billing.follow_address(here.office, bob.account_id, "bob@new.example.com")
    assert here.stripe.client.v1.customers.retrieve(customer).email == NEW
    assert [one["id"] for one in here.stripe.world.stripe.store.all("customer")] == [customer]
    await here.buy_credit(Identity(ada.account_id, NEW, "session"), "10")
    assert here.customer(ada) == customer
    assert here.balance(ada).credit_pico == 15 * PICO_PER_USD


async def test_a_deleted_accounts_customer_goes_and_its_money_stays(here: Town) -> None:
    ada, bob = signed_in(here, here.person()), here.person("bob")
    await here.buy_credit(ada, "5")
    await here.buy_credit(bob, "5")
    customer, other = here.customer(ada), here.customer(bob)
    clock.move(timedelta(minutes=2))
    await closed(here, ada)
    for _ in range(2):
        await here.tick()
        assert here.customer(ada) == ""
        assert [one["id"] for one in here.stripe.world.stripe.store.all("customer")] == [other]
    assert here.stripe.client.v1.customers.retrieve(customer).deleted
    assert here.balance(ada).credit_pico == 5 * PICO_PER_USD
    assert await here.differences() == []


async def test_a_customer_that_cannot_be_deleted_now_holds_up_no_window(here: Town) -> None:
    ada, bob = signed_in(here, here.person()), here.person("bob")
    await here.buy_credit(ada, "5")
    await here.buy_plan(bob)
    assert await here.use(bob, 12 * PICO_PER_USD)
    customer = here.customer(ada)
    await closed(here, ada)
    here.stripe.ask(path=f"/v1/customers/{customer}", status=500, times=20)
    await here.tick()
    assert here.customer(ada) == customer
    assert here.metered(bob) == sum(row.cents for row in here.outbox(bob)) > 0
    here.stripe.world.stripe.mischief.requests.clear()
    await here.tick()
    assert here.customer(ada) == ""
