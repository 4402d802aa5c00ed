"""Load from many customers' threads, and what two sets of books say of it afterwards."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx
from calling import MESSAGES, message
from product import Product
from sqlalchemy import Row, select

from relay.database import Database
from relay.settings import Settings
from relay.tables import Balance, Hold, Usage, table

usage, holds, balances = table(Usage), table(Hold), table(Balance)


@dataclass
class Load:
    """Streams without end, on `threads` threads; what their clients saw."""

    product: Product
    keys: list[str]
    marker: str
    threads: int = 24
    answered: set[str] = field(default_factory=set[str])
    whole: dict[str, int] = field(default_factory=dict[str, int])
    """Output tokens by request id, as the last event told them, for streams that came to their end."""
    refused: list[int] = field(default_factory=list[int])

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._running = [threading.Thread(target=self._run, args=(n,)) for n in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join()

    def _run(self, number: int) -> None:
        key = self.keys[number % len(self.keys)]
        while not self._stop.is_set():
            try:
                with httpx.Client(timeout=30) as http:
                    self._stream(http, key)
            except httpx.HTTPError:
                # The server is dead, or it died in the middle of the answer: the books will say.
                self._stop.wait(0.05)

    def _stream(self, http: httpx.Client, key: str) -> None:
        body = message(self.marker)
        with http.stream("POST", self.product.url + MESSAGES, json=body, headers={"x-api-key": key}) as answer:
            if answer.status_code != 200:
                self.refused.append(answer.status_code)
                self._stop.wait(0.05)
                return
            self.answered.add(answer.headers["request-id"])
            told = 0
            for line in answer.iter_lines():
                if line.startswith("data:") and '"message_delta"' in line:
                    told = json.loads(line[5:])["usage"]["output_tokens"]
            self.whole[answer.headers["request-id"]] = told


def sweep(product: Product) -> None:
    """What the operator's clock does by itself, at once. The holds' time must be over."""
    done = product.run("sync")
    assert done.returncode == 0, done.stdout + done.stderr


def rows_of(product: Product, of: Any) -> list[Row[Any]]:
    database = Database(Settings(DATABASE_URL=product.environment["DATABASE_URL"]).database_url, checkpoints=False)
    try:
        return list(database.read_now(lambda c: c.execute(select(of)).all()))
    finally:
        database.close()


def check_books(product: Product, load: Load) -> dict[str, int]:
    """Ours against upstream's, request by request; how many rows ended in which way."""
    assert rows_of(product, holds) == []
    assert all(row.held_pico == 0 for row in rows_of(product, balances))
    booked = {row.request_id: row for row in rows_of(product, usage)}
    # A hold is durable before upstream hears of a request: whoever was answered has a row.
    assert load.answered <= set(booked)
    billed = {entry.request_id: entry.row() for entry in product.world.claude.books.entries}
    for row in booked.values():
        assert row.price_pico <= row.held_pico
        if row.upstream_request_id and not row.estimated:
            assert tokens_of(row) == tokens_billed(billed[row.upstream_request_id]), row
        if row.estimated:
            assert row.upstream_request_id in billed, row
    named = [row.upstream_request_id for row in booked.values() if row.upstream_request_id]
    assert len(named) == len(set(named)), "upstream's request was booked twice"
    for request_id, output_tokens in load.whole.items():
        assert (booked[request_id].ended, booked[request_id].output_tokens) == ("complete", output_tokens)
    audit = product.run("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    ended = [row.ended for row in booked.values()]
    return {how: ended.count(how) for how in set(ended)}


def tokens_of(row: Row[Any]) -> tuple[int, int, int, int]:
    writes = row.cache_write_5m_tokens + row.cache_write_1h_tokens
    return (row.input_tokens, row.output_tokens, row.cache_read_tokens, writes)


def tokens_billed(entry: dict[str, Any]) -> tuple[int, int, int, int]:
    kinds = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    first, second, third, fourth = (entry["usage"][kind] for kind in kinds)
    return (first, second, third, fourth)
