"""The sandbox's Stripe, seen through Stripe's own client."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import stripe
from stripe import StripeClient

from sandbox.serve import Running, in_thread


@pytest.fixture
def world() -> Iterator[Running]:
    with in_thread(["stripe"]) as running:
        yield running


@contextmanager
def client_of(world: Running, key: str = "sk_test_sandbox123") -> Iterator[StripeClient]:
    http = stripe.RequestsClient()
    yield StripeClient(key, base_addresses={"api": world.urls["stripe"]}, http_client=http, max_network_retries=0)
    http.close()


@pytest.fixture
def client(world: Running) -> Iterator[StripeClient]:
    with client_of(world) as made:
        yield made


def test_a_customer_is_created_read_changed_and_deleted(client: StripeClient) -> None:
    made = client.v1.customers.create(
        {
            "email": "anna@example.com",
            "name": "Anna",
            "metadata": {"account_id": "7", "plan": "none"},
            "preferred_locales": ["de", "en"],
            "address": {"city": "Leipzig", "country": "DE"},
        }
    )
    assert made.id.startswith("cus_")
    assert made.livemode is False
    assert made.address.city == "Leipzig"
    assert made.preferred_locales == ["de", "en"]
    changed = client.v1.customers.update(made.id, {"metadata": {"plan": "", "seen": "yes"}, "balance": -500})
    assert changed.metadata.to_dict() == {"account_id": "7", "seen": "yes"}
    assert client.v1.customers.retrieve(made.id).balance == -500
    assert client.v1.customers.delete(made.id).deleted is True
    assert client.v1.customers.retrieve(made.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.update(made.id, {"name": "Nobody"})
    assert raised.value.code == "resource_missing"


# Stripe's own httpx client posts its form in a way that httpx has deprecated.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
async def test_a_customer_can_be_created_asynchronously(world: Running) -> None:
    http = stripe.HTTPXClient()
    client = StripeClient("sk_test_sandbox123", base_addresses={"api": world.urls["stripe"]}, http_client=http)
    made = await client.v1.customers.create_async({"email": "anna@example.com"})
    assert (await client.v1.customers.retrieve_async(made.id)).email == "anna@example.com"
    await http.close_async()


def test_the_shape_is_that_of_stripes_class(client: StripeClient) -> None:
    made = client.v1.customers.create({"email": "anna@example.com"})
    unknown = set(made.to_dict()) - set(stripe.Customer.__annotations__)
    assert unknown == set()
    sometimes = {
        "OBJECT_NAME",
        "cash_balance",
        "deleted",
        "invoice_credit_balance",
        "sources",
        "subscriptions",
        "tax",
        "tax_ids",
    }
    assert set(stripe.Customer.__annotations__) - set(made.to_dict()) - sometimes == set()


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"address": {"planet": "Mars"}}, "parameter_unknown", "address[planet]"),
        ({"balance": "much"}, "parameter_invalid_integer", "balance"),
        ({"email": "no address"}, "email_invalid", "email"),
        ({"source": "tok_visa"}, "resource_missing", "source"),
        ({"expand": ["everything"]}, None, "expand"),
        ({"idempotency_key_": "x"}, "parameter_unknown", "idempotency_key_"),
    ],
)
def test_a_parameter_that_stripe_does_not_know_is_refused(
    client: StripeClient, params: dict[str, object], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.create(params)
    assert (raised.value.http_status, raised.value.code) == (404 if code == "resource_missing" else 400, code)
    assert raised.value.param == param
    assert client.v1.customers.list().data == []


def test_options_of_the_sdk_are_no_parameters_of_the_request(world: Running) -> None:
    response = httpx.post(
        f"{world.urls['stripe']}/v1/customers",
        data={"api_key": "sk_test_1"},
        headers={"authorization": "Bearer sk_test_sandbox1"},
    )
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "parameter_unknown"


def test_customers_are_listed_newest_first_and_by_email(client: StripeClient) -> None:
    made = [client.v1.customers.create({"email": f"{name}@example.com"}) for name in ("a", "b", "c", "a")]
    page = client.v1.customers.list({"limit": 3})
    assert [one.id for one in page.data] == [one.id for one in reversed(made)][:3]
    assert page.has_more is True
    assert [one.id for one in page.auto_paging_iter()] == [one.id for one in reversed(made)]
    assert len(client.v1.customers.list({"email": "a@example.com"}).data) == 2
    before = client.v1.customers.list({"ending_before": made[0].id, "limit": 1})
    assert [one.id for one in before.data] == [made[1].id]
    assert client.v1.customers.list({"created": {"gt": made[-1].created}}).data == []


def test_customers_are_found_by_query(client: StripeClient) -> None:
    made = client.v1.customers.create({"email": "anna@example.com", "metadata": {"account_id": "7"}})
    client.v1.customers.create({"email": "ben@example.com"})
    found = client.v1.customers.search({"query": "email:'anna@example.com' AND metadata['account_id']:'7'"})
    assert [one.id for one in found.data] == [made.id]
    assert len(client.v1.customers.search({"query": 'email~"example"'}).data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.search({"query": "DROP TABLE"})


def test_an_idempotency_key_gives_one_customer(client: StripeClient) -> None:
    first = client.v1.customers.create({"email": "anna@example.com"}, {"idempotency_key": "k1"})
    client.v1.customers.update(first.id, {"name": "Changed since"})
    again = client.v1.customers.create({"email": "anna@example.com"}, {"idempotency_key": "k1"})
    assert again.id == first.id
    assert again.name is None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "ben@example.com"}, {"idempotency_key": "k1"})
    assert len(client.v1.customers.list().data) == 1


def test_another_api_version_is_refused(client: StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="version"):
        client.v1.customers.list({}, {"stripe_version": "2020-08-27"})


@pytest.mark.parametrize("key", ["sk_live_real", "nonsense"])
def test_a_key_that_is_not_for_tests_is_refused(world: Running, key: str) -> None:
    with client_of(world, key) as client, pytest.raises(stripe.AuthenticationError):
        client.v1.customers.list()


def test_a_missing_customer_and_an_unknown_route_are_not_found(world: Running, client: StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        client.v1.customers.retrieve("cus_nobody")
    assert raised.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.quotes.list()
    assert httpx.put(f"{world.urls['stripe']}/v1/customers").status_code in (404, 405)


def test_the_next_request_can_be_made_to_fail(world: Running, client: StripeClient) -> None:
    httpx.post(f"{world.urls['stripe']}/sandbox/next", json={"status": 500}).raise_for_status()
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({"email": "anna@example.com"})
    assert client.v1.customers.list().data == []
    assert "Sandbox: Stripe" in httpx.get(world.urls["stripe"]).text
