"""What the operator's monitoring reads moves with what happens, and is for the operator alone."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import yaml

from relay.settings import ROOT
from tests.fixtures.bookkeeping import Books, open_books
from tests.fixtures.product import QUESTION, Product

FOREIGN = {"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
"""What Prometheus and its node_exporter bring themselves."""

NO_METRIC = {"sum", "and", "or", "by", "le", "offset"}
NIGHTLY = ("DoctorFails", "AuditFails", "ReconcileFails")
"""Commands whose exit code is the alert."""

PUBLIC = "https://account.fonts.dev"


def figure(text: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_calls_tokens_money_and_refusals_are_counted(shared_product: Product) -> None:
    key = shared_product.customer("metrics@example.com")
    with shared_product.claude(key) as claude:
        answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=30, messages=QUESTION)
    with shared_product.http(key) as http:
        assert http.post("/api/claude", json={"model": "nope"}).status_code == 400
        text = http.get("/metrics").text
    assert figure(text, 'relay_requests_total{ended="complete",model="claude-haiku-4-5"}') == 1
    assert figure(text, 'relay_tokens_total{kind="output"') == answer.usage.output_tokens
    assert figure(text, "relay_price_usd_total") > figure(text, "relay_cost_usd_total") > 0
    assert figure(text, 'relay_refused_total{code="invalid_request"}') == 1
    assert figure(text, "relay_holds_open") == 0
    assert figure(text, "relay_streams_open") == 0
    assert figure(text, "clock_held ") == figure(text, "database_up") == 1
    assert 0 <= figure(text, "clock_age_seconds") < 30
    assert "metrics@example.com" not in text


def test_alerts_stand_on_figures_that_are_there_and_the_docs_say_what_to_do(shared_product: Product) -> None:
    with shared_product.http() as http:
        there = set(re.findall(r"^# TYPE (\w+)", http.get("/metrics").text, re.MULTILINE))
    rules = yaml.safe_load((ROOT / "deploy/alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        bare = re.sub(r"\{.*?\}|\[.*?\]", "", rule["expr"])
        used = {name for name in re.findall(r"\b[a-z_]{2,}\b(?! *\()", bare) if name not in NO_METRIC}
        assert used, rule["alert"]
        assert {name.removesuffix("_bucket") for name in used} <= there | FOREIGN, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")
    told = re.findall(r"^\| `([A-Z]\w+)` \|", (ROOT / "docs/operating.md").read_text(), re.MULTILINE)
    assert [rule["alert"] for rule in rules] == [name for name in told if name not in NIGHTLY]
    assert set(NIGHTLY) <= set(told)


@pytest.fixture
async def public(sqlite_url: str) -> AsyncIterator[Books]:
    async with open_books(sqlite_url, ACCOUNT_ORIGIN=PUBLIC) as books:
        yield books


async def test_who_has_the_token_reads_them_from_anywhere(sqlite_url: str) -> None:
    async with (
        open_books(sqlite_url, ACCOUNT_ORIGIN=PUBLIC, METRICS_TOKEN="figures for me alone") as books,
        books.client() as client,
    ):
        for authorization in ("", "Bearer figures", "Basic figures for me alone", "Bearer"):
            assert (await client.get("/metrics", headers={"authorization": authorization})).status_code == 401
        answer = await client.get("/metrics", headers={"authorization": "Bearer figures for me alone"})
    assert answer.status_code == 200
    assert "database_up 1.0" in answer.text


async def test_without_a_token_a_public_product_shows_them_to_nobody(public: Books) -> None:
    async with public.client() as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 403
    assert "METRICS_TOKEN" in answer.text


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via"])
async def test_on_one_machine_they_are_for_that_machine(sqlite_url: str, header: str) -> None:
    async with open_books(sqlite_url) as books:
        async with books.client() as client:
            assert (await client.get("/metrics")).status_code == 200
            assert (await client.get("/metrics", headers={header: "203.0.113.9"})).status_code == 403
        away = httpx.ASGITransport(books.app, client=("203.0.113.9", 50000))
        async with httpx.AsyncClient(transport=away, base_url="http://localhost:3000") as stranger:
            assert (await stranger.get("/metrics")).status_code == 403
