"""For whoever keeps the process running: alive, ready, and what to graph."""

import asyncio

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay import metrics
from relay.database import is_alive
from relay.endpoints.answers import NO_STORE, JsonAnswer
from relay.endpoints.callers import services_of
from relay.errors import Unavailable

PATIENCE_SECONDS = 5
log = structlog.get_logger(__name__)


async def livez(request: Request) -> Response:
    """The process answers; nothing else is looked at, so that a slow database never gets it killed."""
    return JsonAnswer({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Whether requests may be sent here: the database answers, and Redis where there is one."""
    services = services_of(request)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await services.database.read(is_alive)
            await services.limits.ping()
    except (DBAPIError, Unavailable, TimeoutError) as error:
        log.warning("not_ready", error=type(error).__name__)
        raise Unavailable("The database or Redis does not answer.") from None
    return JsonAnswer({"status": "ok"})


async def show_metrics(request: Request) -> Response:
    body = metrics.text(services_of(request).database.queues())
    return Response(body, headers={**NO_STORE, "content-type": metrics.CONTENT_TYPE})


routes = [
    Route("/livez", livez, methods=["GET"]),
    Route("/readyz", readyz, methods=["GET"]),
    Route("/metrics", show_metrics, methods=["GET"]),
]
