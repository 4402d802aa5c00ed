"""The ledger, driven at random by two writers, does what a plain model says: after every single step."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, func, select, update

from relay import accounts, clock, ledger
from relay import usage as figures
from relay.audit.account import audit_account
from relay.audit.prices import Prices
from relay.audit.sums import Sums
from relay.errors import BadInput
from relay.ids import new_id
from relay.ledger import Command, Held, Hold, Journal, Settle, Settled
from relay.metering import Learnt
from relay.pricing import Tokens
from relay.settings import Settings
from relay.settling import sweep
from relay.tables import EVERYBODY, Balance, Entry, Grant, Usage, UsageHour, table
from relay.tables import Hold as HoldRow
from tests.ledger.ledger_model import Model
from tests.ledger.ledger_world import MODEL, TURN, TakingBack, World, nth, some_tokens, which

STEPS, EXAMPLES = 35, 24
TTL = timedelta(minutes=30)
balances, entries, grants, holds = table(Balance), table(Entry), table(Grant), table(HoldRow)
usage, hours = table(Usage), table(UsageHour)


@pytest.fixture
def world(migrated_url: str) -> Iterator[World]:
    opened = World(Settings(DATABASE_URL=migrated_url).database_url)
    yield opened
    opened.close()


class Ledger(TakingBack):
    @initialize(has_plan=st.booleans(), cap=st.integers(0, 60))
    def open_account(self, has_plan: bool, cap: int) -> None:
        clock.set_back_to_real_time()
        self.model = Model(has_plan=has_plan, cap=cap * self.world.unit)
        self.settled: list[Settle] = []
        self.before = (0, 0)
        self.account_id = self.world.writers[0].write_now(self._open)

    def _open(self, connection: Connection) -> str:
        email = f"{uuid.uuid4().hex}@example.com"
        person = accounts.account_for(connection, Settings(), email)
        plan = {"has_plan": self.model.has_plan, "spend_cap_pico": self.model.cap}
        connection.execute(update(balances).where(balances.c.account_id == person.account_id).values(plan))
        return person.account_id

    @rule(
        writer=which,
        kind=st.sampled_from(["promo", "monthly", "topup"]),
        tokens=some_tokens,
        turns=st.none() | st.integers(1, 4),
        again=st.booleans(),
    )
    def grant(self, writer: int, kind: Any, tokens: int, turns: int | None, again: bool) -> None:
        given_before = [grant.key for grant in self.model.grants if grant.key]
        key = given_before[-1] if again and given_before else new_id("key")
        ends = clock.now() + TURN * turns if turns else None
        amount = tokens * self.world.unit
        given = self.world.writers[writer].write_now(
            lambda c: ledger.grant(
                c, self.account_id, kind=kind, amount_pico=amount, key=key, reason="", expires_at=ends
            )
        )
        assert given == self.model.grant(key, kind, amount, ends)

    @rule(turns=st.integers(1, 3))
    def time_passes(self, turns: int) -> None:
        clock.move(TURN * turns)

    @rule(writer=which)
    def expire(self, writer: int) -> None:
        self.world.writers[writer].write_now(ledger.expire_due)
        self.model.expire(clock.now())

    @rule(writer=which, sizes=st.lists(some_tokens, min_size=1, max_size=3), again=st.booleans())
    def hold(self, writer: int, sizes: list[int], again: bool) -> None:
        """One after another, in one batch; perhaps the last of them twice."""
        commands = [self._hold(size) for size in sizes]
        commands += commands[-1:] if again else []
        outcomes = self._post(writer, *commands)
        for command, outcome in zip(commands, outcomes, strict=True):
            held = self.model.hold(command.request_id, command.amount_pico, command.at, command.expires_at)
            assert isinstance(outcome, Held) == held, outcome

    def _hold(self, tokens: int) -> Hold:
        now = clock.now()
        return Hold(
            new_id("req"), self.account_id, tokens * self.world.unit, MODEL, self.world.prices.version,
            max_tokens=tokens, at=now, expires_at=now + TTL,
        )  # fmt: skip

    @rule(writer=which, turn=nth, percent=st.integers(0, 130), then_hold=st.none() | some_tokens)
    def settle(self, writer: int, turn: int, percent: int, then_hold: int | None) -> None:
        """Beyond 100 % the bound had failed; what returns may be held in the same batch."""
        if not self.model.holds:
            return
        request_id = sorted(self.model.holds)[turn % len(self.model.holds)]
        tokens = Tokens(output=self.model.holds[request_id].amount // self.world.unit * percent // 100)
        self._settle(writer, self._settlement(request_id, tokens), then_hold)

    @rule(writer=which, turn=nth)
    def release(self, writer: int, turn: int) -> None:
        if self.model.holds:
            request_id = sorted(self.model.holds)[turn % len(self.model.holds)]
            self._settle(writer, self._settlement(request_id, Tokens()))

    @rule(writer=which, turn=nth)
    def settle_again(self, writer: int, turn: int) -> None:
        if self.settled:
            self._settle(writer, self.settled[turn % len(self.settled)])

    @rule(writer=which, turn=nth, percent=st.integers(0, 130))
    def settle_after_the_sweep(self, writer: int, turn: int, percent: int) -> None:
        """The process that was taken for dead lives, and tells what the call came to."""
        if not self.model.died:
            return
        request_id = sorted(self.model.died)[turn % len(self.model.died)]
        late = self._settlement(request_id, Tokens(output=percent % 40))
        (outcome,) = self._post(writer, late)
        self.model.settle_late(request_id, late.price_pico, clock.now())
        assert outcome == Settled(self.model.available, first=False)

    @rule(writer=which, turn=nth, output=some_tokens | st.just(0), again=st.booleans(), price_alone=st.booleans())
    def correct(self, writer: int, turn: int, output: int, again: bool, price_alone: bool) -> None:
        if not self.model.booked:
            return
        request_id = sorted(self.model.booked)[turn % len(self.model.booked)]
        key, price = new_id("key"), self.world.price(Tokens(output=output))
        truth: dict[str, Any] = {"price_pico": price} if price_alone else {"tokens": {"input": 0, "output": output}}
        for _ in range(2 if again else 1):
            try:
                done = self.world.writers[writer].write_now(
                    lambda c: ledger.correct(c, request_id, reason="a test", key=key, **truth)
                )
            except BadInput:
                assert price == self.model.booked[request_id]
                return
            first = self.model.correct(request_id, price, f"cor_{key}", clock.now())
            assert (done.first, done.after_pico) == (first, price)

    def _settlement(self, request_id: str, tokens: Tokens) -> Settle:
        price, now = self.world.price(tokens), clock.now()
        charge = self.world.prices.charge(MODEL, "base", tokens)
        return Settle(request_id, self.account_id, now, "complete", charge.cost_pico, price, tokens)

    def _settle(self, writer: int, command: Settle, then_hold: int | None = None) -> None:
        hold = [self._hold(then_hold)] if then_hold else []
        settled, *held = self._post(writer, *hold, command)[::-1]
        first = self.model.settle(command.request_id, command.price_pico, clock.now())
        assert settled == Settled(self.model.available, first)
        if hold:
            one = hold[0]
            expected = self.model.hold(one.request_id, one.amount_pico, one.at, one.expires_at)
            assert isinstance(held[0], Held) == expected
        self.settled.append(command)

    @rule(writer=which, turn=nth)
    def journal(self, writer: int, turn: int) -> None:
        """Gives the hold more time, too."""
        if not self.model.holds:
            return
        request_id = sorted(self.model.holds)[turn % len(self.model.holds)]
        hold = self.model.holds[request_id]
        output = hold.amount // self.world.unit - 1
        hold.until = clock.now() + TTL
        hold.journalled = self.world.price(Tokens(input=1, output=output))
        learnt = Learnt(started=True, input=1, output=output).journal()
        self._post(writer, Journal(request_id, learnt, hold.until))

    @rule(writer=which, turns=st.integers(-1, 2))
    def roll_up(self, writer: int, turns: int) -> None:
        """Up to some moment before now, or after it by a clock that is ahead: what is booked then comes late."""
        until = clock.now() - TURN * turns
        self.world.writers[writer].write_now(lambda c: ledger.roll(c, self.account_id, until))

    @rule(writer=which)
    def crash_and_sweep(self, writer: int) -> None:
        """Whoever has not been heard of for the holds' time is dead."""
        self.world.loop.run_until_complete(sweep(self.world.writers[writer]))
        self.model.sweep(clock.now())

    def _post(self, writer: int, *commands: Command) -> list[Any]:
        return self.world.writers[writer].write_now(lambda c: ledger.post(c, commands))

    @invariant()
    def books_agree(self) -> None:
        if hasattr(self, "account_id"):
            self.world.writers[0].read_now(self._check)

    def _check(self, c: Connection) -> None:
        mine, model = self.account_id, self.model
        row = c.execute(select(balances).where(balances.c.account_id == mine)).one()
        moved = dict(self._sums(c, entries.c.kind, entries.c.amount_pico))
        # A repayment moves credit from one grant to another: it adds up to nothing.
        assert row.credit_pico == sum(amount for kind, amount in moved.items() if kind != "overage")
        assert row.credit_pico == model.credit
        assert -moved.get("burn", 0) == sum(grant.burnt for grant in model.grants)
        assert -moved.get("expire", 0) == sum(grant.expired for grant in model.grants)
        assert row.overage_pico == -moved.get("overage", 0) == model.overage
        open_now = dict(self._pairs(c, holds, holds.c.request_id, holds.c.amount_pico))
        assert open_now == {request_id: hold.amount for request_id, hold in model.holds.items()}
        assert row.held_pico == model.held >= 0
        assert row.credit_pico >= 0 or model.ever_taken
        self._check_cap(row.overage_pico - row.period_overage_start_pico)
        name = func.coalesce(usage.c.amends, usage.c.request_id)
        prices = select(name, func.sum(usage.c.price_pico)).where(usage.c.account_id == mine).group_by(name)
        assert {request_id: int(price) for request_id, price in c.execute(prices)} == model.booked
        self._check_grants(c)
        rolled_up = [func.sum(column) for column in (hours.c.requests, hours.c.price_pico, hours.c.output_tokens)]
        requests = func.count().filter(usage.c.kind == "request")
        facts = [requests, func.sum(usage.c.price_pico), func.sum(usage.c.output_tokens)]
        assert self._totals(c, hours, rolled_up) == self._totals(c, usage, facts)
        read = figures.usage(c, mine, clock.now() - 60 * TURN, clock.now() + TURN, "model").total
        assert [read.requests, read.price_pico, read.output_tokens] == self._totals(c, usage, facts)
        assert list(audit_account(c, mine, Prices(c), Sums(EVERYBODY))) == []

    def _check_cap(self, overage: int) -> None:
        """However it was called for: no overage grows beyond the cap of now, and of what was open before."""
        was, highest = self.before
        assert overage <= max(was, highest, self.model.cap_now)
        self.before = (overage, self.model.highest_cap)

    def _check_grants(self, c: Connection) -> None:
        left = dict(self._pairs(c, grants, grants.c.id, grants.c.remaining_pico))
        assert dict(self._sums(c, entries.c.grant_id, entries.c.amount_pico, entries.c.kind != "overage")) == left
        if not self.model.ever_owed:
            by_key = dict(self._pairs(c, grants, grants.c.key, grants.c.remaining_pico))
            assert by_key == {grant.key: grant.left for grant in self.model.grants}

    def _totals(self, c: Connection, rows: Any, sums: list[Any]) -> list[int]:
        return [int(total or 0) for total in c.execute(select(*sums).where(rows.c.account_id == self.account_id)).one()]

    def _pairs(self, c: Connection, rows: Any, name: Any, value: Any) -> Any:
        return [tuple(row) for row in c.execute(select(name, value).where(rows.c.account_id == self.account_id))]

    def _sums(self, c: Connection, name: Any, value: Any, *where: Any) -> Any:
        query = select(name, func.sum(value)).where(entries.c.account_id == self.account_id, *where).group_by(name)
        return [(row[0], int(row[1])) for row in c.execute(query)]


def test_the_ledger_does_what_the_model_says(world: World) -> None:
    driven = type("Driven", (Ledger,), {"world": world})
    run_state_machine_as_test(
        driven,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
