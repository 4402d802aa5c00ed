"""What operators graph that only the database knows: the same from whichever worker it is asked of."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, case, func, select

from relay import clock
from relay.metrics import Figure
from relay.money import PICO_PER_USD
from relay.pricing import PriceTable
from relay.sync import LEASE_SECONDS
from relay.tables import Hold, Lease, Outbox, StripeEvent, table

holds, leases, outbox, events = table(Hold), table(Lease), table(Outbox), table(StripeEvent)
NONE: dict[str, str] = {}


def read(connection: Connection, prices: PriceTable) -> list[Figure]:
    """Every figure. All of it is small or indexed, so that asking often costs little."""
    return [*_holds(connection), *_clock(connection), *_billing(connection), *_prices(prices)]


def _holds(connection: Connection) -> Iterator[Figure]:
    overdue = func.sum(case((holds.c.expires_at <= clock.now(), 1), else_=0))
    count, held_pico, late = connection.execute(
        select(func.count(), func.coalesce(func.sum(holds.c.amount_pico), 0), func.coalesce(overdue, 0))
    ).one()
    yield "ledger_holds", "Holds of all servers not yet settled.", NONE, count
    yield "ledger_held_usd", "What these holds reserve.", NONE, float(held_pico) / PICO_PER_USD
    yield "ledger_holds_overdue", "Holds past their time, which the next tick should settle.", NONE, late


def _clock(connection: Connection) -> Iterator[Figure]:
    """A lease that its holder gave up at its orderly end leaves no row: nothing ticks until the next takes it."""
    until = connection.execute(select(leases.c.expires_at).where(leases.c.name == "clock")).scalar()
    yield "clock_held", "1 while some server holds the clock's lease.", NONE, float(bool(until and until > clock.now()))
    if until is not None:
        ticked = until - clock.seconds(LEASE_SECONDS)
        yield "clock_age_seconds", "Since the clock last ticked.", NONE, (clock.now() - ticked).total_seconds()


def _billing(connection: Connection) -> Iterator[Figure]:
    """What is on its way to Stripe, and what came from there and is not done. The index holds only these rows."""
    states = dict.fromkeys(("pending", "stuck"), 0)
    waiting = (
        select(outbox.c.state, func.count().label("windows")).where(outbox.c.state != "sent").group_by(outbox.c.state)
    )
    states |= {row.state: row.windows for row in connection.execute(waiting)}
    for state, count in states.items():
        yield "outbox_windows", "Windows on their way to Stripe.", {"state": state}, count
    states = dict.fromkeys(("received", "failed"), 0)
    open_events = (
        select(events.c.state, func.count().label("stored"))
        .where(events.c.state.in_(list(states)))
        .group_by(events.c.state)
    )
    states |= {row.state: row.stored for row in connection.execute(open_events)}
    for state, count in states.items():
        yield "stripe_events", "Stored events that are not done.", {"state": state}, count


def _prices(prices: PriceTable) -> Iterator[Figure]:
    oldest = min((date.fromisoformat(row.checked) for row in prices.rows), default=clock.now().date())
    days = (clock.now().date() - oldest).days
    yield "prices_age_days", "Since the oldest price was checked at its source.", NONE, days
