"""`account-app reconcile`: the same money in six places, compared per account and period, each difference named.

usage rows = roll-ups = entries (per account)
overage of a period = its windows = its outbox = what Stripe's meter counted = what the invoice bills
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, select

from relay import clock
from relay.billing import windows
from relay.billing.office import Office
from relay.billing.outbox import Delivery, deliveries_of, sent_cents
from relay.gateways.payments import Invoice as Billed
from relay.gateways.payments import Missing
from relay.money import PICO_PER_CENT
from relay.tables import (
    Account,
    Balance,
    Entry,
    Outbox,
    Period,
    Usage,
    UsageHour,
    Window,
    table,
)

accounts, balances, entries = table(Account), table(Balance), table(Entry)
outbox, periods, sealed = table(Outbox), table(Period), table(Window)
usage, hours = table(Usage), table(UsageHour)


HEARD = timedelta(days=1)
"""After a period's end, its invoice is known, or its events are lost."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`period` is `YYYY-MM-DD/YYYY-MM-DD`, or `all`. The figures are cents, or pico-dollars where `what` ends so."""

    account: str
    period: str
    what: str
    ours: int | str
    stripe: int | str


@dataclass(frozen=True, slots=True)
class Subject:
    """One account to reconcile; `customer_id` is '' when Stripe has not met it."""

    account_id: str
    email: str
    customer_id: str


def subjects(connection: Connection, email: str | None = None) -> list[Subject]:
    """Everybody with money in motion, or the one account of that address."""
    query = select(accounts.c.id, accounts.c.email, accounts.c.stripe_customer_id).join(
        balances, balances.c.account_id == accounts.c.id
    )
    query = query.where(accounts.c.email == email) if email else query
    return [Subject(row[0], row[1], row[2] or "") for row in connection.execute(query.order_by(accounts.c.id))]


async def reconcile(office: Office, subject: Subject, month: str | None = None) -> AsyncIterator[Difference]:
    """Every difference of one account; of the periods that begin in `month` (YYYY-MM) alone, if it is given."""
    for difference in await office.database.read(partial(_ledger_differences, subject=subject)):
        yield difference
    for period in await office.database.read(partial(_periods, account_id=subject.account_id)):
        if month is None or period.start.strftime("%Y-%m") == month:
            async for difference in _Comparison(office, subject, period).differences():
                yield difference


def _periods(connection: Connection, account_id: str) -> list[Row[Any]]:
    mine = select(periods).where(periods.c.account_id == account_id).order_by(periods.c.start)
    return list(connection.execute(mine).all())


def _ledger_differences(connection: Connection, subject: Subject) -> list[Difference]:
    """What has to agree before Stripe is asked: facts, sums of facts, and how far windows have come."""
    of = subject.account_id
    priced = _sum(connection, usage.c.price_pico, usage.c.account_id == of)
    rolled = _sum(connection, hours.c.price_pico, hours.c.account_id == of)
    paid = -_sum(connection, entries.c.amount_pico, entries.c.account_id == of, entries.c.request_id.is_not(None))
    overage = -_sum(connection, entries.c.amount_pico, entries.c.account_id == of, entries.c.kind == "overage")
    row = connection.execute(select(balances).where(balances.c.account_id == of)).one()
    last = select(func.coalesce(func.max(sealed.c.overage_end_pico), 0)).where(sealed.c.account_id == of)
    windowed = int(connection.execute(last).scalar_one())
    pairs = [
        ("usage rows and roll-ups, pico", priced, rolled),
        ("usage rows and entries, pico", priced, paid),
        ("balance and entries of overage, pico", row.overage_pico, overage),
        ("balance and windows, pico", row.sealed_overage_pico, windowed),
        ("windows and outbox", _window_cents(connection, of), _outbox_cents(connection, of)),
    ]
    return [Difference(subject.email, "all", what, a, b) for what, a, b in pairs if a != b]


def _sum(connection: Connection, column: Any, *where: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(column), 0)).where(*where)).scalar_one())


def _window_cents(connection: Connection, account_id: str) -> int:
    return _sum(connection, sealed.c.cents, sealed.c.account_id == account_id)


def _outbox_cents(connection: Connection, account_id: str) -> int:
    return _sum(connection, outbox.c.cents, outbox.c.account_id == account_id, outbox.c.window_id.is_not(None))


class _Comparison:
    """One period of one account beside what Stripe has of it."""

    def __init__(self, office: Office, subject: Subject, period: Row[Any]) -> None:
        self._office = office
        self._subject = subject
        self._period = period
        self._name = f"{period.start:%Y-%m-%d}/{period.end:%Y-%m-%d}"

    async def differences(self) -> AsyncIterator[Difference]:
        period = self._period
        rows = await self._office.database.read(partial(deliveries_of, period_id=period.id))
        ours = await self._office.database.read(partial(_ledger_cents, period=period))
        if (windowed := _windowed(rows)) != ours:
            yield self._difference("ledger and outbox", ours, windowed)
        for row in rows:
            if row.state != "sent":
                yield self._difference(f"not sent: {row.identifier} ({row.error or row.state})", row.cents, 0)
        if not self._subject.customer_id:
            return
        async for difference in self._against_stripe(rows):
            yield difference

    async def _against_stripe(self, rows: list[Delivery]) -> AsyncIterator[Difference]:
        metered, known = await self._metered()
        if metered != known:
            yield self._difference("meter", known, metered)
        if self._period.invoice_id is not None:
            async for difference in self._against_invoice(rows):
                yield difference
        elif self._period.settled_at is not None and (missed := _windowed(rows) - _items(rows)):
            yield self._difference("billed by no invoice", missed, 0)
        elif self._period.settled_at is None and self._period.end < clock.now() - HEARD:
            yield self._difference("invoice", _windowed(rows), "not heard of")

    async def _metered(self) -> tuple[int, int]:
        """What the meter has in the whole minutes around the period, and what we know to have told it for them."""
        start = self._period.start.replace(second=0, microsecond=0)
        end = _next_minute(min(self._period.end, clock.now()))
        customer_id, account_id = self._subject.customer_id, self._subject.account_id
        theirs = await self._office.payments.metered_cents(customer_id, start, end)
        ours = await self._office.database.read(partial(sent_cents, account_id=account_id, start=start, end=end))
        return theirs, ours

    async def _against_invoice(self, rows: list[Delivery]) -> AsyncIterator[Difference]:
        try:
            billed = await self._office.payments.invoice(self._period.invoice_id)
        except Missing:
            yield self._difference("invoice", self._period.invoice_id, "missing")
            return
        if billed.status == "draft":
            return
        items = _items(rows)
        lines = _billed_cents(billed, self._office.settings.STRIPE_PRICE_OVERAGE)
        if lines + items != _windowed(rows):
            yield self._difference("invoice line", _windowed(rows) - items, lines)

    def _difference(self, what: str, ours: int | str, stripe: int | str) -> Difference:
        return Difference(self._subject.email, self._name, what, ours, stripe)


def _windowed(rows: list[Delivery]) -> int:
    return sum(row.cents for row in rows if row.window_id is not None)


def _items(rows: list[Delivery]) -> int:
    return sum(row.cents for row in rows if row.route == "invoice_item")


def _ledger_cents(connection: Connection, period: Row[Any]) -> int:
    """The growth of the sealed overage over the period; an open one ends where windows have come."""
    end = period.overage_end_pico
    if end is None:
        end = windows.sealed_overage(connection, period.account_id)
    return end // PICO_PER_CENT - period.overage_start_pico // PICO_PER_CENT


def _billed_cents(billed: Billed, price_id: str) -> int:
    return sum(line.amount_cents for line in billed.lines if line.price_id == price_id)


def _next_minute(moment: datetime) -> datetime:
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + timedelta(minutes=1)
