"""`/api/account/export`: everything that we hold about whoever is signed in."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from relay import accounts, clock, storage
from relay.endpoints.answers import NO_STORE
from relay.endpoints.callers import services_of, signed_in
from relay.errors import Forbidden


async def export(request: Request) -> Response:
    """A ZIP that is made while it is sent. A key that leaked shall not take the whole account with it."""
    identity = await signed_in(request)
    if identity.kind != "session":
        raise Forbidden("Only a signed-in browser can export the account.")
    services = services_of(request)
    database = services.database
    export_id = await accounts.begin_export(database, identity)
    name = f"account-{clock.now():%Y-%m-%d}.zip"
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{name}"', "x-accel-buffering": "no"}
    files = storage.archived(services.storehouse, identity.account_id)
    return StreamingResponse(accounts.archive(database, identity, export_id, files), 200, headers, "application/zip")


routes = [Route("/api/account/export", export, methods=["GET"])]
