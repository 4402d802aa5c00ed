"""The sandbox's Claude alone, and how it is asked."""

from collections.abc import Iterator

import anthropic
import httpx
import pytest

from sandbox.serve import Running, in_thread

HEADERS = {"x-api-key": "sandbox-test", "anthropic-version": "2023-06-01"}
QUESTION = [{"role": "user", "content": "How should I kern AV and To?"}]


@pytest.fixture(scope="module")
def claude_alone() -> Iterator[Running]:
    with in_thread(["claude"]) as running:
        yield running


@pytest.fixture
def client(claude_alone: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sandbox-test", base_url=claude_alone.urls["claude"], max_retries=0) as made:
        yield made


def ask(claude_alone: Running, **fields: object) -> httpx.Response:
    body = {"model": "claude-opus-5-5", "max_tokens": 300, "messages": QUESTION, **fields}
    return httpx.post(f"{claude_alone.urls['claude']}/v1/messages", headers=HEADERS, json=body)
