"""The sandbox's meters: what is taken, what is refused, what is counted, and who hears of what went wrong."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.stripe import Stripe
from tests.fixtures.stripe_desk import DAY, Desk, desk, receiver, until


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk() as made:
        yield made


def send(at: Desk, customer: str, value: object = "5", **more: object) -> stripe.billing.MeterEvent:
    payload = {"stripe_customer_id": customer, "value": value}
    return at.client.v1.billing.meter_events.create({"event_name": "overage_cents", "payload": payload, **more})


def total(at: Desk, customer: str, start: int, end: int, **more: object) -> float:
    span = {"customer": customer, "start_time": start, "end_time": end, **more}
    found = at.client.v1.billing.meters.event_summaries.list("mtr_overage", span)
    return sum(one.aggregated_value for one in found.auto_paging_iter())


def test_what_is_sent_is_counted_once(at: Desk) -> None:
    anna, ben = (at.client.v1.customers.create({"email": f"{name}@example.com"}).id for name in ("anna", "ben"))
    hour = at.now // 3600 * 3600
    sent = send(at, anna, "7", identifier="w1", timestamp=hour - 7200)
    assert (sent.object, sent.identifier, sent.payload.to_dict()["value"]) == ("billing.meter_event", "w1", "7")
    send(at, anna, "2", identifier="w2", timestamp=hour - 3600)
    send(at, ben, "100")
    with pytest.raises(stripe.InvalidRequestError, match="An event already exists with identifier w1") as raised:
        send(at, anna, "7", identifier="w1", timestamp=hour - 7200)
    assert (raised.value.http_status, raised.value.headers["Stripe-Should-Retry"]) == (400, "false")
    assert total(at, anna, hour - 7200, hour) == 9
    assert total(at, anna, hour - 7200, hour - 3600) == 7
    assert total(at, anna, hour - 7200, hour, value_grouping_window="hour") == 9
    cancel = {"event_name": "overage_cents", "type": "cancel", "cancel": {"identifier": "w2"}}
    at.client.v1.billing.meter_event_adjustments.create(cancel)
    assert total(at, anna, hour - 7200, hour) == 7
    assert at.books()["meter_totals"] == {anna: {"overage_cents": 7}, ben: {"overage_cents": 100}}


def test_an_identifier_is_forgotten_after_a_day(at: Desk) -> None:
    anna = at.client.v1.customers.create({}).id
    send(at, anna, identifier="w1")
    at.advance(advance_seconds=DAY + 1)
    send(at, anna, identifier="w1")
    assert at.books()["meter_totals"][anna]["overage_cents"] == 10


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"value": "1.5"}, "payload[value]"),
        ({"value": "1" * 16}, "payload[value]"),
        ({"value": "many"}, "payload[value]"),
        ({"timestamp": -36 * DAY}, "timestamp"),
        ({"timestamp": 301 + 60}, "timestamp"),
        ({"identifier": "x" * 101}, "identifier"),
        ({"quantity": 1}, "quantity"),
    ],
)
def test_what_stripe_would_not_take_is_refused(at: Desk, change: dict[str, object], param: str) -> None:
    anna = at.client.v1.customers.create({}).id
    if "timestamp" in change:
        change = {"timestamp": at.now + int(str(change["timestamp"]))}
    with pytest.raises(stripe.InvalidRequestError) as raised:
        send(at, anna, change.pop("value", "5"), **change)
    assert (raised.value.http_status, raised.value.param) == (400, param)
    assert at.books()["meter_totals"] == {}


def test_two_calls_at_once_for_one_customer_do_not_both_pass(at: Desk) -> None:
    at.options(meter_call_seconds=0.3)
    anna, ben = at.client.v1.customers.create({}).id, at.client.v1.customers.create({}).id

    def outcome(customer: str) -> str:
        try:
            return send(at, customer).object
        except stripe.RateLimitError as error:
            return f"{error.http_status} {error.error.code}"

    with ThreadPoolExecutor(3) as pool:
        outcomes = sorted(pool.map(outcome, [anna, anna, ben]))
    assert outcomes == ["429 lock_timeout", "billing.meter_event", "billing.meter_event"]


def test_spans_must_be_aligned(at: Desk) -> None:
    anna, hour = at.client.v1.customers.create({}).id, at.now // 3600 * 3600
    for start, end, window in ((hour + 1, hour + 60, None), (hour + 60, hour + 3660, "hour"), (60, 86460, "day")):
        grouping = {"value_grouping_window": window} if window else {}
        with pytest.raises(stripe.InvalidRequestError, match="aligned"):
            total(at, anna, start, end, **grouping)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        total(at, "cus_nobody", hour, hour + 60)


def test_it_is_counted_only_after_a_while(at: Desk) -> None:
    at.options(aggregation_seconds=30)
    anna, minute = at.client.v1.customers.create({}).id, at.now // 60 * 60
    send(at, anna)
    assert total(at, anna, minute, minute + 3600) == 0
    at.advance(advance_seconds=31)
    assert total(at, anna, minute, minute + 3600) == 5


def test_an_unknown_customer_or_meter_is_reported_by_a_thin_event() -> None:
    with receiver() as ours, desk(Stripe(thin_webhooks=[ours.url], secret="whsec_t")) as at:
        send(at, "cus_nobody", identifier="w1")
        payload = {"stripe_customer_id": "cus_nobody", "value": "1"}
        at.client.v1.billing.meter_events.create({"event_name": "unknown", "payload": payload, "identifier": "w2"})
        until(lambda: len(ours.bodies) == 2)
        told = {}
        for body, signature in zip(ours.bodies, ours.signatures, strict=True):
            assert set(json.loads(body)) & {"data", "changes"} == set()
            notification = at.client.parse_event_notification(body, signature, "whsec_t")
            told[notification.type] = notification.fetch_event()
        customer = told["v1.billing.meter.error_report_triggered"]
        assert customer.data.reason.error_types[0].code == "meter_event_customer_not_found"
        assert customer.data.reason.error_types[0].sample_errors[0].request.identifier == "w1"
        assert customer.related_object.id == "mtr_overage"
        assert told["v1.billing.meter.no_meter_found"].data.reason.error_types[0].code == "no_meter"
