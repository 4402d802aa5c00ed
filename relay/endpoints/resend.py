"""`POST /api/resend/webhook`: bounces and complaints. Such an address gets no more mail that it did not ask for."""

import structlog
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import accounts
from relay.endpoints.answers import JsonAnswer, read_body
from relay.endpoints.callers import services_of
from relay.errors import BadInput
from relay.gateways.mail_events import MailEvent, read_mail_event

BODY_BYTES_MAX = 1 << 20
log = structlog.get_logger(__name__)


async def take_mail_event(request: Request) -> Response:
    services = services_of(request)
    body = await read_body(request, BODY_BYTES_MAX)
    event = read_mail_event(body, request.headers, services.settings.reveal("RESEND_WEBHOOK_SECRET"))
    if event.kind != "other":
        await services.database.write(lambda connection: _stop_mail(connection, event))
        tags = [accounts.address_tag(services.settings, email) for email in event.addresses]
        log.info("mail_stopped", reason=event.kind, about=tags)
    return JsonAnswer({"status": "ok"})


def _stop_mail(connection: Connection, event: MailEvent) -> None:
    for address in event.addresses:
        try:
            email = accounts.normalise_email(address)
        except BadInput:
            continue
        accounts.stop_mail(connection, email, "complained" if event.kind == "complained" else "bounced", event.at)


routes = [Route("/api/resend/webhook", take_mail_event, methods=["POST"])]
