"""Stripe's customer follows its account: a new address, or an end."""

import structlog
from sqlalchemy import Connection, select, update

from relay.billing.customers import known_customer
from relay.billing.office import Office
from relay.errors import ProductError
from relay.tables import Account, table

accounts = table(Account)
AT_ONCE = 50
log = structlog.get_logger(__name__)


async def follow_address(office: Office, account_id: str, email: str) -> None:
    """Invoices go to the new address. When Stripe cannot be reached, the next checkout or move tells it."""
    customer_id = await office.database.read(lambda connection: known_customer(connection, account_id))
    if not customer_id:
        return
    try:
        await office.payments.change_email(customer_id, email)
    except ProductError as error:
        log.warning("customer_not_renamed", account_id=account_id, error=error.code)


async def erase_closed(office: Office) -> int:
    """Deletes the customers of accounts that were deleted; how many. The clock tries again what fails.

    What Stripe refuses here holds up no window: it is logged, and the rest of the clock's turn goes on.
    """
    erased = 0
    for customer_id in await office.database.read(_left):
        try:
            await _erase(office, customer_id)
            erased += 1
        except ProductError as error:
            log.warning("customer_not_deleted", customer_id=customer_id, error=error.code)
    return erased


def _left(connection: Connection) -> list[str]:
    closed = (accounts.c.closed_at.is_not(None), accounts.c.stripe_customer_id.is_not(None))
    return list(connection.execute(select(accounts.c.stripe_customer_id).where(*closed).limit(AT_ONCE)).scalars())


async def _erase(office: Office, customer_id: str) -> None:
    await office.payments.delete_customer(customer_id)
    gone = update(accounts).where(accounts.c.stripe_customer_id == customer_id, accounts.c.closed_at.is_not(None))
    await office.database.write(lambda connection: connection.execute(gone.values(stripe_customer_id=None)))
