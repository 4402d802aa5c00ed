"""Which alerts a person wants. Mails about payments are not asked about."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from relay.tables import AlertChoice, table, upsert

alert_choices = table(AlertChoice)


class Choices(NamedTuple):
    cap: bool = True
    low_credit: bool = True


def choices(connection: Connection, account_id: str) -> Choices:
    """Everything, until the person has said otherwise."""
    query = select(alert_choices.c.cap, alert_choices.c.low_credit).where(alert_choices.c.account_id == account_id)
    found = connection.execute(query).first()
    return Choices(*found) if found else Choices()


def choose(connection: Connection, account_id: str, wanted: Choices) -> None:
    """In force for what is not mailed yet. What was passed over meanwhile is not mailed afterwards."""
    values = wanted._asdict()
    new = upsert(connection, alert_choices).values(account_id=account_id, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["account_id"], set_=values))
