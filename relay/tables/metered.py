"""What was used and what it cost: usage rows, their roll-ups, and the prices."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, money, serial

_AMENDS = text("amends IS NOT NULL")


CUT_SHORT = text("ended <> 'complete'")
"""What did not end well is rare and asked for: an index of its own, which costs the others nothing."""


class Usage(SQLModel, table=True):
    """One metered fact. Never changed, never deleted: the database itself refuses both.

    A row of the kind `correction` has an id of its own and names in `amends` the `request` that it corrects. Its
    figures are signed: a request and its corrections add up to what is true.
    """

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("request_id", "kind", name="usage_request"),
        Index("usage_in_time", "account_id", "at", "id"),
        Index("usage_cut_short", "account_id", "ended", "at", "id", sqlite_where=CUT_SHORT, postgresql_where=CUT_SHORT),
        Index("usage_amends", "amends", sqlite_where=_AMENDS, postgresql_where=_AMENDS),
    )
    id: int | None = serial()
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
    cost_pico: int = money()
    price_pico: int = money()
    price_version: str
    held_pico: int = money()
    ended: str
    estimated: bool = False
    unsplit_cache_writes: bool = False
    status: int = 200
    started_at: datetime = moment()
    at: datetime = moment()
    first_token_ms: int | None = None
    stop_reason: str = ""
    upstream_request_id: str = ""
    amends: str | None = None
    reason: str = ""


class UsageHour(SQLModel, table=True):
    """Usage rolled up by UTC hour, written in the settling transaction; a cache that the audit recomputes."""

    __tablename__ = "usage_hours"
    # Settling adds to rows that are there: an index costs it something once an hour, and none holds what it adds to.
    __table_args__ = (
        Index("usage_hours_by_hour", "hour"),
        Index("usage_hours_by_use", "account_id", "model", "key_id", "hour"),
    )
    account_id: str = Field(primary_key=True)
    hour: datetime = moment(primary_key=True)
    service: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    key_id: str = Field(primary_key=True, default="")
    requests: int = Field(default=0, sa_type=BigInteger)
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_read_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_tokens: int = Field(default=0, sa_type=BigInteger)
    cost_pico: int = money()
    price_pico: int = money()


class PriceVersion(SQLModel, table=True):
    """A published price list. `migrate` publishes a new one when costs or MARKUP_PERCENT changed."""

    __tablename__ = "price_versions"
    version: str = Field(primary_key=True)
    published_at: datetime = moment()
    markup_percent: int


class Price(SQLModel, table=True):
    """Cost and selling price of one unit (a token, a search, a GB-month), in whole pico-dollars."""

    __tablename__ = "prices"
    version: str = Field(primary_key=True, foreign_key="price_versions.version")
    model: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    tier: str = Field(primary_key=True, default="base")
    cost_pico: int = money()
    price_pico: int = money()
    source: str = ""
    checked: str = ""
