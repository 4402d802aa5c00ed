"""`/api/auth/*`: ask for a code, give it back, who am I, sign out, a bearer token for the panel elsewhere.

JSON for scripts and native form posts for pages: a form is answered 303, because only a page load gives the
event socket its new cookie.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from relay import accounts, clock, limits
from relay.accounts import Browser, Identity, NewToken, letters
from relay.accounts.codes import PENDING_LIFE, NewSession
from relay.accounts.identity import SESSION_COOKIE, cookie_value, cookie_values, cookies_of
from relay.accounts.sessions import SESSION_AGE_MAX
from relay.endpoints.answers import NO_STORE, JsonAnswer, is_form, read_fields, text_field
from relay.endpoints.callers import (
    client_of,
    refuse_foreign_origin,
    services_of,
    signed_in,
    whereabouts_of,
    who_calls,
)
from relay.errors import BadInput, CodeInvalid, Forbidden, NotSignedIn, ProductError, TooMany
from relay.settings import Settings

log = structlog.get_logger(__name__)

BROWSER_COOKIE = "pre_session"
BROWSERS_MAX = 2
CODE_SENT = {
    "message": "If this address can get mail, a code is on its way. It works for 10 minutes."
    " If none has come after a minute, ask again."
}

Endpoint = Callable[[Request], Awaitable[Response]]


def form_goes_back(step: str) -> Callable[[Endpoint], Endpoint]:
    """For a page's form, an error is a way back to the sign-in page with the error's code; for programs it
    stays itself.
    """

    def wrap(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ProductError as error:
                if not _is_for_a_page(request, error):
                    raise
                wait = {"retry_after": error.retry_after} if error.retry_after else {}
                return _see(request, "/sign-in", {**({"step": step} if step else {}), "error": error.code, **wait})

        return answer

    return wrap


@form_goes_back(step="")
async def request_code(request: Request) -> Response:
    refuse_foreign_origin(request)
    _refuse_another_site(request)
    services, fields = services_of(request), await read_fields(request)
    askers = await _askers(request, fields)
    browser, email = askers[0]
    if any(other != email for _, other in askers):
        raise CodeInvalid()
    await services.limits.hit(limits.CLIENT_CODES_PER_HOUR, client_of(request))
    await services.limits.hit(limits.CLIENT_CODES_PER_DAY, client_of(request))
    answer = await accounts.request_code(services.database, services.settings, email, browser)
    about = accounts.address_tag(services.settings, email)
    if answer.mailed:
        services.mail.post(letters.sign_in_mail(services.settings, answer.mailed, browser.device, about))
    log.info("code_requested", about=about, mailed=answer.mailed is not None)
    response = _see(request, "/sign-in", {"step": "code"}) if is_form(request) else JsonAnswer(CODE_SENT, 202)
    browser_cookie = _browser_cookie(services.settings)
    _set_cookie(request, response, browser_cookie, answer.browser_token, int(PENDING_LIFE.total_seconds()))
    return response


@form_goes_back(step="code")
async def verify(request: Request) -> Response:
    refuse_foreign_origin(request)
    services, fields = services_of(request), await read_fields(request)
    code = accounts.normalise_code(fields.get("code"))
    next_page = _local_path(text_field(fields, "next", length_max=2000))
    await services.limits.hit(limits.CLIENT_TRIES_PER_HOUR, client_of(request))
    session = await _sign_in(request, await _askers(request, fields), code)
    log.info("signed_in", account_id=session.identity.account_id, new_account=session.is_new_account)
    response = _see(request, next_page) if is_form(request) else JsonAnswer(_account(session.identity))
    _set_cookie(request, response, _browser_cookie(services.settings), "", 0)
    _set_cookie(request, response, SESSION_COOKIE, session.token, int(SESSION_AGE_MAX.total_seconds()))
    return response


async def logout(request: Request) -> Response:
    """Signed out already is signed out. Ending every session asks who speaks; ending one's own does not."""
    refuse_foreign_origin(request)
    services, everywhere = services_of(request), _flag(request, "everywhere")
    identity = await who_calls(request)
    if everywhere and (identity is None or identity.kind != "session"):
        raise NotSignedIn()
    if identity and identity.kind == "session":
        await services.database.write(lambda connection: _end(connection, identity, everywhere))
        services.hub.changed(identity.account_id)
        log.info("signed_out", account_id=identity.account_id, everywhere=everywhere)
    response = _see(request, "/sign-in") if is_form(request) else Response(status_code=204, headers=NO_STORE)
    _set_cookie(request, response, SESSION_COOKIE, "", 0)
    return response


async def me(request: Request) -> Response:
    return JsonAnswer(_account(await signed_in(request)))


async def token(request: Request) -> Response:
    identity = await signed_in(request)
    return _told(await services_of(request).database.write(lambda c: accounts.make_token(c, identity)))


async def renew_token(request: Request) -> Response:
    identity = await signed_in(request)
    return _told(await services_of(request).database.write(lambda c: accounts.renew_token(c, identity)))


routes = [
    Route("/api/auth/request", request_code, methods=["POST"]),
    Route("/api/auth/verify", verify, methods=["POST"]),
    Route("/api/auth/logout", logout, methods=["POST"]),
    Route("/api/auth/me", me, methods=["GET"]),
    Route("/api/auth/token", token, methods=["POST"]),
    Route("/api/auth/token/renew", renew_token, methods=["POST"]),
]


def _refuse_another_site(request: Request) -> None:
    """An editor may ask from another site, but its browser would bring no cookie back: every right code would be
    called wrong."""
    is_editors = request.headers.get("origin") in services_of(request).settings.editor_origins
    if is_editors and request.headers.get("sec-fetch-site") == "cross-site":
        raise Forbidden("Signing in does not work from a page of another site. It needs `panel.getToken = bridge()`.")


def _browsers(request: Request) -> list[Browser]:
    """Who asks, once for each of at most two pre-sign-in cookies: one that a neighbouring site planted beside ours must
    not keep anybody out. It opens nothing without the code that was mailed for it.
    """
    cookies, settings = cookies_of(request.headers.raw), services_of(request).settings
    # The plain name is that of a code which was asked for before an upgrade.
    tokens = cookie_values(cookies, _browser_cookie(settings)) or cookie_values(cookies, BROWSER_COOKIE)
    where = whereabouts_of(request, settings.TRUSTED_PROXIES)
    session = cookie_value(cookies, SESSION_COOKIE)
    return [Browser(token, *where, session) for token in (tokens if 1 <= len(tokens) <= BROWSERS_MAX else [""])]


def _browser_cookie(settings: Settings) -> str:
    """Over TLS a name that browsers take from this host alone: however many are planted stand in nobody's way."""
    return f"__Host-{BROWSER_COOKIE}" if settings.secure_cookies else BROWSER_COOKIE


async def _askers(request: Request, fields: Mapping[str, object]) -> list[tuple[Browser, str]]:
    """Each browser that it may be, with the address: what was typed; a form without it means the address that the
    browser asked a code for. One that asked for what was typed comes first.
    """
    is_typed = "email" in fields or not is_form(request)
    typed = accounts.normalise_email(fields.get("email")) if is_typed else None
    read = services_of(request).database.read
    found = [
        (each, await read(partial(accounts.pending_email, browser_token=each.token))) for each in _browsers(request)
    ]
    found.sort(key=lambda each: each[1] != typed)
    askers = [(browser, email) for browser, pending in found if (email := typed or pending)]
    if not askers:
        raise CodeInvalid()
    return askers


async def _sign_in(request: Request, askers: list[tuple[Browser, str]], code: str) -> NewSession:
    services, refusals = services_of(request), list[CodeInvalid | TooMany]()
    for browser, email in askers:
        try:
            return await accounts.verify_code(services.database, services.settings, email, code, browser)
        except (CodeInvalid, TooMany) as refusal:
            refusals.append(refusal)
    # A code that is used up says more than that the other cookie has none.
    raise next((each for each in refusals if isinstance(each, TooMany)), refusals[0])


def _end(connection: Any, identity: Identity, everywhere: bool) -> None:
    if everywhere:
        accounts.end_all_sessions(connection, identity.account_id)
    else:
        accounts.end_session(connection, identity.account_id, identity.session_id)


def _account(identity: Identity) -> dict[str, object]:
    return {"account": {"id": identity.account_id, "email": identity.email}}


def _told(made: NewToken) -> JsonAnswer:
    return JsonAnswer({"token": made.token, "expires_at": clock.rfc3339(made.expires_at)})


def _is_for_a_page(request: Request, error: ProductError) -> bool:
    if not is_form(request) or isinstance(error, Forbidden):
        return False
    return isinstance(error, CodeInvalid) or "text/html" in request.headers.get("accept", "")


def _see(request: Request, path: str, query: Mapping[str, object] | None = None) -> Response:
    """303 to a page. Pages live at ACCOUNT_ORIGIN, which is named only when the API answers elsewhere."""
    settings = services_of(request).settings
    base = "" if settings.api_origin == settings.ACCOUNT_ORIGIN else settings.ACCOUNT_ORIGIN
    return RedirectResponse(base + path + (f"?{urlencode(query)}" if query else ""), 303, NO_STORE)


def _local_path(wanted: str) -> str:
    """A path of our own site, or `/`. Browsers read a backslash as a slash, and skip control characters."""
    is_local = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    return wanted if is_local and wanted.isprintable() else "/"


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "0")
    if value not in ("0", "1"):
        raise BadInput(f"`{name}` is 0 or 1.")
    return value == "1"


def _set_cookie(request: Request, response: Response, name: str, value: str, max_age_seconds: int) -> None:
    settings = services_of(request).settings
    if name == SESSION_COOKIE and settings.COOKIE_DOMAIN:
        # One from before the domain was set would stand beside the new one, and two are nobody's.
        response.delete_cookie(name, secure=settings.secure_cookies, httponly=True, samesite="lax")
    response.set_cookie(
        name,
        value,
        max_age=max_age_seconds,
        path="/",
        domain=settings.COOKIE_DOMAIN if name == SESSION_COOKIE else None,
        secure=settings.secure_cookies,
        httponly=True,
        samesite="lax",
    )
