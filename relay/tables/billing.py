"""Billing: plans and their periods, windows and the outbox, payments, and what Stripe told us."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, money, serial


class Plan(SQLModel, table=True):
    """The account's subscription as Stripe last told it. A new subscription replaces one that has ended."""

    __tablename__ = "plans"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    subscription_id: str = Field(unique=True)
    status: str
    price_id: str
    monthly_credit_pico: int = money()
    cancels_at: datetime | None = moment(default=None)
    trial_end: datetime | None = moment(default=None)
    paused: bool = False
    fetched_at: datetime = moment()


class Period(SQLModel, table=True):
    """A billing period of a plan. Its overage is what the account's cumulative overage grew by.

    `overage_end_pico` is None while the period is open. `settled_at` is when its invoice was seen to bill all of it.
    """

    __tablename__ = "periods"
    __table_args__ = (UniqueConstraint("account_id", "start", name="period_start"),)
    id: int | None = serial()
    account_id: str = Field(foreign_key="accounts.id")
    subscription_id: str
    start: datetime = moment()
    end: datetime = moment()
    overage_start_pico: int = money()
    overage_end_pico: int | None = Field(default=None, sa_type=BigInteger)
    invoice_id: str | None = Field(default=None, index=True)
    settled_at: datetime | None = moment(default=None)


class Window(SQLModel, table=True):
    """A closed span of time whose overage was summed once. Never changed.

    `cents` is the growth of the cumulative overage in whole cents, so that fractions carry over.
    `used_at` is the time of its last overage: the time that the meter is told.
    """

    __tablename__ = "windows"
    __table_args__ = (UniqueConstraint("account_id", "number", name="window_number"),)
    id: int | None = serial()
    account_id: str = Field(foreign_key="accounts.id")
    number: int
    period_id: int | None = Field(default=None, sa_type=BigInteger, index=True)
    start: datetime = moment()
    end: datetime = moment()
    overage_start_pico: int = money()
    overage_end_pico: int = money()
    cents: int = Field(default=0, sa_type=BigInteger)
    used_at: datetime = moment()


class Outbox(SQLModel, table=True):
    """A window on its way to Stripe, once. `route` is `meter`, or `invoice_item` when its invoice is past.

    `state` is `pending`, `sent`, or `stuck` (Stripe refuses it for good; a person must look).
    `first_tried_at` without `sent_at` is a doubt: an answer may have been lost.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_pending",
            "account_id",
            "id",
            sqlite_where=text("state <> 'sent'"),
            postgresql_where=text("state <> 'sent'"),
        ),
    )
    id: int | None = serial()
    identifier: str = Field(unique=True)
    account_id: str = Field(foreign_key="accounts.id")
    window_id: int | None = Field(default=None, sa_type=BigInteger, unique=True)
    period_id: int | None = Field(default=None, sa_type=BigInteger, index=True)
    customer_id: str = ""
    cents: int = Field(default=0, sa_type=BigInteger)
    used_at: datetime = moment()
    route: str = "meter"
    state: str = "pending"
    attempts: int = 0
    first_tried_at: datetime | None = moment(default=None)
    next_try_at: datetime = moment()
    sent_at: datetime | None = moment(default=None)
    stripe_id: str = ""
    error: str = ""


class StripeEvent(SQLModel, table=True):
    """An event as it arrived: which object to fetch, and how far we are with it. Its content is not believed.

    `state` is `received`, `done`, `failed` (tried again at `next_try_at`) or `set_aside`.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (
        Index(
            "stripe_events_open",
            "next_try_at",
            sqlite_where=text("state IN ('received', 'failed')"),
            postgresql_where=text("state IN ('received', 'failed')"),
        ),
    )
    id: str = Field(primary_key=True)
    type: str
    object_id: str
    customer_id: str = ""
    livemode: bool = False
    api_version: str = ""
    created_at: datetime = moment()
    received_at: datetime = moment(index=True)
    state: str = "received"
    attempts: int = 0
    next_try_at: datetime = moment()
    claimed_until: datetime | None = moment(default=None)
    error: str = Field(default="", sa_type=Text)


class Checkout(SQLModel, table=True):
    """A visit to Stripe's checkout: `open`, `confirming` (a slow payment), `paid`, `failed` or `expired`."""

    __tablename__ = "checkouts"
    __table_args__ = (
        Index(
            "one_open_checkout",
            "account_id",
            "kind",
            "amount_cents",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    kind: str
    amount_cents: int = 0
    url: str = Field(sa_type=Text)
    state: str = "open"
    created_at: datetime = moment()
    expires_at: datetime = moment()


class Payment(SQLModel, table=True):
    """Which grant a payment bought, so that a refund or dispute finds what to claw back. Keyed by payment intent."""

    __tablename__ = "payments"
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    grant_key: str
    amount_cents: int = Field(default=0, sa_type=BigInteger)
    at: datetime = moment()


class Clawback(SQLModel, table=True):
    """Credit taken back for a refund (`refund:ID`) or a dispute (`dispute:ID`), once; given back if it is undone."""

    __tablename__ = "clawbacks"
    key: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    grant_key: str
    asked_pico: int = money()
    taken_pico: int = money()
    at: datetime = moment()
    undone_at: datetime | None = moment(default=None)


class Invoice(SQLModel, table=True):
    """An invoice as Stripe last told it, for the list, for reconciling, and for what must follow from it."""

    __tablename__ = "invoices"
    __table_args__ = (Index("invoices_of_account", "account_id", "created_at"),)
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id")
    subscription_id: str = ""
    number: str = ""
    status: str
    reason: str = ""
    total_cents: int = Field(default=0, sa_type=BigInteger)
    overage_cents: int = Field(default=0, sa_type=BigInteger)
    created_at: datetime = moment()
    period_start: datetime = moment()
    period_end: datetime = moment()
    pdf_url: str = Field(default="", sa_type=Text)
    hosted_url: str = Field(default="", sa_type=Text)
    fetched_at: datetime = moment()


class Alert(SQLModel, table=True):
    """A mail that was due once: its subject matter and the period or payment that it is about.

    `detail` holds the letter's figures (JSON). `sent_at` is when it was dealt with, and `outcome` how: `sent`, or why
    not: `covered` (by one that says more), `unwanted`, `stopped`, `closed`, `refused`.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index("alerts_unsent", "id", sqlite_where=text("sent_at IS NULL"), postgresql_where=text("sent_at IS NULL")),
        UniqueConstraint("account_id", "kind", "about", name="alert_once"),
    )
    id: int | None = serial()
    account_id: str = Field(foreign_key="accounts.id")
    kind: str
    about: str
    detail: str = ""
    created_at: datetime = moment()
    sent_at: datetime | None = moment(default=None)
    outcome: str = ""


class AlertChoice(SQLModel, table=True):
    """Which alerts an account wants. Without a row it wants all of them."""

    __tablename__ = "alert_choices"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    cap: bool = True
    low_credit: bool = True


class MailStop(SQLModel, table=True):
    """An address that Resend told us to leave alone: `bounced` or `complained`, until that was lifted."""

    __tablename__ = "mail_stops"
    email: str = Field(primary_key=True)
    reason: str
    at: datetime = moment()
    lifted_at: datetime | None = moment(default=None)
