"""What operators did, and what they had looked for."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from relay.tables.columns import moment, serial


class OperatorAction(SQLModel, table=True):
    """One act of an operator, with its reason. Never changed, never deleted: the database itself refuses both."""

    __tablename__ = "operator_actions"
    id: int | None = serial()
    at: datetime = moment()
    operator: str
    action: str
    account_id: str = Field(default="", index=True)
    about: str = ""
    detail: str = Field(default="", sa_type=Text)
    reason: str = Field(default="", sa_type=Text)


class Inspection(SQLModel, table=True):
    """A search for differences, run in the background: `audit` of our own books, or `reconcile` with Stripe's.

    `found` is JSON: its differences, at most some hundreds. `touched_at` tells a dead one from a slow one.
    """

    __tablename__ = "inspections"
    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    operator: str
    started_at: datetime = moment()
    touched_at: datetime = moment()
    finished_at: datetime | None = moment(default=None)
    done: int = 0
    total: int = 0
    differences: int = 0
    found: str = Field(default="[]", sa_type=Text)
    error: str = Field(default="", sa_type=Text)
