"""Requests as clients write them, and what the door of the relay makes of them."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from relay import pricing
from relay.admission import Admission, admit

TABLE = pricing.table_from_rows("v", datetime(2026, 11, 24, tzinfo=UTC), 20, pricing.price_rows(20))
CONTEXT = 1_000_000
USER = {"role": "user", "content": "Hello"}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
CUSTOM = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
PNG = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"x" * 3000).decode()}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [USER]} | fields


def says(*blocks: dict[str, Any]) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def admitted(request: Mapping[str, Any], **headers: str) -> Admission:
    return admit(orjson.dumps(request), {name.replace("_", "-"): value for name, value in headers.items()})
