"""Which pages of other origins may call: those of `EDITOR_ORIGINS`, compared whole, and nobody else."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relay.endpoints.naming import named
from relay.endpoints.safety import SAFETY
from relay.settings import Settings

Header = tuple[bytes, bytes]
EXPOSED = b"request-id, upstream-request-id, retry-after, etag, content-range"
ALLOWED_METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    b"authorization, content-type, if-match, if-none-match, x-account, x-api-key, x-receipt, "
    b"anthropic-version, anthropic-beta, "
    b"anthropic-dangerous-direct-browser-access, x-stainless-lang, x-stainless-package-version, x-stainless-os, "
    b"x-stainless-arch, x-stainless-runtime, x-stainless-runtime-version, x-stainless-retry-count, "
    b"x-stainless-timeout, x-stainless-helper-method"
)


class Cors:
    """Answers preflights, adds the headers. A foreign origin gets the answer without them: no page can read it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is None:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await self._answer_preflight(origin, named(send))
        else:
            await self._app(scope, receive, self._with_cors(origin, send))

    async def _answer_preflight(self, origin: bytes, send: Send) -> None:
        granted = self._grant(origin)
        if granted:
            granted += [
                (b"access-control-allow-methods", ALLOWED_METHODS),
                (b"access-control-allow-headers", ALLOWED_HEADERS),
                (b"access-control-max-age", b"600"),
            ]
        head = [*granted, *SAFETY, (b"vary", b"origin")]
        await send({"type": "http.response.start", "status": 204 if granted else 403, "headers": head})
        await send({"type": "http.response.body", "body": b""})

    def _with_cors(self, origin: bytes, send: Send) -> Send:
        async def send_with_cors(message: Message) -> None:
            if message["type"] == "http.response.start":
                head = [*message["headers"], *self._grant(origin), (b"vary", b"origin")]
                message = {**message, "headers": head}
            await send(message)

        return send_with_cors

    def _grant(self, origin: bytes) -> list[Header]:
        if origin not in self._origins:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", EXPOSED),
        ]
