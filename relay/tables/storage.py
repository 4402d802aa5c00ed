"""Files that people keep, and how far their storage has been booked."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment

LIVE = text("since IS NOT NULL AND until IS NULL")
LEAVING = text("purge_at IS NOT NULL AND gone_at IS NULL")


class Asset(SQLModel, table=True):
    """A file: kept, and so paid for, in [since, until), both whole seconds. Its content is in the store by `id`.

    Without `since` it is still on its way here, and `bytes` is what was set aside for it. Its content leaves the store
    at `purge_at`; from `gone_at` on the row is a fact about bytes and seconds alone, and has no name.
    """

    __tablename__ = "assets"
    __table_args__ = (
        Index("assets_live", "account_id", "name", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        Index("assets_in_time", "account_id", "until"),
        Index("assets_leaving", "purge_at", sqlite_where=LEAVING, postgresql_where=LEAVING),
    )
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id")
    name: str
    bytes: int = Field(default=0, sa_type=BigInteger)
    type: str = ""
    sha256: str = ""
    begun_at: datetime = moment()
    since: datetime | None = moment(default=None)
    until: datetime | None = moment(default=None)
    purge_at: datetime | None = moment(default=None)
    gone_at: datetime | None = moment(default=None)


class StorageMeter(SQLModel, table=True):
    """How far an account's storage is booked: a whole hour. Lock the balance before it is changed.

    `owed_byte_seconds` were kept before `booked_until` and are in no usage row yet. The carries are what dividing left
    over, of the price and of the cost: see `storage.metering`. `unpaid_since` is when credit first did not do.
    """

    __tablename__ = "storage_meters"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    booked_until: datetime = moment()
    owed_byte_seconds: int = Field(default=0, sa_type=BigInteger)
    price_carry: int = Field(default=0, sa_type=BigInteger)
    cost_carry: int = Field(default=0, sa_type=BigInteger)
    unpaid_since: datetime | None = moment(default=None)
