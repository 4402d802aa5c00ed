"""For whoever keeps the process running: alive, ready, and what to graph."""

import asyncio
import hmac
from functools import partial
from ipaddress import ip_address

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import figures, metrics
from relay.database import is_alive
from relay.endpoints.answers import NO_STORE, JsonAnswer
from relay.endpoints.callers import services_of
from relay.errors import Forbidden, NotSignedIn, Unavailable
from relay.limits import Limits
from relay.services import Services
from relay.settings.faults import is_public

PATIENCE_SECONDS = 5
log = structlog.get_logger(__name__)


async def livez(request: Request) -> Response:
    """The process answers; nothing else is looked at, so that a slow database never gets it killed."""
    return JsonAnswer({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether requests may be sent here: the database answers.

    Without Redis the relay goes on, and every worker lacks it alike: none of them is taken out of service for that.
    """
    services = services_of(request)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await services.database.read(is_alive)
    except (DBAPIError, Unavailable, TimeoutError) as error:
        log.warning("not_ready", error=type(error).__name__)
        raise Unavailable("The database does not answer.") from None
    return JsonAnswer({"status": "ok"} if await _has_redis(services.limits) else {"status": "ok", "without": ["redis"]})


async def _has_redis(limits: Limits) -> bool:
    try:
        await limits.ping()
    except Unavailable:
        return False
    return True


async def show_metrics(request: Request) -> Response:
    """Revenue is among the figures, so they are for who has METRICS_TOKEN, or sits at this very machine."""
    _refuse_strangers(request)
    services = services_of(request)
    metrics.observe_queues(services.database.queues())
    body = metrics.text(await _figures(services))
    return Response(body, headers={**NO_STORE, "content-type": metrics.CONTENT_TYPE})


async def _figures(services: Services) -> list[metrics.Figure]:
    """What is counted in this process is told even when the database does not answer."""
    up = "database_up", "1 while the database answers.", dict[str, str]()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            read = await services.database.read(partial(figures.read, prices=services.prices))
    except (DBAPIError, Unavailable, TimeoutError):
        return [(*up, 0.0)]
    return [*read, (*up, 1.0)]


def _refuse_strangers(request: Request) -> None:
    settings = services_of(request).settings
    token = settings.reveal("METRICS_TOKEN")
    if token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise NotSignedIn("Send METRICS_TOKEN as a bearer token.")
    elif is_public(settings.ACCOUNT_ORIGIN) or not _is_at_this_machine(request):
        # A proxy on this machine makes the whole world look local, so a public product needs the token.
        raise Forbidden("Set METRICS_TOKEN, and send it as a bearer token.")


def _is_at_this_machine(request: Request) -> bool:
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
    try:
        return not forwarded and ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


routes = [
    Route("/livez", livez, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", show_metrics, methods=["GET"]),
]
