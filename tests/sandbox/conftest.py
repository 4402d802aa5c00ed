"""The sandbox's Claude alone, and Anthropic's own client to it."""

from collections.abc import Iterator

import anthropic
import pytest

from sandbox.serve import Running, in_thread


@pytest.fixture(scope="module")
def claude_alone() -> Iterator[Running]:
    with in_thread(["claude"]) as running:
        yield running


@pytest.fixture
def client(claude_alone: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sandbox-test", base_url=claude_alone.urls["claude"], max_retries=0) as made:
        yield made
