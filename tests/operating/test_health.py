"""Whoever keeps the process running learns whether it is alive and ready, and nothing about anybody."""

from relay import metrics
from tests.fixtures.bookkeeping import MODEL, SOME_TOKENS, Books, open_books


async def test_a_working_process_is_alive_and_ready(books: Books) -> None:
    async with books.client() as client:
        for path in ("/livez", "/readyz"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_without_redis_that_is_asked_for_it_is_ready_all_the_same_and_says_so(database_url: str) -> None:
    async with open_books(database_url, REDIS_URL="redis://127.0.0.1:1") as books, books.client() as client:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "without": ["redis"]})


async def test_metrics_count_calls_tokens_and_commits_but_name_nobody(books: Books) -> None:
    anna = books.person("anna@example.com")
    request_id = await books.call(anna)
    before = metrics.REGISTRY.get_sample_value("relay_tokens_total", {"model": MODEL, "kind": "output"}) or 0
    metrics.observe_settled(
        model=MODEL,
        ended="complete",
        tokens={"output": SOME_TOKENS.output},
        cost_pico=10**12,
        price_pico=2 * 10**12,
        seconds=1.5,
        first_token_ms=120,
    )
    async with books.client() as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert f'relay_tokens_total{{kind="output",model="{MODEL}"}} {before + SOME_TOKENS.output}' in answer.text
    assert 'relay_queue_depth{queue="writer"} 0.0' in answer.text
    assert "relay_commit_seconds_count" in answer.text
    for private in ("anna", anna.account_id, anna.key, request_id):
        assert private not in answer.text
