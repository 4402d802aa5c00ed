"""The door to everything under `/api/claude`: who calls, what they may, and the table of what answers."""

import re
import time
from collections.abc import Mapping

import structlog
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from relay import accounts, metrics
from relay.accounts import Identity
from relay.admission import Body
from relay.endpoints.callers import refuse_another, whereabouts_of
from relay.endpoints.claude import wire
from relay.endpoints.claude.bodies import Bodies, Kept
from relay.endpoints.claude.call import Call
from relay.endpoints.claude.holding import hold
from relay.endpoints.claude.passing import forwarded_headers, pass_free
from relay.errors import Forbidden, MethodNotAllowed, NotFound, NotSignedIn, ProductError
from relay.ids import new_id
from relay.limits import Place
from relay.services import Services

PREFIX = "/api/claude"
MESSAGES = frozenset({"", "/", "/v1/messages"})
COUNT = "/v1/messages/count_tokens"
MODELS = re.compile(r"/v1/models(/|/[A-Za-z0-9][A-Za-z0-9._:@-]*)?", re.ASCII)
log = structlog.get_logger(__name__)


class ClaudeDoor:
    """One ASGI callable for the whole prefix."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._bodies = Bodies(services.settings.BODIES_MB_MAX << 20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req")
        named = structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        try:
            with self._bodies.kept() as kept:
                await self._answer(scope, receive, send, kept, request_id, began)
        except wire.ClientGone:
            return
        finally:
            structlog.contextvars.reset_contextvars(**named)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, kept: Kept, request_id: str, began: float
    ) -> None:
        try:
            call = await self._admit(scope, receive, send, kept, request_id, began)
        except ProductError as error:
            metrics.REFUSED.labels(error.code).inc()
            log.info("refused", code=error.code, status=error.status)
            await wire.answer_error(send, error, request_id)
        except (wire.ClientGone, ConnectionError):
            raise wire.ClientGone from None
        except Exception as error:
            log.exception("defect")
            await wire.answer_error(send, ProductError(), request_id)
            raise ProductError() from error
        else:
            if call is not None:
                await call.run(receive, send)
        finally:
            self._services.relaying.discard(request_id)

    async def _admit(
        self, scope: Scope, receive: Receive, send: Send, kept: Kept, request_id: str, began: float
    ) -> Call | None:
        """A call whose hold is durable, or None when the request was answered without one."""
        path, method = scope["path"].removeprefix(PREFIX), scope["method"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        _refuse_unless_offered(path, method)
        identity = await self._who(scope, headers)
        refusals = self._services.limits.refusals
        refusals.check(identity.account_id)
        if path not in MESSAGES:
            await self._answer_free(path, scope, receive, send, kept, identity, headers, request_id)
            return None
        place = self._services.limits.stream(identity.account_id, request_id)
        # Before its body is read, so that an account has no more bodies under way than it may have streams.
        await place.__aenter__()
        try:
            body = await wire.read_body(scope, receive, kept, self._services.settings)
            return await self._hold(body, identity, headers, request_id, place, began)
        except BaseException as error:
            await place.__aexit__(None, None, None)
            if isinstance(error, ProductError) and error.status < 500:
                refusals.count(identity.account_id)
            raise

    async def _hold(
        self, body: Body, identity: Identity, headers: Mapping[str, str], request_id: str, place: Place, began: float
    ) -> Call:
        services = self._services
        forwarded = forwarded_headers(headers)
        admission = await services.reading.admit(identity.account_id, body, headers)
        bound = (admission.input_bound_tokens or 0) + admission.max_tokens
        await services.limits.admit(identity.account_id, bound)
        services.relaying.add(request_id)
        prices = await hold(services, admission, identity, forwarded, request_id)
        wants_receipt = headers.get("x-receipt") == "1"
        return Call(services, prices, admission, identity, forwarded, wants_receipt, request_id, place, began)

    async def _answer_free(
        self, path: str, scope: Scope, receive: Receive, send: Send, kept: Kept,
        identity: Identity, headers: Mapping[str, str], request_id: str,
    ) -> None:  # fmt: skip
        services = self._services
        async with services.limits.free(identity.account_id, request_id):
            await services.limits.admit(identity.account_id, 0)
            body = await wire.read_body(scope, receive, kept, services.settings) if path == COUNT else b""
            forwarded = forwarded_headers(headers)
            query = scope.get("query_string", b"")
            await pass_free(services, path, query, body, forwarded, send, request_id)

    async def _who(self, scope: Scope, headers: Mapping[str, str]) -> Identity:
        credential = accounts.credential_from_headers(
            accounts.cookies_of(scope["headers"]), headers.get("authorization"), headers.get("x-api-key")
        )
        hops = self._services.settings.TRUSTED_PROXIES
        identity = await accounts.recognise(
            self._services.database, credential, lambda: whereabouts_of(HTTPConnection(scope), hops)
        )
        if identity is None:
            raise NotSignedIn()
        refuse_another(headers, identity)
        if identity.kind == "session" and scope["method"] != "GET":
            self._refuse_foreign_page(headers)
        if identity.blocked:
            raise Forbidden("This account is blocked. Write to us to have it opened again.")
        return identity

    def _refuse_foreign_page(self, headers: Mapping[str, str]) -> None:
        """The browser sends the cookie for whichever page asks; only our pages and the editors' may."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and site in (None, "same-origin", "none"):
            return
        if origin not in self._services.settings.allowed_origins:
            raise Forbidden("This page may not use the assistant with your cookie. Add its origin to EDITOR_ORIGINS.")


def _refuse_unless_offered(path: str, method: str) -> None:
    """Before anybody is asked who they are: what is not here is not here for strangers either."""
    if path in MESSAGES or path == COUNT:
        expected = "POST"
    elif MODELS.fullmatch(path):
        expected = "GET"
    else:
        raise NotFound()
    if method != expected:
        raise MethodNotAllowed(f"This address takes {expected} only.", allow=expected)
