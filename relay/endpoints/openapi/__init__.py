"""`GET /api/openapi.json`: the description of every route that answers. Each subject has a file."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from relay.endpoints.answers import JsonAnswer
from relay.endpoints.callers import services_of
from relay.endpoints.openapi.assets import ASSETS
from relay.endpoints.openapi.auth import AUTH
from relay.endpoints.openapi.billing import BILLING
from relay.endpoints.openapi.claude import CLAUDE
from relay.endpoints.openapi.health import HEALTH
from relay.endpoints.openapi.people import ACCOUNT, KEYS
from relay.endpoints.openapi.usage import USAGE
from relay.endpoints.schemas import SCHEMAS, Schema

_SCHEMES: Schema = {
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "a token of /api/auth/token, or an API key",
    },
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


async def get_openapi(request: Request) -> Response:
    return JsonAnswer(document(services_of(request).settings.api_origin))


routes = [Route("/api/openapi.json", get_openapi, methods=["GET"])]


def document(origin: str) -> Schema:
    """The OpenAPI 3.1 document of the API that answers at `origin`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Account, assistant and billing",
            "version": "1",
            "description": "Money is an exact decimal string in USD; times are RFC 3339 in UTC.",
        },
        "servers": [{"url": origin}],
        "paths": {**AUTH, **CLAUDE, **USAGE, **BILLING, **KEYS, **ASSETS, **ACCOUNT, **HEALTH},
        "components": {"schemas": SCHEMAS, "securitySchemes": _SCHEMES},
    }
