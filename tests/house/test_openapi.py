"""The description of the API is true: every route is in it, and every answer is as it says."""

import asyncio
import re
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.routing import Route

from relay.app import ROUTES
from relay.endpoints.openapi import document
from tests.fixtures.bookkeeping import Books
from tests.fixtures.front_door import served

PLAIN = {"/api/claude", "/api/claude/v1/messages", "/api/claude/v1/messages/count_tokens"}
MODELS = {"/api/claude/v1/models", "/api/claude/v1/models/{model}"}
READING = r"^/(api/(balance|usage|usage\.csv|requests|requests/\{request_id\}|openapi\.json)|livez|readyz|metrics)$"
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = 25


def test_every_route_is_described_and_nothing_else_is() -> None:
    described = {(path, method.upper()) for path, item in _paths().items() for method in item}
    answering = {
        (route.path_format, method)
        for route in ROUTES
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    claude = {(path, "POST") for path in PLAIN} | {(path, "GET") for path in MODELS}
    assert described == answering | claude


def test_every_reference_leads_somewhere() -> None:
    text = str(document("http://localhost:3000"))
    schemas = document("http://localhost:3000")["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) == set(schemas)


def test_every_path_parameter_is_described() -> None:
    for path, item in _paths().items():
        named = set(re.findall(r"\{(\w+)\}", path))
        for operation in item.values():
            given = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert given == named, path


async def test_the_document_names_where_the_api_answers(books: Books) -> None:
    async with books.client() as client:
        answer = (await client.get("/api/openapi.json")).json()
    assert answer["openapi"].startswith("3.1")
    assert answer["servers"] == [{"url": "http://localhost:3000"}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_reading_routes_answer_as_described_whatever_is_asked(books: Books) -> None:
    anna = books.person("anna@example.com")
    for ended in ("complete", "client_gone"):
        await books.call(anna, ended=ended)
    async with served(books.app) as address:
        await asyncio.to_thread(_ask_everything, address, {"x-api-key": anna.key})
        await asyncio.to_thread(_ask_everything, address, {})


async def test_the_real_answers_fit_their_schemas(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna)
    async with served(books.app) as address:
        await asyncio.to_thread(_check_receipt, address, anna.key, request_id)


def _paths() -> dict[str, Any]:
    return document("http://localhost:3000")["paths"]


def _schema(address: str) -> Any:
    return schemathesis.openapi.from_dict(document(address)).include(method="GET", path_regex=READING)


def _ask_everything(address: str, headers: dict[str, str]) -> None:
    operations = [found.ok() for found in _schema(address).get_all_operations()]
    assert len(operations) == 9
    for operation in operations:
        _ask(operation, address, headers)


def _ask(operation: Any, address: str, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=headers, checks=CHECKED)

    ask()


def _check_receipt(address: str, key: str, request_id: str) -> None:
    operation = _schema(address)["/api/requests/{request_id}"]["GET"]
    case = operation.Case(path_parameters={"request_id": request_id})
    answer = case.call(base_url=address, headers={"x-api-key": key})
    assert answer.status_code == httpx.codes.OK
    case.validate_response(answer, checks=CHECKED[:-1])
