"""What the operator's monitoring reads moves with what happens."""

from product import QUESTION, Product


def figure(text: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_calls_tokens_money_and_refusals_are_counted(shared_product: Product) -> None:
    key = shared_product.customer("metrics@example.com")
    claude = shared_product.claude(key)
    answer = claude.messages.create(model="claude-haiku-4-5", max_tokens=30, messages=QUESTION)
    with shared_product.http(key) as http:
        assert http.post("/api/claude", json={"model": "nope"}).status_code == 400
        text = http.get("/metrics").text
    assert figure(text, 'relay_requests_total{ended="complete",model="claude-haiku-4-5"}') == 1
    assert figure(text, 'relay_tokens_total{kind="output"') == answer.usage.output_tokens
    assert figure(text, "relay_price_usd_total") > figure(text, "relay_cost_usd_total") > 0
    assert figure(text, 'relay_refused_total{code="invalid_request"}') == 1
    assert figure(text, "relay_holds_open") == 0
    assert figure(text, "relay_streams_open") == 0
    assert "metrics@example.com" not in text
