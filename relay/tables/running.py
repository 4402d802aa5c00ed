"""What processes of one product tell each other."""

# pyright: reportIncompatibleVariableOverride=false, reportAssignmentType=false
# SQLModel declares __tablename__ as something that a plain name cannot be.

from datetime import datetime

from sqlmodel import Field, SQLModel

from relay.tables.columns import moment


class Lease(SQLModel, table=True):
    """Who may run the clock, and until when."""

    __tablename__ = "leases"
    name: str = Field(primary_key=True)
    holder: str
    expires_at: datetime = moment()


class Look(SQLModel, table=True):
    """Up to when somebody who looks at changes from time to time has looked."""

    __tablename__ = "looks"
    name: str = Field(primary_key=True)
    at: datetime = moment()
