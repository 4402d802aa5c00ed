"""The account's customer at Stripe: one, however often one clicks, and a new one when Stripe's was deleted."""

from functools import partial

from sqlalchemy import Connection, select, update

from relay.billing.office import Office
from relay.gateways.payments import Missing
from relay.tables import Account, table

accounts = table(Account)


async def customer_of(office: Office, account_id: str, email: str) -> str:
    """The id of the account's customer, made if need be. PaymentsFailed when Stripe cannot be reached."""
    known = await office.database.read(partial(known_customer, account_id=account_id))
    if known and not await _is_deleted(office, known):
        return known
    found = None if known else await office.payments.find_customer(account_id, email)
    # Two clicks at once ask with one key, and Stripe makes one customer. A key that made one that was deleted since
    # would be answered with that one again: so the deleted one stays noted, and is in the key.
    key = f"customer-{account_id}-{known}"
    made = found or await office.payments.create_customer(account_id, email, key)
    return await office.database.write(partial(_keep, account_id=account_id, customer_id=made.id, instead_of=known))


def known_customer(connection: Connection, account_id: str) -> str:
    mine = select(accounts.c.stripe_customer_id).where(accounts.c.id == account_id)
    return connection.execute(mine).scalar() or ""


def account_of(connection: Connection, customer_id: str) -> str | None:
    """Whose customer it is; None for customers that are not of this product."""
    return connection.execute(select(accounts.c.id).where(accounts.c.stripe_customer_id == customer_id)).scalar()


async def _is_deleted(office: Office, customer_id: str) -> bool:
    try:
        return (await office.payments.customer(customer_id)).deleted
    except Missing:
        return True


def _keep(connection: Connection, account_id: str, customer_id: str, instead_of: str) -> str:
    """Whoever comes first decides; the id that is kept."""
    same = accounts.c.stripe_customer_id == instead_of if instead_of else accounts.c.stripe_customer_id.is_(None)
    mine = update(accounts).where(accounts.c.id == account_id, same)
    connection.execute(mine.values(stripe_customer_id=customer_id))
    return known_customer(connection, account_id)
