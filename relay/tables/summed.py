"""Sums of usage that pages read: derived from usage rows by the clock, whole or split by model or by key."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, money

EVERYBODY = ""
"""The account of the sums over all accounts."""


class UsageSum(SQLModel, table=True):
    """What was used in an hour or a day (`unit`), both of UTC, that begins at `since`.

    `split` is `model`, `key` or '' for the whole; `name` is the model or the key's id. The price of each kind of
    token stands in a column of its own; what they lack of `price_pico` is searches, storage, and prices put right.

    It holds the usage rows before `balances.rolled_until`, and no other. The audit recomputes it.
    """

    __tablename__ = "usage_sums"
    # In the order in which it is read, without a second tree beside the primary key's.
    __table_args__ = {"sqlite_with_rowid": False}
    account_id: str = Field(primary_key=True)
    split: str = Field(primary_key=True)
    unit: str = Field(primary_key=True)
    since: datetime = moment(primary_key=True)
    name: str = Field(primary_key=True)
    requests: int = Field(default=0, sa_type=BigInteger)
    input_tokens: int = Field(default=0, sa_type=BigInteger)
    output_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_read_tokens: int = Field(default=0, sa_type=BigInteger)
    cache_write_tokens: int = Field(default=0, sa_type=BigInteger)
    cost_pico: int = money()
    price_pico: int = money()
    input_pico: int = money()
    output_pico: int = money()
    cache_read_pico: int = money()
    cache_write_pico: int = money()
