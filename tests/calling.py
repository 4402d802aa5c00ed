"""Calling the relay with bare hands: customers without a command, answers as bytes, sockets that hang up."""

import json
import re
import socket
import threading
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from product import Product, eventually

from relay import accounts, ledger
from relay.services import Services

MODEL = "claude-opus-5-5"
MESSAGES = "/api/claude/v1/messages"
USAGE = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "ephemeral_5m_input_tokens",
    "cache_write_1h": "ephemeral_1h_input_tokens",
}
IDS = re.compile(rb"(msg|toolu|req)_01\w{22}")


def new_customer(product: Product, usd: str = "100") -> str:
    """An API key of a new account with that much credit."""
    return product.customer(f"{uuid.uuid4().hex}@example.com", usd)


def new_key(services: Services) -> str:
    """The same in this process, for one account that has ten dollars."""

    def make(connection: Any) -> str:
        person = accounts.account_for(connection, services.settings, "ada@example.com")
        give = {"kind": "promo", "amount_pico": 10**13, "key": "one", "reason": "a test"}
        ledger.grant(connection, person.account_id, **give)
        return accounts.create_key(connection, person.account_id)[0]

    return services.database.write_now(make)


def message(marker: str = "", *, stream: bool = True, **fields: Any) -> dict[str, Any]:
    """A request whose answer is the same each time; `marker` is what the sandbox shall do."""
    asked = "What is kerning?" + (f" [[sandbox: {marker}]]" if marker else "")
    turn = {"role": "user", "content": asked}
    return {"model": MODEL, "max_tokens": 400, "stream": stream, "messages": [turn], **fields}


@dataclass
class Got:
    """What a client was given; `whole` is False when the answer ended before its end."""

    status: int
    headers: httpx.Headers
    data: bytes
    whole: bool

    @property
    def request_id(self) -> str:
        return self.headers["request-id"]

    @property
    def error(self) -> dict[str, Any]:
        found = json.loads(self.data)
        assert found["type"] == "error"
        assert found["request_id"] == self.request_id
        return found["error"]


def fetch(url: str, body: Any, headers: dict[str, str], *, patience: float = 30, method: str = "POST") -> Got:
    """One exchange; what breaks it off is no error here."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", **headers}
    parts: list[bytes] = []
    with (
        httpx.Client(timeout=patience) as http,
        http.stream(method, url, content=content, headers=headers) as answer,
    ):
        try:
            for part in answer.iter_bytes():
                parts.append(part)
        except httpx.HTTPError:
            return Got(answer.status_code, answer.headers, b"".join(parts), False)
        return Got(answer.status_code, answer.headers, b"".join(parts), True)


def ask(product: Product, key: str, body: Any, **headers: str) -> Got:
    """Through the relay."""
    return fetch(product.url + MESSAGES, body, {"x-api-key": key, **headers})


def start_stream(product: Product, key: str, marker: str) -> tuple[threading.Thread, list[Got]]:
    """A stream in the background, once it has begun; what it brought, when the thread has ended."""
    got: list[Got] = []
    calls = len(product.world.claude.books.entries)
    thread = threading.Thread(target=lambda: got.append(ask(product, key, message(marker))))
    thread.start()
    eventually(lambda: len(product.world.claude.books.entries) > calls)
    return thread, got


def ask_directly(product: Product, body: Any) -> Got:
    """The same question without the relay, to compare with."""
    key = product.world.settings["ANTHROPIC_API_KEY"]
    url = product.world.urls["claude"] + "/v1/messages"
    return fetch(url, body, {"x-api-key": key, "anthropic-version": "2023-06-01"}, patience=0.5)


def without_ids(data: bytes) -> bytes:
    return IDS.sub(rb"\1", data)


def hang_up(product: Product, key: str, body: dict[str, Any], *, after: bytes = b"", length: int = 0) -> bytes:
    """Sends the request and leaves: at once, once `after` was seen, or after `length` bytes. What was read."""
    content = json.dumps(body).encode()
    head = (
        f"POST {MESSAGES} HTTP/1.1\r\nhost: localhost:{product.port}\r\nx-api-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    found = b""
    calls = len(product.world.claude.books.entries)
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as sock:
        sock.sendall(head.encode() + content)
        while (after and after not in found) or len(found) < length:
            data = sock.recv(min(65536, length - len(found)) if length else 65536)
            if not data:
                break
            found += data
        # Who leaves before anything was read leaves when upstream has the request.
        eventually(lambda: len(product.world.claude.books.entries) > calls)
    return found


def billed(product: Product) -> dict[str, int]:
    """What upstream's own books say of the last request, once it has ended there."""

    def settled() -> dict[str, Any] | None:
        row = product.world.claude.books.entries[-1].row()
        return row if row["ended"] != "open" else None

    usage = eventually(settled)["usage"]
    flat = {**usage, **usage["cache_creation"]}
    return {kind: flat[name] for kind, name in USAGE.items()}


def receipt(product: Product, key: str, request_id: str) -> dict[str, Any]:
    """The receipt of a request, when it is there; its lines add up to its price."""
    with product.http(key) as http:
        found = eventually(
            lambda: (answer := http.get(f"/api/requests/{request_id}")).status_code == 200 and answer.json()
        )
    for line in found["lines"]:
        assert line["tokens"] * line["unit_price_pico"] == line["amount_pico"]
    total = sum(line["amount_pico"] for line in found["lines"])
    assert Decimal(total) == Decimal(found["price_usd"]) * 10**12
    return found


def booked(found: dict[str, Any]) -> dict[str, int]:
    """The receipt's tokens by kind."""
    tokens = dict.fromkeys(USAGE, 0)
    return tokens | {line["kind"]: line["tokens"] for line in found["lines"]}
