"""The ledger: snapshots, grants, entries and holds."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, money, serial

NOT_BY_USE = text("kind NOT IN ('burn', 'overage')")
"""Grants, expiries, claw-backs: few, however much is used. A query that says it in these words finds their index."""


OPEN = text("remaining_pico <> 0")
"""Grants of which something is left, or owed. In these words, as SQLite plans anew each time that a parameter stands in
them: its value decides whether the index of these grants will do.
"""


class Balance(SQLModel, table=True):
    """The account's snapshot: a cache over `entries` and `holds` that the audit recomputes.

    Overage is cumulative; `sealed_overage_pico` is how far windows have taken it towards Stripe. Usage rows from before
    `rolled_until` are in `usage_sums`.
    """

    __tablename__ = "balances"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    credit_pico: int = money()
    held_pico: int = money()
    overage_pico: int = money()
    period_overage_start_pico: int = money()
    sealed_overage_pico: int = money()
    spend_cap_pico: int = money()
    has_plan: bool = False
    period_start: datetime | None = moment(default=None)
    period_end: datetime | None = moment(default=None)
    next_expiry_at: datetime | None = moment(default=None)
    changed_at: datetime = moment()
    rolled_until: datetime | None = moment(default=None)


class Grant(SQLModel, table=True):
    """Credit given: `monthly`, `topup` or `promo`. `key` makes giving it twice harmless."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("grants_of_account", "account_id", "id"),
        Index("grants_open", "account_id", sqlite_where=OPEN, postgresql_where=OPEN),
    )
    id: int | None = serial()
    account_id: str = Field(foreign_key="accounts.id")
    kind: str
    key: str = Field(unique=True)
    granted_pico: int = money()
    remaining_pico: int = money()
    expires_at: datetime | None = moment(default=None)
    created_at: datetime = moment()
    expired_at: datetime | None = moment(default=None)
    reason: str = ""
    source: str = ""


class Entry(SQLModel, table=True):
    """One movement of credit: `grant`, `burn`, `overage`, `expire`, `clawback`, `repay`. Never changed.

    `amount_pico` is signed from the account's side; entries of a grant add up to what remains of it.
    """

    __tablename__ = "entries"
    __table_args__ = (
        Index("entries_of_account", "account_id", "id"),
        Index("entries_not_by_use", "account_id", "at", sqlite_where=NOT_BY_USE, postgresql_where=NOT_BY_USE),
        Index(
            "entries_overage",
            "account_id",
            "at",
            sqlite_where=text("kind = 'overage'"),
            postgresql_where=text("kind = 'overage'"),
        ),
    )
    id: int | None = serial()
    account_id: str
    kind: str
    grant_id: int | None = Field(default=None, sa_type=BigInteger)
    request_id: str | None = None
    amount_pico: int = money()
    at: datetime = moment()


class Hold(SQLModel, table=True):
    """Credit reserved for a call that is still open. Settling or releasing it deletes the row.

    `spend_cap_pico` is how much overage a period could bring when it was taken, 0 without a plan: it settles under
    that cap, or the one that is in force by then if that is higher. `journal` is what was learnt so far (JSON, see
    `metering.Learnt`): enough to settle if the process dies.

    No index by `expires_at`: open calls are few enough to be looked through now and then, and each journal moves it.
    """

    __tablename__ = "holds"
    request_id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    key_id: str = ""
    model: str
    price_version: str
    amount_pico: int = money()
    spend_cap_pico: int = money()
    max_tokens: int = Field(default=0, sa_type=BigInteger)
    streamed: bool = True
    created_at: datetime = moment()
    expires_at: datetime = moment()
    worker: str = ""
    journal: str | None = Field(default=None, sa_type=Text)
