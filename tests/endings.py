"""What must be true of a call's books, however it ended; and a server that does not wait long for upstream."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from calling import Got, ask_directly, billed, booked, new_customer, receipt, without_ids
from product import Product, running_product

from sandbox.claude import tokens
from sandbox.claude.events import PING
from sandbox.serve import Running

CREDIT = "100"
IMPATIENT = {
    "UPSTREAM_FIRST_SECONDS": "1",
    "UPSTREAM_SILENCE_SECONDS": "0.6",
    "UPSTREAM_PLAIN_SECONDS": "2",
    "BODY_SILENCE_SECONDS": "1",
}
NOTHING = dict.fromkeys(("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"), 0)


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, world: Running) -> Iterator[Product]:
    """A server that does not wait long for upstream."""
    folder = tmp_path_factory.mktemp("impatient")
    path = folder / "account.db"
    path.write_bytes(sqlite_template.read_bytes())
    with running_product(folder, f"sqlite:///{path}", world, **IMPATIENT) as found:
        yield found
        audit = found.run("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr


@pytest.fixture(scope="module")
def payer(impatient: Product) -> Iterator[str]:
    """One customer for all endings; at the end the rows are the whole of what is gone from the credit."""
    key = new_customer(impatient, CREDIT)
    yield key
    spent = sum(Decimal(row["price_usd"]) for row in all_rows(impatient, key))
    assert Decimal(impatient.balance(key)["available_usd"]) == Decimal(CREDIT) - spent


def all_rows(product: Product, key: str) -> list[dict[str, Any]]:
    with product.http(key) as http:
        return http.get("/api/requests?limit=200").raise_for_status().json()["requests"]


@dataclass(frozen=True)
class Ending:
    """What the sandbox does, and what must come of it.

    `figure`: `exact` is upstream's own books, `none` is nothing billed, `estimate` is input exact and output
    between half of what was sent and what upstream wrote.
    """

    marker: str
    ended: str = "complete"
    figure: str = "exact"
    status: int = 200
    whole: bool = True


def check_books(
    product: Product, key: str, request_id: str, ending: Ending, data: bytes, max_tokens: int,
    *, drained: bool = False,
) -> None:  # fmt: skip
    found = receipt(product, key, request_id)
    assert [row["request_id"] for row in all_rows(product, key)].count(request_id) == 1
    assert product.balance(key)["held_usd"] == "0"
    assert found["ended"] == ending.ended
    ours, theirs = booked(found), billed(product)
    if ending.figure == "exact":
        assert (ours, found["estimated"]) == (theirs, False)
    elif ending.figure == "none":
        assert (ours, theirs, found["estimated"]) == (NOTHING, NOTHING, False)
    elif ending.figure == "nobody was sent anything":
        assert (ours, found["estimated"]) == (NOTHING, True)
    elif ending.figure == "input unknown":
        assert ours == NOTHING
    else:
        assert found["estimated"] is True
        assert ours | {"output": 0} == theirs | {"output": 0}
        written = max_tokens if drained else max(1, len(data))
        assert sent_tokens(data) / 2 <= ours["output"] <= min(max_tokens, written)


def sent_tokens(data: bytes) -> int:
    """The tokens of the text that a stream or a plain answer brought its reader."""
    events = [line[6:] for line in data.splitlines() if line.startswith(b"data: ")]
    found = 0
    for event in events or [data]:
        try:
            read = orjson.loads(event)
        except orjson.JSONDecodeError:
            continue
        delta = read.get("delta", {})
        text = delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
        text += "".join(block.get("text", "") for block in read.get("content", []))
        found += tokens.count(text)
    return found


def check_bytes(product: Product, body: dict[str, Any], got: Got) -> None:
    """What was relayed is what upstream sends to anybody who asks the same."""
    asked = orjson.loads(orjson.dumps(body).replace(b"pings_forever", b"stall"))
    try:
        direct = ask_directly(product, asked)
    except httpx.HTTPError:
        return
    if direct.status != 200:
        ours, theirs = orjson.loads(got.data), orjson.loads(direct.data)
        assert (got.status, ours) == (direct.status, theirs | {"request_id": got.request_id})
        assert got.headers.get("retry-after") == direct.headers.get("retry-after")
    elif got.status == 200:
        ours, theirs = without_ids(got.data), without_ids(direct.data)
        if "pings_forever" in str(body):
            # Its prompt has another length than the one that it is compared with, and its own pings.
            ours, theirs = (part.replace(PING, b"").partition(b"content_block")[2] for part in (ours, theirs))
        if "reset=1" in str(body):
            # A reset may throw away what was on its way, differently each time.
            assert ours.startswith(theirs) or theirs.startswith(ours)
        else:
            assert ours == theirs
