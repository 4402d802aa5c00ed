"""How the sandbox's Claude is asked with bare hands."""

import httpx

from sandbox.serve import Running

HEADERS = {"x-api-key": "sandbox-test", "anthropic-version": "2023-06-01"}
QUESTION = [{"role": "user", "content": "How should I kern AV and To?"}]


def ask(claude_alone: Running, **fields: object) -> httpx.Response:
    body = {"model": "claude-opus-5-5", "max_tokens": 300, "messages": QUESTION, **fields}
    return httpx.post(f"{claude_alone.urls['claude']}/v1/messages", headers=HEADERS, json=body)
