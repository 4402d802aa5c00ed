"""`/api/billing/alerts`: which alerts the person wants by mail, and whether mail reaches them at all."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import accounts, clock
from relay.accounts import Identity
from relay.billing import alerts
from relay.billing.alerts import Choices
from relay.endpoints.answers import JsonAnswer, read_fields
from relay.endpoints.callers import services_of, signed_in
from relay.errors import BadInput


async def get_alerts(request: Request) -> Response:
    identity = await signed_in(request)
    return JsonAnswer(await services_of(request).database.read(lambda c: _told(c, identity)))


async def put_alerts(request: Request) -> Response:
    identity = await signed_in(request)
    fields = await read_fields(request)
    wanted = Choices(**{name: _flag(fields.get(name), name) for name in Choices._fields})
    database = services_of(request).database
    await database.write(lambda c: alerts.choose(c, identity.account_id, wanted))
    return JsonAnswer(await database.read(lambda c: _told(c, identity)))


def _told(connection: Any, identity: Identity) -> dict[str, object]:
    stop = accounts.mail_stop(connection, identity.email)
    stopped = {"reason": stop.reason, "at": clock.rfc3339(stop.at)} if stop else None
    return {**alerts.choices(connection, identity.account_id)._asdict(), "mail_stopped": stopped}


def _flag(value: object, name: str) -> bool:
    found = (
        {True: True, False: False, "true": True, "false": False}.get(value) if isinstance(value, bool | str) else None
    )
    if found is None:
        raise BadInput(f"`{name}` is true or false.")
    return found


routes = [
    Route("/api/billing/alerts", get_alerts, methods=["GET"]),
    Route("/api/billing/alerts", put_alerts, methods=["PUT"]),
]
