"""Every request can be followed to its price, line by line, and by nobody but the one who made it."""

from datetime import timedelta

import pytest

from relay import clock, pricing
from relay.money import usd
from relay.pricing import Tokens
from tests.fixtures.bookkeeping import MODEL, OTHER_MODEL, SOME_TOKENS, Books

ANNA, BERT = "anna@example.com", "bert@example.com"


async def test_a_receipt_shows_its_arithmetic(books: Books) -> None:
    anna = books.person(ANNA)
    request_id = await books.call(anna)
    receipt = await books.get(anna, f"/api/requests/{request_id}")
    assert receipt["request_id"] == request_id
    assert (receipt["model"], receipt["ended"], receipt["estimated"]) == (MODEL, "complete", False)
    assert (receipt["held_usd"], receipt["price_version"]) == ("1", books.prices.version)
    lines = {line["kind"]: line for line in receipt["lines"]}
    assert lines.keys() == {"input", "output", "cache_read", "cache_write_5m", "cache_write_1h"}
    assert lines["input"]["tokens"] == SOME_TOKENS.input
    assert lines["input"]["unit_price_pico"] == 2_400_000
    for line in receipt["lines"]:
        assert line["amount_pico"] == line["tokens"] * line["unit_price_pico"]
    assert usd(sum(line["amount_pico"] for line in receipt["lines"])) == receipt["price_usd"]


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        (OTHER_MODEL, Tokens(input=100_001, output=5)),
        (MODEL, Tokens(web_searches=3, output=1)),
        (MODEL, Tokens()),
    ],
)
async def test_the_lines_of_any_receipt_add_up_to_its_price(books: Books, model: str, tokens: Tokens) -> None:
    anna = books.person(ANNA)
    receipt = await books.get(anna, f"/api/requests/{await books.call(anna, tokens, model)}")
    assert usd(sum(line["amount_pico"] for line in receipt["lines"])) == receipt["price_usd"]


async def test_a_stopped_answer_says_so(books: Books) -> None:
    anna = books.person(ANNA)
    receipt = await books.get(anna, f"/api/requests/{await books.call(anna, ended='client_gone')}")
    assert (receipt["ended"], receipt["estimated"]) == ("client_gone", True)


async def test_an_old_receipt_keeps_its_prices_when_new_ones_are_published(books: Books) -> None:
    anna = books.person(ANNA)
    request_id = await books.call(anna)
    before = await books.get(anna, f"/api/requests/{request_id}")
    assert books.database.write_now(lambda c: pricing.publish(c, 90, clock.now()))
    assert await books.get(anna, f"/api/requests/{request_id}") == before


async def test_another_accounts_request_does_not_exist(books: Books) -> None:
    anna, bert = books.person(ANNA), books.person(BERT)
    request_id = await books.call(anna)
    problem = await books.get(bert, f"/api/requests/{request_id}", 404)
    nothing = await books.get(bert, "/api/requests/req_none", 404)
    assert {**problem, "request_id": ""} == {**nothing, "request_id": ""}
    assert (await books.get(bert, "/api/requests"))["requests"] == []
    assert (await books.get(bert, f"/api/requests?before={request_id}", 400))["field"] == "before"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%F0%9F%92%A9", "'--", "x" * 5000, "..%2F", "%ff"])
async def test_what_is_no_id_is_not_found(books: Books, name: str) -> None:
    await books.get(books.person(ANNA), f"/api/requests/{name}", 404)


async def test_the_log_is_newest_first_and_says_how_each_ended(books: Books) -> None:
    anna = books.person(ANNA)
    ids = [await books.call(anna), await books.call(anna, ended="client_gone"), await books.call(anna)]
    found = await books.get(anna, "/api/requests")
    assert [row["request_id"] for row in found["requests"]] == ids[::-1]
    assert found["next"] is None
    row = found["requests"][1]
    assert (row["ended"], row["estimated"], row["first_token_ms"]) == ("client_gone", True, 120)
    assert row["cache_write_tokens"] == SOME_TOKENS.cache_write_5m + SOME_TOKENS.cache_write_1h


async def test_pages_of_the_log_neither_repeat_nor_miss_a_request_while_new_ones_come(books: Books) -> None:
    anna = books.person(ANNA)
    ids = [await books.call(anna) for _ in range(7)]
    seen: list[str] = []
    page = await books.get(anna, "/api/requests?limit=3")
    while True:
        seen += [row["request_id"] for row in page["requests"]]
        if page["next"] is None:
            break
        await books.call(anna)
        page = await books.get(anna, f"/api/requests?limit=3&before={page['next']}")
    assert seen == ids[::-1]


async def test_a_last_page_that_is_just_full_has_no_next(books: Books) -> None:
    anna = books.person(ANNA)
    for _ in range(2):
        await books.call(anna)
    assert (await books.get(anna, "/api/requests?limit=2"))["next"] is None
    assert (await books.get(anna, "/api/requests?limit=1"))["next"] is not None


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "x", "", "١٢", "99999999999999999999"])
async def test_a_bad_limit_is_refused(books: Books, limit: str) -> None:
    assert (await books.get(books.person(ANNA), f"/api/requests?limit={limit}", 400))["field"] == "limit"


@pytest.mark.parametrize("before", ["", "%00", "nothing", "x" * 3000])
async def test_a_cursor_that_we_never_gave_is_refused(books: Books, before: str) -> None:
    problem = await books.get(books.person(ANNA), f"/api/requests?before={before}", 400)
    assert problem["field"] == "before"


async def test_a_correction_is_no_request_of_its_own(books: Books) -> None:
    anna = books.person(ANNA)
    request_id = await books.call(anna)
    books.correct(request_id, price_pico=0)
    found = await books.get(anna, "/api/requests")
    assert [row["request_id"] for row in found["requests"]] == [request_id]
    assert (await books.get(anna, f"/api/requests/{request_id}"))["request_id"] == request_id


async def test_the_log_tells_how_long_a_request_took(books: Books) -> None:
    anna = books.person(ANNA)
    request_id = await books.hold(anna)
    clock.move(timedelta(seconds=90))
    await books.settle(anna, request_id)
    row = (await books.get(anna, "/api/requests"))["requests"][0]
    assert 90_000 <= row["duration_ms"] < 150_000
