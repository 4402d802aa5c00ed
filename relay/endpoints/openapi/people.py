"""`/api/keys` and `/api/account` as `/api/openapi.json` describes them."""

from relay.endpoints.openapi.words import answer, fields, ok, operation, path
from relay.endpoints.schemas import TEXT, USD, Schema

_KEY_ID = path("key_id", "its `id`")
_NEW_CAP: Schema = {
    "anyOf": [USD, {"type": "integer", "minimum": 0}, {"type": "null"}],
    "description": "what the key may spend in all; null for no cap",
}
KEYS: Schema = {
    "/api/keys": {
        "get": operation("The account's API keys", answers=ok("Newest first.", "Keys"), errors=(401, 503)),
        "post": operation(
            "Make an API key; asked by a signed-in browser",
            body=fields(name=TEXT, cap_usd=_NEW_CAP),
            answers={"201": ok("`key` is told this once.", "NewKey")["200"]},
            errors=(400, 401, 403, 409, 413, 429, 503),
        ),
    },
    "/api/keys/{key_id}": {
        "patch": operation(
            "Rename a key, or change its cap; asked by a signed-in browser",
            parameters=[_KEY_ID],
            body=fields(name=TEXT, cap_usd=_NEW_CAP),
            answers=ok("As it is now.", "Key"),
            errors=(400, 401, 403, 404, 413, 503),
        ),
        "delete": operation(
            "Revoke a key; its open streams end. A key may revoke itself.",
            parameters=[_KEY_ID],
            answers={"204": answer("Revoked.")},
            errors=(401, 403, 404, 503),
        ),
    },
}

ACCOUNT: Schema = {
    "/api/account/export": {
        "get": operation(
            "Everything that we hold about the account, as a ZIP of JSON and CSV; asked by a signed-in browser",
            answers={"200": answer("Made while it is sent.", {"application/zip": TEXT})},
            errors=(401, 403, 409, 503),
        )
    }
}
