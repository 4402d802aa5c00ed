"""`/api/assets` as `/api/openapi.json` describes it."""

from relay.endpoints.openapi.words import answer, ok, operation, path, query
from relay.endpoints.ranges import LIMIT_DEFAULT, LIMIT_MAX
from relay.endpoints.schemas import Schema

ANY = "application/octet-stream"
_NAME = path("name", "The file's name: at most 255 bytes of UTF-8, no slashes, nothing that cannot be seen.")
_BYTES: Schema = {"type": "string", "contentMediaType": ANY}
_FILE = answer("The file, inert: never anything that a browser would run.", {ANY: _BYTES})
ASSETS: Schema = {
    "/api/assets": {
        "get": operation(
            "The account's files by their names, and what was deleted and can be put back",
            parameters=[
                query("after", "`next` of the page before."),
                query("limit", "How many.", type="integer", minimum=1, maximum=LIMIT_MAX, default=LIMIT_DEFAULT),
            ],
            answers=ok("A page.", "Assets"),
            errors=(400, 401, 503),
        )
    },
    "/api/assets/{name}": {
        "get": operation(
            "Download a file: all of it, or one range",
            parameters=[_NAME],
            answers={"200": _FILE, "206": _FILE, "304": answer("Not changed."), "416": answer("No such range.")},
            errors=(400, 401, 404, 503),
        ),
        "put": operation(
            "Keep the body as a file of that name, in the place of any other",
            parameters=[_NAME],
            body={"required": True, "content": {ANY: {"schema": _BYTES}}},
            answers={**ok("Replaced.", "Asset"), "201": ok("Kept.", "Asset")["200"]},
            errors=(400, 401, 402, 403, 408, 409, 412, 413, 429, 503),
        ),
        "delete": operation(
            "Delete a file; it can be put back for seven days",
            parameters=[_NAME],
            answers=ok("Deleted; it costs nothing from now on.", "DeletedAsset"),
            errors=(400, 401, 403, 404, 412, 429, 503),
        ),
    },
    "/api/assets/{name}/restore": {
        "post": operation(
            "Undo the last deletion of a file of that name",
            parameters=[_NAME],
            answers=ok("As though it had never been deleted, its price included.", "Asset"),
            errors=(400, 401, 402, 403, 404, 409, 429, 503),
        )
    },
}
