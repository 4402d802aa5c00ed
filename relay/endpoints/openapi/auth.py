"""Signing in and out."""

from relay.endpoints.openapi.words import HTML, JSON, NOBODY, SIGNED_IN, answer, fields, ok, operation, query
from relay.endpoints.schemas import TEXT, Schema, ref

_SEEN = {"303": answer("For a form: the next page.")}
AUTH: Schema = {
    "/api/auth/request": {
        "post": operation(
            "Mail a sign-in code",
            body=fields("email", email=TEXT),
            answers={"202": answer("The same for every address.", {JSON: ref("Message")}), **_SEEN},
            errors=(400, 403, 413, 429, 503),
            security=NOBODY,
        )
    },
    "/api/auth/verify": {
        "post": operation(
            "Sign in with the mailed code",
            body=fields("email", "code", email=TEXT, code=TEXT, next=TEXT),
            answers={**ok("Signed in; sets the session cookie.", "Account"), **_SEEN},
            errors=(400, 401, 403, 413, 429, 503),
            security=NOBODY,
        )
    },
    "/api/auth/logout": {
        "post": operation(
            "Sign out",
            parameters=[query("everywhere", "1 ends every session of the account", enum=["0", "1"])],
            answers={"204": answer("Signed out."), **_SEEN},
            errors=(400, 401, 403, 503),
            security=[{}, *SIGNED_IN],
        )
    },
    "/api/auth/me": {"get": operation("Who am I", answers=ok("The account.", "Account"), errors=(401, 503))},
    "/api/auth/bridge": {
        "get": operation(
            "The window that hands a bearer token to an editor of another site",
            parameters=[query("origin", "The editor's origin, one of EDITOR_ORIGINS.")],
            answers={"200": answer("A page; it posts `{type, token, expires_at}` to its opener.", {HTML: TEXT})},
            errors=(403,),
            security=NOBODY,
        )
    },
    "/api/auth/token": {
        "post": operation(
            "A 15-minute bearer token for the panel on another site",
            answers=ok("Told once. It ends with the session or the API key that asked.", "Token"),
            errors=(401, 403, 503),
        )
    },
    "/api/auth/token/renew": {
        "post": operation(
            "A new bearer token for one that still counts",
            answers=ok("Told once. Up to 12 hours after a signed-in browser made the first.", "Token"),
            errors=(401, 403, 503),
            security=[{"bearer": []}],
        )
    },
}
