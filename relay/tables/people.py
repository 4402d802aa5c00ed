"""Accounts, and how their people prove who they are."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, money, serial


class Account(SQLModel, table=True):
    """One person, by e-mail address (normalised: see `accounts.normalise_email`).

    An empty time zone or locale is whatever the browser says. A closed account keeps its money rows under an
    address that nobody can have.
    """

    __tablename__ = "accounts"
    __table_args__ = (Index("accounts_in_time", "created_at", "id"),)
    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime = moment()
    time_zone: str = ""
    locale: str = ""
    stripe_customer_id: str | None = Field(default=None, unique=True)
    blocked_at: datetime | None = moment(default=None)
    closed_at: datetime | None = moment(default=None)


class SignInCode(SQLModel, table=True):
    """A mailed code: its HMAC, the browser that asked for it, and how many tries it has had.

    `purpose` is `sign-in`, or what somebody who is signed in must prove: `move-from`, `move-to`, `close`.
    """

    __tablename__ = "sign_in_codes"
    # Two workers asked at once cannot both make the newest code of an address: the second insert does nothing.
    __table_args__ = (
        Index(
            "one_open_code",
            "email",
            "purpose",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    id: int | None = serial()
    email: str = Field(index=True)
    purpose: str = "sign-in"
    code_hmac: str
    browser_hash: str = Field(index=True)
    created_at: datetime = moment()
    expires_at: datetime = moment()
    tries: int = 0
    ended_at: datetime | None = moment(default=None)


class Session(SQLModel, table=True):
    """A signed-in browser. The cookie's token is kept hashed; ending a session deletes its row."""

    __tablename__ = "sessions"
    id: str = Field(primary_key=True)
    token_hash: str = Field(unique=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    created_at: datetime = moment()
    last_seen_at: datetime = moment()
    expires_at: datetime = moment()
    device: str = ""
    place: str = ""


class BearerToken(SQLModel, table=True):
    """A 15-minute token for the panel on another site. It ends with the session or the API key that made it."""

    __tablename__ = "bearer_tokens"
    token_hash: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    session_id: str = Field(index=True)
    expires_at: datetime = moment()
    key_id: str = ""
    renewable_until: datetime | None = moment(default=None)


class ApiKey(SQLModel, table=True):
    """A personal key for programs, kept hashed; `hint` is its last four characters."""

    __tablename__ = "api_keys"
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    name: str
    hint: str
    key_hash: str = Field(unique=True)
    created_at: datetime = moment()
    last_used_at: datetime | None = moment(default=None)
    revoked_at: datetime | None = moment(default=None)
    cap_pico: int | None = Field(default=None, sa_type=BigInteger)
    spent_pico: int = money()


class Export(SQLModel, table=True):
    """An archive of everything about an account, as it is sent. `touched_at` tells a dead one from a slow one."""

    __tablename__ = "exports"
    id: str = Field(primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    rows_total: int = Field(default=0, sa_type=BigInteger)
    rows_done: int = Field(default=0, sa_type=BigInteger)
    started_at: datetime = moment()
    touched_at: datetime = moment()
    finished_at: datetime | None = moment(default=None)
