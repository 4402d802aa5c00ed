"""Refunds: money back, at once, later, or after all not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import stripe
from stripe.params import (
    RefundCancelParams,
    RefundCreateParams,
    RefundListParams,
    RefundRetrieveParams,
    RefundUpdateParams,
)

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.door.showing import included
from sandbox.stripe.life import charging
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "refund"


def create(store: Store, params: dict[str, Any]) -> Json:
    """Of a charge or payment intent, in all or in part. Some of Stripe's test cards make it pending, or fail later."""
    charge = _charge_of(store, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if left == 0:
        raise Refused(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"] and not _may_be_refunded(store, charge):
        raise Refused(400, f"The charge {charge['id']} has been charged back.", code="charge_disputed")
    if not 1 <= amount <= left:
        words = f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge (${left / 100:.2f})"
        raise Refused(400, words if amount > 0 else "Invalid positive integer", param="amount")
    outcome = charging.card_of_charge(store, charge).refund
    made = _made(store, charge, params, amount, "pending" if outcome == "pending" else "succeeded")
    before = deepcopy(charge)
    charge |= {"amount_refunded": charge["amount_refunded"] + amount}
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    emit(store, "refund.created", made)
    emit(store, "charge.refunded", charge, before)
    if outcome != "succeeded":
        store.timeline.plan(store.exact_now() + store.options.refund_seconds, "refund_ends", made["id"])
    return made


def _charge_of(store: Store, params: dict[str, Any]) -> Json:
    if ("charge" in params) == ("payment_intent" in params):
        raise Refused(400, "One of the following params should be provided for this request: payment_intent or charge.")
    if "charge" in params:
        charge = store.get("charge", params["charge"], "charge")
    else:
        intent = store.get("payment_intent", params["payment_intent"], "payment_intent")
        charge = store.table("charge").get(intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        raise Refused(400, "This payment does not have a successful charge to refund.", code="charge_not_refundable")
    return charge


def _may_be_refunded(store: Store, charge: Json) -> bool:
    disputes = [one for one in store.all("dispute") if one["charge"] == charge["id"]]
    return all(one["is_charge_refundable"] or one["status"] == "won" for one in disputes)


def _made(store: Store, charge: Json, params: dict[str, Any], amount: int, status: str) -> Json:
    refund_id = store.new_id("re")
    return store.add(
        complete(
            stripe.Refund,
            {
                "id": refund_id,
                "object": KIND,
                "amount": amount,
                "balance_transaction": charging.book(store, -amount, "refund", refund_id)["id"],
                "charge": charge["id"],
                "created": store.now(),
                "currency": charge["currency"],
                "destination_details": {"type": "card", "card": {"type": "refund", "reference_status": "pending"}},
                "metadata": merged({}, params.get("metadata")),
                "payment_intent": charge["payment_intent"],
                "reason": params.get("reason"),
                "status": status,
            },
        )
    )


@happening("refund_ends")
def _end(store: Store, refund_id: str) -> None:
    refund = store.table(KIND)[refund_id]
    before = deepcopy(refund)
    if refund["status"] == "pending":
        refund["status"] = "succeeded"
        emit(store, "refund.updated", refund, before)
    elif refund["status"] == "succeeded":
        _undo(store, refund, "failed")
        refund["failure_reason"] = "expired_or_canceled_card"
        emit(store, "refund.updated", refund, before)
        emit(store, "refund.failed", refund)


def _undo(store: Store, refund: Json, status: str) -> None:
    """The money is ours again."""
    back = charging.book(store, refund["amount"], "refund_failure", refund["id"])
    refund |= {"status": status, "failure_balance_transaction": back["id"]}
    charge = store.table("charge")[refund["charge"]]
    charge |= {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}


def cancel(store: Store, params: dict[str, Any], id: str) -> Json:
    refund = store.get(KIND, id)
    if refund["status"] != "pending":
        raise Refused(400, f"You cannot cancel a refund that is {refund['status']}.")
    _undo(store, refund, "canceled")
    return refund


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(KIND, id)


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    refund = store.get(KIND, id)
    refund["metadata"] = merged(refund["metadata"], params.get("metadata"))
    return refund


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [one for one in store.all(KIND) if fits(one, params, "charge", "payment_intent")]
    return listed(found, params, "/v1/refunds", KIND)


@included("charge", "refunds")
def _refunds(store: Store, charge: Json) -> Json:
    return find_all(store, {"charge": charge["id"], "limit": 10})


OPERATIONS = (
    Operation("POST", "/v1/refunds", RefundCreateParams, create),
    Operation("GET", "/v1/refunds", RefundListParams, find_all),
    Operation("GET", "/v1/refunds/{id}", RefundRetrieveParams, retrieve),
    Operation("POST", "/v1/refunds/{id}", RefundUpdateParams, update),
    Operation("POST", "/v1/refunds/{id}/cancel", RefundCancelParams, cancel),
)
