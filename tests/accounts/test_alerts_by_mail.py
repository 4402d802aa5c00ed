"""People are told by mail, once, before money surprises them; and of every payment that was made or refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from relay import accounts, clock, ledger
from relay.billing import alerts
from relay.billing.alerts import Choices
from relay.database import Database
from relay.gateways.mail import Mail
from relay.money import PICO_PER_USD
from relay.settings import Settings, read_settings
from relay.tables import Account, Alert, Balance, Invoice, Payment, Plan, StripeEvent, table
from tests.fixtures.bookkeeping import open_books
from tests.fixtures.front_door import PostOffice, post_office
from tests.fixtures.ledger_desk import Desk, open_desk

alerts_of, balances, people = table(Alert), table(Balance), table(Account)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass
class Post:
    """Accounts with figures of any size, and the mail that the clock's turns send."""

    desk: Desk
    office: PostOffice
    mail: Mail
    settings: Settings
    read: dict[str, int] = field(default_factory=dict)

    def set(self, account_id: str, **changes: Any) -> None:
        row = {"changed_at": clock.now(), **changes}
        mine = balances.c.account_id == account_id
        self.desk.database.write_now(lambda c: c.execute(update(balances).where(mine).values(row)))

    def on_plan(self, cap: int = 50, start: datetime | None = None) -> str:
        account_id = self.desk.account()
        self.begin(account_id, start or clock.now())
        self.set(account_id, spend_cap_pico=cap * PICO_PER_USD)
        return account_id

    def begin(self, account_id: str, start: datetime, used: int = 0) -> None:
        ends = {"period_start": start, "period_end": start + 30 * DAY}
        self.set(account_id, has_plan=True, period_overage_start_pico=used * PICO_PER_USD, **ends)

    def used(self, account_id: str, usd: int) -> None:
        self.set(account_id, overage_pico=usd * PICO_PER_USD)

    def put(self, model: Any, **row: Any) -> None:
        self.desk.database.write_now(lambda c: c.execute(insert(table(model)), row))

    def email(self, account_id: str) -> str:
        query = select(people.c.email).where(people.c.id == account_id)
        return self.desk.database.read_now(lambda c: c.execute(query).scalar_one())

    async def turn(self) -> None:
        await alerts.tell(self.desk.database, self.mail, self.settings)

    async def news(self, account_id: str) -> list[str]:
        """The subjects that have come since this was last asked."""
        await self.turn()
        subjects = [mail["subject"] for mail in self.office.to(self.email(account_id))]
        seen, self.read[account_id] = self.read.get(account_id, 0), len(subjects)
        return subjects[seen:]


@pytest.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with post_office() as office:
        settings = read_settings(RESEND_API_KEY="re_test", RESEND_API_URL=office.url, SECRET_KEY="k" * 32)
        mail = Mail(settings)
        yield Post(open_desk(database), office, mail, settings)
        await mail.aclose()


HALF, MOST, ALL = "50 % of your spend cap is used", "80 % of your spend cap is used", "Your spend cap is reached"
LOW, OUT, BELOW = "Your credit is running low", "Your credit is used up", "Your credit is below zero"


async def test_each_step_towards_the_cap_is_told_once_a_period(post: Post) -> None:
    account_id = post.on_plan(cap=50)
    told = {}
    for usd in (0, 1, 24, 25, 26, 39, 40, 49, 50, 51):
        post.used(account_id, usd)
        told[usd] = [*await post.news(account_id), *await post.news(account_id)]
    assert {usd: subjects for usd, subjects in told.items() if subjects} == {25: [HALF], 40: [MOST], 50: [ALL]}
    clock.move(30 * DAY)
    post.begin(account_id, clock.now(), used=51)
    assert await post.news(account_id) == []
    post.used(account_id, 51 + 45)
    assert await post.news(account_id) == [MOST]


async def test_whoever_raises_the_cap_is_told_anew_only_of_what_is_reached_later(post: Post) -> None:
    account_id = post.on_plan(cap=50)
    post.used(account_id, 50)
    assert await post.news(account_id) == [ALL]
    post.set(account_id, spend_cap_pico=60 * PICO_PER_USD)
    assert await post.news(account_id) == []
    post.used(account_id, 60)
    assert await post.news(account_id) == [ALL]
    post.set(account_id, spend_cap_pico=200 * PICO_PER_USD)
    assert await post.news(account_id) == []
    post.used(account_id, 100)
    assert await post.news(account_id) == [HALF]
    for cap in (50, 60, 200):
        post.set(account_id, spend_cap_pico=cap * PICO_PER_USD)
        assert await post.news(account_id) == []


async def test_low_credit_is_measured_by_what_was_last_given_and_new_credit_begins_anew(post: Post) -> None:
    account_id = post.desk.account(100)
    for left, expected in ((21, []), (20, [LOW]), (6, []), (5, [LOW]), (1, []), (0, [OUT])):
        post.set(account_id, credit_pico=left * post.desk.unit)
        assert await post.news(account_id) == expected, left
    post.desk.grant(account_id, 10)
    assert await post.news(account_id) == []
    post.set(account_id, credit_pico=0)
    assert await post.news(account_id) == [OUT]
    post.desk.grant(account_id, 10)
    post.set(account_id, credit_pico=-PICO_PER_USD)
    assert await post.news(account_id) == [BELOW]
    (_, _, letter) = [mail for mail in post.office.to(post.email(account_id)) if mail["subject"] in (OUT, BELOW)]
    assert "owes $1.00" in letter["text"]


async def test_a_month_that_ends_is_no_news_while_the_plan_goes_on(post: Post) -> None:
    account_id = post.on_plan()
    post.desk.grant(account_id, 10, "monthly", clock.now() + DAY)
    post.desk.grant(post.desk.account(), 10, "promo", clock.now() + DAY)
    assert await post.news(account_id) == []
    clock.move(2 * DAY)
    await post.desk.database.write(ledger.expire_due)
    assert await post.news(account_id) == []
    assert [mail["subject"] for mail in post.office.mails] == [OUT]


async def test_what_a_person_does_not_want_is_not_sent_then_or_later_but_payments_are(post: Post) -> None:
    account_id = post.on_plan()
    post.desk.database.write_now(lambda c: alerts.choose(c, account_id, Choices(cap=False, low_credit=False)))
    post.used(account_id, 45)
    post.desk.grant(account_id, 10)
    post.set(account_id, credit_pico=0)
    post.put(Payment, id="pi_1", account_id=account_id, grant_key="topup:cs_1", amount_cents=1190, at=clock.now())
    post.desk.grant(account_id, 10, key="topup:cs_1")
    assert await post.news(account_id) == ["Receipt: $11.90 paid"]
    post.desk.database.write_now(lambda c: alerts.choose(c, account_id, Choices()))
    post.used(account_id, 46)
    assert await post.news(account_id) == []
    post.used(account_id, 50)
    assert await post.news(account_id) == [ALL]


async def test_a_payment_that_fails_is_told_once_an_invoice_however_often_it_is_tried(post: Post) -> None:
    account_id = post.on_plan()
    plan_of(post, account_id, "active")
    invoice_of(post, account_id, "in_1", status="open")
    assert await post.news(account_id) == []
    event = {"object_id": "in_1", "created_at": clock.now(), "next_try_at": clock.now(), "state": "done"}
    for attempt in range(3):
        post.put(StripeEvent, id=f"evt_{attempt}", type="invoice.payment_failed", received_at=clock.now(), **event)
        post.desk.database.write_now(lambda c: c.execute(update(table(Invoice)).values(fetched_at=clock.now())))
        expected = ["Your payment did not go through"] if attempt == 0 else []
        assert await post.news(account_id) == expected
        clock.move(3 * DAY)
    (letter,) = post.office.to(post.email(account_id))
    assert f"{post.settings.ACCOUNT_ORIGIN}/billing" in letter["text"]
    assert "$12.34" in letter["text"]
    assert "stripe.com" not in json.dumps(letter)


async def test_an_open_invoice_of_a_plan_that_is_past_due_is_a_failed_payment_and_a_paid_one_is_not(post: Post) -> None:
    late, prompt = post.on_plan(), post.on_plan()
    for account_id, status in ((late, "open"), (prompt, "paid")):
        plan_of(post, account_id, "past_due")
        invoice_of(post, account_id, f"in_{status}", status=status)
    assert await post.news(late) == ["Your payment did not go through"]
    assert await post.news(prompt) == []


async def test_the_end_of_a_plan_is_told_once(post: Post) -> None:
    account_id = post.on_plan()
    plan_of(post, account_id, "canceled")
    assert await post.news(account_id) == ["Your plan has ended"]
    post.desk.database.write_now(lambda c: c.execute(update(table(Plan)).values(fetched_at=clock.now() + DAY)))
    assert await post.news(account_id) == []


async def test_a_mail_service_that_is_down_delays_alerts_and_a_crash_repeats_them_under_the_same_key(
    post: Post,
) -> None:
    account_id = post.on_plan()
    post.used(account_id, 25)
    post.office.statuses[:] = [500]
    assert await post.news(account_id) == []
    assert await post.news(account_id) == [HALF]
    # The process died before it could note that the mail had gone.
    unsaid = update(alerts_of).where(alerts_of.c.outcome == "sent").values(sent_at=None, outcome="")
    post.desk.database.write_now(lambda c: c.execute(unsaid))
    await post.turn()
    mails = post.office.to(post.email(account_id))
    keys = [key for key, mail in zip(post.office.idempotency_keys, post.office.mails, strict=True) if mail in mails]
    assert len(set(keys)) == len({json.dumps(mail) for mail in mails}) == 1


async def test_a_mail_that_is_refused_for_good_holds_up_no_other(post: Post) -> None:
    first, second = post.on_plan(), post.on_plan()
    for account_id in (first, second):
        post.used(account_id, 25)
    post.office.statuses[:] = [422]
    await post.turn()
    assert len(post.office.mails) == 1
    outcomes = [row.outcome for account in (first, second) for row in post.desk.rows(alerts_of, account)]
    assert sorted(outcomes) == ["covered", "covered", "refused", "sent"]


async def test_a_stopped_address_gets_no_alerts_and_what_it_missed_is_not_sent_afterwards(post: Post) -> None:
    account_id = post.on_plan()
    email = post.email(account_id)
    post.desk.database.write_now(lambda c: accounts.stop_mail(c, email, "complained", clock.now()))
    post.used(account_id, 25)
    assert await post.news(account_id) == []
    post.desk.database.write_now(lambda c: accounts.allow_mail(c, email))
    assert await post.news(account_id) == []
    post.used(account_id, 40)
    assert await post.news(account_id) == [MOST]


async def test_a_change_that_was_committed_late_is_still_seen(post: Post) -> None:
    slow, quick = post.on_plan(), post.on_plan()
    await post.turn()
    clock.move(MINUTE)
    written_at = clock.now()
    clock.move(MINUTE)
    post.used(quick, 25)
    assert await post.news(quick) == [HALF]
    post.set(slow, overage_pico=25 * PICO_PER_USD, changed_at=written_at)
    assert await post.news(slow) == [HALF]


async def test_a_letter_reads_well_as_text_and_as_a_page(post: Post) -> None:
    account_id = post.on_plan(cap=1234)
    post.used(account_id, 1000)
    await post.turn()
    (letter,) = post.office.to(post.email(account_id))
    for body in (letter["text"], letter["html"]):
        assert "$1,000.00 of your spend cap of $1,234.00" in body
        assert "http://localhost:3000/billing" in body
        assert "You can turn them off on the billing page." in body
    assert "<" not in letter["text"]


def plan_of(post: Post, account_id: str, status: str) -> None:
    row = {"subscription_id": f"sub_{account_id}", "status": status, "price_id": "price", "fetched_at": clock.now()}
    post.put(Plan, account_id=account_id, monthly_credit_pico=0, **row)


def invoice_of(post: Post, account_id: str, invoice_id: str, **fields: Any) -> None:
    now = clock.now()
    times = {"created_at": now, "period_start": now, "period_end": now, "fetched_at": now}
    row = {"id": invoice_id, "subscription_id": f"sub_{account_id}", "reason": "subscription_cycle", **times}
    post.put(Invoice, account_id=account_id, total_cents=1234, **(row | fields))


async def test_choices_are_kept_and_nothing_but_choices_is_taken(database_url: str) -> None:
    async with open_books(database_url) as books:
        person = books.person("ann@example.com")
        async with books.client(person) as http, books.client() as nobody:
            url = "/api/billing/alerts"
            assert (await http.get(url)).json() == {"cap": True, "low_credit": True, "mail_stopped": None}
            changed = await http.put(url, json={"cap": False, "low_credit": True})
            assert changed.json() == {"cap": False, "low_credit": True, "mail_stopped": None}
            for body in ({}, {"cap": 1, "low_credit": True}, {"cap": "no", "low_credit": True}, {"cap": None}):
                assert (await http.put(url, json=body)).status_code == 400
            assert (await http.get(url)).json()["cap"] is False
            assert (await nobody.get(url)).status_code == (await nobody.put(url, json={})).status_code == 401
            books.database.write_now(lambda c: accounts.stop_mail(c, "ann@example.com", "bounced", clock.now()))
            assert (await http.get(url)).json()["mail_stopped"]["reason"] == "bounced"
