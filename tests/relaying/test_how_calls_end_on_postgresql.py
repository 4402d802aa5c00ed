"""The endings of calls once more where the money is in PostgreSQL: one of each sort, streamed and plain."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.serve import Running
from tests.fixtures.calling import ask, billed, booked, hang_up, message, new_customer, receipt
from tests.fixtures.databases import migrate
from tests.fixtures.endings import CREDIT, IMPATIENT, Ending, all_rows, check_books
from tests.fixtures.product import Product, eventually, running_product
from tests.fixtures.servers import PostgresCluster
from tests.relaying.test_clients_that_leave import LEAVINGS, Leaving, leave
from tests.relaying.test_how_calls_end import PLAIN, STREAMED

SOME = {
    "", "one_byte tokens=20", "compressed one_byte tokens=20", "garbage", "giant mb=3", "odd_usage kind=missing",
    "odd_usage kind=missing_start", "odd_usage kind=shrinking", "odd_usage kind=unsplit", "odd_usage kind=absurd",
    "overloaded retry=3", "cut_before_head", "error_event after=0", "error_event after=7", "cut after=0", "cut after=9",
    "cut_mid_event after=9", "stall after=9", "pings_forever after=9 ms=50", "error500", "stall_before_head", "cut",
}  # fmt: skip


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: PostgresCluster, world: Running
) -> Iterator[Product]:
    name = postgres_cluster.create()
    migrate(postgres_cluster.url(name))
    folder = tmp_path_factory.mktemp("on_postgresql")
    with running_product(folder, postgres_cluster.url(name), world, **IMPATIENT) as found:
        yield found
        audit = found.run("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr
    postgres_cluster.drop(name)


@pytest.fixture(scope="module")
def payer(on_postgresql: Product) -> Iterator[str]:
    key = new_customer(on_postgresql, CREDIT)
    yield key
    spent = sum(Decimal(row["total_usd"]) for row in all_rows(on_postgresql, key))
    assert Decimal(on_postgresql.balance(key)["available_usd"]) == Decimal(CREDIT) - spent


def chosen(endings: list[Ending]) -> list[Ending]:
    return [ending for ending in endings if ending.marker in SOME]


@pytest.mark.parametrize("ending", chosen(STREAMED), ids=lambda ending: ending.marker or "completed")
def test_a_stream_is_booked_as_upstream_bills_it(on_postgresql: Product, payer: str, ending: Ending) -> None:
    got = ask(on_postgresql, payer, message(ending.marker, max_tokens=300))
    assert (got.status, got.whole) == (ending.status, ending.whole)
    check_books(on_postgresql, payer, got.request_id, ending, got.data, 300)


@pytest.mark.parametrize("ending", chosen(PLAIN), ids=lambda ending: ending.marker or "completed")
def test_a_plain_answer_is_booked_as_upstream_bills_it(on_postgresql: Product, payer: str, ending: Ending) -> None:
    got = ask(on_postgresql, payer, message(ending.marker, stream=False, max_tokens=300))
    assert (got.status, got.whole) == (ending.status, True)
    check_books(on_postgresql, payer, got.request_id, ending, got.data, 300)


@pytest.mark.parametrize("leaving", LEAVINGS[::2], ids=lambda leaving: leaving.name)
def test_a_client_that_leaves_is_booked_once(on_postgresql: Product, payer: str, leaving: Leaving) -> None:
    body = message(leaving.marker, stream=leaving.stream, max_tokens=400)
    row, data = leave(on_postgresql, payer, body, leaving)
    ending = Ending("", leaving.ended, leaving.figure)
    check_books(on_postgresql, payer, row, ending, data, 400, drained=True)


def test_a_client_may_leave_at_any_byte(on_postgresql: Product, payer: str) -> None:
    """All of them at once in the books: each is one row with upstream's own figures."""
    before = {row["request_id"] for row in all_rows(on_postgresql, payer)}
    lengths = [1, 9, 200, 700, 1300, 2500, 4000, 6000]
    theirs = []
    for length in lengths:
        hang_up(on_postgresql, payer, message("each=1 tokens=40", max_tokens=400), length=length)
        theirs.append(billed(on_postgresql))
    rows = eventually(lambda: len(found := new_rows(on_postgresql, payer, before)) == len(lengths) and found)
    ours = [booked(receipt(on_postgresql, payer, row["request_id"])) for row in rows]
    assert sorted(map(str, ours)) == sorted(map(str, theirs))
    assert {row["ended"] for row in rows} <= {"complete", "client_gone"}


def new_rows(product: Product, key: str, before: set[str]) -> list[dict[str, Any]]:
    return [row for row in all_rows(product, key) if row["request_id"] not in before]


def test_a_compressed_bomb_is_cut_and_booked(on_postgresql: Product, payer: str) -> None:
    got = ask(on_postgresql, payer, message("bomb mb=70", max_tokens=300))
    assert (got.status, got.whole) == (200, False)
    check_books(on_postgresql, payer, got.request_id, Ending("", "upstream_error", "estimate"), got.data, 300)
