"""Answers that are not Stripe's API: pages, files, and what the sandbox tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(body: object, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(body), {"content-type": "application/json", **NO_STORE})


def html_reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status, body, {"content-type": "text/html; charset=utf-8", **NO_STORE})


def redirect(to: str) -> Reply:
    return Reply(303, b"", {"location": to, **NO_STORE})
