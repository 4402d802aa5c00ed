"""The words that descriptions are made of: operations, answers, parameters, bodies."""

from collections.abc import Iterable
from typing import Any

from relay.endpoints.schemas import TEXT, Schema, ref

JSON, CSV, STREAM, HTML = "application/json", "text/csv", "text/event-stream", "text/html"
PROBLEM, FORM = "application/problem+json", "application/x-www-form-urlencoded"
SIGNED_IN: list[dict[str, list[str]]] = [{"session": []}, {"bearer": []}, {"key": []}]
NOBODY: list[dict[str, list[str]]] = []
WHY = {
    400: "A field is wrong; `title` says which.",
    401: "Nobody is signed in, or the code is wrong.",
    402: "Not enough credit, the spend cap is reached, or there is no room.",
    403: "Another site's page, or a blocked account.",
    404: "There is nothing at this address.",
    408: "The body did not come in time.",
    409: "It does not fit what is there already.",
    412: "It is not as `if-match` or `if-none-match` would have it.",
    413: "The request is too large.",
    429: "Too many; `retry-after` says how long to wait.",
    502: "Claude could not be reached.",
    503: "The database does not answer.",
    504: "Claude did not answer in time.",
    529: "Claude is overloaded.",
}


def operation(
    summary: str,
    *,
    answers: dict[str, Schema],
    errors: Iterable[int] = (),
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    security: list[dict[str, list[str]]] = SIGNED_IN,
    error_schema: tuple[str, str] = (PROBLEM, "Problem"),
) -> Schema:
    failed = {str(status): answer(WHY[status], {error_schema[0]: ref(error_schema[1])}) for status in errors}
    operation: Schema = {"summary": summary, "security": security, "responses": {**answers, **failed}}
    if given := list(parameters):
        operation["parameters"] = given
    if body is not None:
        operation["requestBody"] = body
    return operation


def answer(description: str, content: dict[str, Schema] | None = None) -> Schema:
    headers: Schema = {"request-id": {"schema": TEXT, "description": "names this answer in our log"}}
    kinds = {kind: {"schema": schema} for kind, schema in (content or {}).items()}
    return {"description": description, "headers": headers} | ({"content": kinds} if kinds else {})


def ok(description: str, name: str) -> dict[str, Schema]:
    return {"200": answer(description, {JSON: ref(name)})}


def query(name: str, description: str, **schema: Any) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"} | schema}


def path(name: str, description: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": TEXT}


def fields(*required: str, **properties: Schema) -> Schema:
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"required": True, "content": {JSON: {"schema": schema}, FORM: {"schema": schema}}}
