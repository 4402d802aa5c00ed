"""Every table. Money is integer pico-dollars (`_pico`), times are UTC, public ids are text with a prefix."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, DateTime, Index, Integer, Table, Text, UniqueConstraint, text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware moment. SQLite keeps no zone, so UTC goes in and UTC comes out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return value if value is None else (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))


# SQLite numbers rows by itself only in a column that is exactly INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")


def _money(default: int = 0) -> Any:
    return Field(default=default, sa_type=BigInteger)


def _moment(**kwargs: Any) -> Any:
    return Field(sa_type=UtcDateTime, **kwargs)


def _serial() -> Any:
    return Field(default=None, sa_type=Serial, primary_key=True)


class Account(SQLModel, table=True):
    """One person, by e-mail address (normalised: see `accounts.normalise_email`)."""

    __tablename__ = "accounts"
    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime = _moment()
    time_zone: str = "UTC"
    locale: str = "en"
    stripe_customer_id: str | None = Field(default=None, unique=True)
    blocked_at: datetime | None = _moment(default=None)
    closed_at: datetime | None = _moment(default=None)


class SignInCode(SQLModel, table=True):
    """A mailed code: its HMAC, the browser that asked for it, and how many tries it has had."""

    __tablename__ = "sign_in_codes"
    # Two workers asked at once cannot both make the newest code of an address: the second insert does nothing.
    __table_args__ = (
        Index(
            "one_open_code",
            "email",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: int | None = _serial()
    email: str = Field(index=True)
    code_hmac: str
    browser_hash: str = Field(index=True)
    created_at: datetime = _moment()
    expires_at: datetime = _moment()
    tries: int = 0
    ended_at: datetime | None = _moment(default=None)


class Session(SQLModel, table=True):
    """A signed-in browser. The cookie's token is kept hashed; ending a session deletes its row."""

    __tablename__ = "sessions"
    id: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    created_at: datetime = _moment()
    last_seen_at: datetime = _moment()
    expires_at: datetime = _moment()
    device: str = ""
    place: str = ""


class BearerToken(SQLModel, table=True):
    """A 15-minute token for the panel on another site. It ends with the session that made it."""

    __tablename__ = "bearer_tokens"
    token_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    session_id: str = Field(index=True)
    expires_at: datetime = _moment()


class ApiKey(SQLModel, table=True):
    """A personal key for programs, kept hashed; `hint` is its last four characters."""

    __tablename__ = "api_keys"
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    name: str
    hint: str
    key_hash: str = Field(unique=True)
    created_at: datetime = _moment()
    last_used_at: datetime | None = _moment(default=None)
    revoked_at: datetime | None = _moment(default=None)
    cap_pico: int | None = Field(default=None, sa_type=BigInteger)
    spent_pico: int = _money()


class Balance(SQLModel, table=True):
    """The account's snapshot: a cache over `entries` and `holds` that the audit recomputes."""

    __tablename__ = "balances"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    credit_pico: int = _money()
    held_pico: int = _money()
    overage_pico: int = _money()
    period_overage_start_pico: int = _money()
    spend_cap_pico: int = _money()
    has_plan: bool = False
    period_start: datetime | None = _moment(default=None)
    period_end: datetime | None = _moment(default=None)
    next_expiry_at: datetime | None = _moment(default=None)
    changed_at: datetime = _moment()


class Grant(SQLModel, table=True):
    """Credit given: `monthly`, `topup` or `promo`. `key` makes giving it twice harmless."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("grants_of_account", "account_id", "id"),
        Index(
            "grants_open",
            "account_id",
            sqlite_where=text("remaining_pico <> 0"),
            postgresql_where=text("remaining_pico <> 0"),
        ),
    )
    id: int | None = _serial()
    account_id: str = Field(foreign_key="accounts.id")
    kind: str
    key: str = Field(unique=True)
    granted_pico: int = _money()
    remaining_pico: int = _money()
    expires_at: datetime | None = _moment(default=None)
    created_at: datetime = _moment()
    expired_at: datetime | None = _moment(default=None)
    reason: str = ""
    source: str = ""


class Entry(SQLModel, table=True):
    """One movement of credit: `grant`, `burn`, `overage`, `expire`, `clawback`, `correction`. Never changed.

    `amount_pico` is signed from the account's side; entries of a grant add up to what remains of it.
    """

    __tablename__ = "entries"
    __table_args__ = (Index("entries_of_account", "account_id", "id"),)
    id: int | None = _serial()
    account_id: str
    kind: str
    grant_id: int | None = Field(default=None, sa_type=BigInteger)
    request_id: str | None = None
    amount_pico: int = _money()
    at: datetime = _moment()


class Hold(SQLModel, table=True):
    """Credit reserved for a call that is still open. Settling or releasing it deletes the row.

    `journal` is what was learnt so far (JSON, see `metering.Learnt`): enough to settle if the process dies.
    """

    __tablename__ = "holds"
    request_id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    key_id: str = ""
    model: str
    price_version: str
    amount_pico: int = _money()
    max_tokens: int = Field(default=0, sa_type=BigInteger)
    streamed: bool = True
    created_at: datetime = _moment()
    expires_at: datetime = _moment(index=True)
    worker: str = ""
    journal: str | None = Field(default=None, sa_type=Text)


class Usage(SQLModel, table=True):
    """One metered fact. Never changed, never deleted: the database itself refuses both."""

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("request_id", "kind", name="usage_request"),
        Index("usage_of_account", "account_id", "id"),
    )
    id: int | None = _serial()
    request_id: str
    kind: str = "request"
    account_id: str
    key_id: str = ""
    service: str = "claude"
    model: str = ""
    tier: str = "base"
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_read_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_5m_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_1h_tokens: int = Field(default=0, sa_type=BigInteger)
    web_searches: int = 0
    storage_byte_seconds: int = Field(default=0, sa_type=BigInteger)
    cost_pico: int = _money()
    price_pico: int = _money()
    price_version: str
    held_pico: int = _money()
    ended: str
    estimated: bool = False
    unsplit_cache_writes: bool = False
    status: int = 200
    started_at: datetime = _moment()
    at: datetime = _moment()
    first_token_ms: int | None = None
    stop_reason: str = ""
    upstream_request_id: str = ""
    amends: str | None = None
    reason: str = ""


class UsageHour(SQLModel, table=True):
    """Usage rolled up by UTC hour, written in the settling transaction; a cache that the audit recomputes."""

    __tablename__ = "usage_hours"
    account_id: str = Field(primary_key=True)
    hour: datetime = _moment(primary_key=True)
    service: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    key_id: str = Field(primary_key=True, default="")
    requests: int = Field(default=0, sa_type=BigInteger)
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_read_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_tokens: int = Field(default=0, sa_type=BigInteger)
    cost_pico: int = _money()
    price_pico: int = _money()


class PriceVersion(SQLModel, table=True):
    """A published price list. `migrate` publishes a new one when costs or MARKUP_PERCENT changed."""

    __tablename__ = "price_versions"
    version: str = Field(primary_key=True)
    published_at: datetime = _moment()
    markup_percent: int


class Price(SQLModel, table=True):
    """Cost and selling price of one unit (a token, a search, a GB-month), in whole pico-dollars."""

    __tablename__ = "prices"
    version: str = Field(primary_key=True, foreign_key="price_versions.version")
    model: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    tier: str = Field(primary_key=True, default="base")
    cost_pico: int = _money()
    price_pico: int = _money()
    source: str = ""
    checked: str = ""


class Lease(SQLModel, table=True):
    """Who may run the clock, and until when."""

    __tablename__ = "leases"
    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime = _moment()


def table(model: type[SQLModel]) -> Table:
    """The model's Core table: the hot path speaks Core, which batches and never flushes by surprise."""
    return cast(Table, getattr(model, "__table__"))  # noqa: B009 (SQLModel does not declare it)
