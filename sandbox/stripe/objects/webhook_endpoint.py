"""Webhook endpoints: where events are sent."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    WebhookEndpointCreateParams,
    WebhookEndpointDeleteParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
    WebhookEndpointUpdateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.store import Json, Store

KIND = "webhook_endpoint"


def create(store: Store, params: dict[str, Any]) -> Json:
    """A new endpoint, with its secret: told in this answer and never again."""
    _check_url(params["url"])
    secret = params.get("_secret") or f"whsec_{store.new_id('x')[2:]}{store.new_id('x')[2:]}"
    made = complete(
        stripe.WebhookEndpoint,
        {
            "id": store.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "created": store.now(),
            "description": params.get("description"),
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": merged({}, params.get("metadata")),
            "status": "enabled",
            "url": params["url"],
            "_secret": secret,
        },
    )
    store.add(made)
    return {**made, "secret": secret}


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get("webhook_endpoint", id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    endpoint = store.get("webhook_endpoint", id)
    if "url" in params:
        _check_url(params["url"])
    for name in ("url", "enabled_events", "description"):
        if name in params:
            endpoint[name] = None if params[name] == "" else params[name]
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    endpoint["metadata"] = merged(endpoint["metadata"], params.get("metadata"))
    return endpoint


def delete(store: Store, params: dict[str, Any], id: str) -> Json:
    store.get("webhook_endpoint", id)
    return store.drop("webhook_endpoint", id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    return listed(store.all("webhook_endpoint"), params, "/v1/webhook_endpoints", "webhook_endpoint")


OPERATIONS = (
    Operation("POST", "/v1/webhook_endpoints", WebhookEndpointCreateParams, create),
    Operation("GET", "/v1/webhook_endpoints", WebhookEndpointListParams, find_all),
    Operation("GET", "/v1/webhook_endpoints/{id}", WebhookEndpointRetrieveParams, retrieve),
    Operation("POST", "/v1/webhook_endpoints/{id}", WebhookEndpointUpdateParams, update),
    Operation("DELETE", "/v1/webhook_endpoints/{id}", WebhookEndpointDeleteParams, delete),
)


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise Refused(
            400, "Invalid URL: an explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
        )
