"""Disputes: a cardholder takes the money back, and the bank decides who keeps it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import stripe
from stripe.params import DisputeCloseParams, DisputeListParams, DisputeRetrieveParams, DisputeUpdateParams

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.lists import fits, listed
from sandbox.stripe.door.metadata import merged
from sandbox.stripe.door.operation import Operation
from sandbox.stripe.door.shape import complete
from sandbox.stripe.life import charging
from sandbox.stripe.life.timeline import happening
from sandbox.stripe.store import Json, Store
from sandbox.stripe.webhooks.events import emit

KIND = "dispute"
FEE_CENTS = 1500
DISPUTED_AFTER_SECONDS = 1
ANSWER_SECONDS = 14 * 86_400
# Words that decide a dispute in Stripe's test mode.
OUTCOMES = {"winning_evidence": "won", "losing_evidence": "lost"}


def begin(store: Store, charge: Json, reason: str = "fraudulent", amount: int | None = None) -> Json:
    """The money of the charge, and a fee, are taken from us at once. Refused when it is disputed already."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise Refused(400, "This charge cannot be disputed.")
    dispute_id, taken = store.new_id("du"), amount or charge["amount"]
    made = complete(
        stripe.Dispute,
        {
            "id": dispute_id,
            "object": KIND,
            "amount": taken,
            "balance_transactions": [_moved(store, dispute_id, -taken, -FEE_CENTS)],
            "charge": charge["id"],
            "created": store.now(),
            "currency": charge["currency"],
            "evidence": {"enhanced_evidence": {}},
            "evidence_details": {
                "due_by": store.now() + ANSWER_SECONDS,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": False,
            "livemode": False,
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "type": "card",
                "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
            },
            "reason": reason,
            "status": "needs_response",
        },
    )
    charge["disputed"] = True
    emit(store, "charge.dispute.created", store.add(made))
    emit(store, "charge.dispute.funds_withdrawn", made)
    store.timeline.plan(made["evidence_details"]["due_by"], "dispute_unanswered", dispute_id)
    return made


def _moved(store: Store, dispute_id: str, amount: int, fee: int) -> Json:
    moved = charging.book(store, amount, "adjustment", dispute_id, "dispute" if amount < 0 else "dispute_reversal")
    moved |= {"fee": -fee if fee < 0 else fee, "net": amount + fee}
    return moved


def _on_charge(store: Store, charge: Json) -> None:
    if charging.card_of_charge(store, charge).disputed:
        store.timeline.plan(store.exact_now() + DISPUTED_AFTER_SECONDS, "cardholder_disputes", charge["id"])


@happening("cardholder_disputes")
def _disputed(store: Store, charge_id: str) -> None:
    charge = store.table("charge")[charge_id]
    if not charge["disputed"]:
        begin(store, charge)


charging.CHARGED.append(_on_charge)


def decide(store: Store, dispute: Json, status: str) -> Json:
    """`won` brings the money back; `lost` leaves it gone."""
    before = deepcopy(dispute)
    if status == "won":
        back = _moved(store, dispute["id"], dispute["amount"], FEE_CENTS)
        dispute["balance_transactions"] = [*dispute["balance_transactions"], back]
    dispute["status"] = status
    emit(store, "charge.dispute.updated", dispute, before)
    if status == "won":
        emit(store, "charge.dispute.funds_reinstated", dispute)
    emit(store, "charge.dispute.closed", dispute)
    return dispute


@happening("dispute_unanswered")
def _unanswered(store: Store, dispute_id: str) -> None:
    dispute = store.table(KIND)[dispute_id]
    if dispute["status"] == "needs_response":
        dispute["evidence_details"]["past_due"] = True
        decide(store, dispute, "lost")


def update(store: Store, params: dict[str, Any], id: str) -> Json:
    """Evidence. `winning_evidence` and `losing_evidence` as its text decide, as they do in Stripe's test mode."""
    dispute = store.get(KIND, id)
    dispute["metadata"] = merged(dispute["metadata"], params.get("metadata"))
    evidence = {name: value for name, value in params.get("evidence", {}).items() if name != "enhanced_evidence"}
    if not evidence:
        return dispute
    if dispute["status"] != "needs_response":
        raise Refused(400, "This dispute is already closed.", code="resource_missing")
    before = deepcopy(dispute)
    dispute["evidence"] |= evidence
    dispute["evidence_details"]["has_evidence"] = True
    if not params.get("submit", True):
        return dispute
    dispute["evidence_details"] |= {"submission_count": 1, "submission_method": "manual"}
    dispute["status"] = "under_review"
    emit(store, "charge.dispute.updated", dispute, before)
    outcome = OUTCOMES.get(evidence.get("uncategorized_text", ""))
    return decide(store, dispute, outcome) if outcome else dispute


def close(store: Store, params: dict[str, Any], id: str) -> Json:
    """Accepted as lost."""
    dispute = store.get(KIND, id)
    if dispute["status"] in ("won", "lost"):
        raise Refused(400, "This dispute is already closed.")
    return decide(store, dispute, "lost")


def retrieve(store: Store, params: dict[str, Any], id: str) -> Json:
    return store.get(KIND, id)


def find_all(store: Store, params: dict[str, Any]) -> Json:
    found = [one for one in store.all(KIND) if fits(one, params, "charge", "payment_intent")]
    return listed(found, params, "/v1/disputes", KIND)


OPERATIONS = (
    Operation("GET", "/v1/disputes", DisputeListParams, find_all),
    Operation("GET", "/v1/disputes/{id}", DisputeRetrieveParams, retrieve),
    Operation("POST", "/v1/disputes/{id}", DisputeUpdateParams, update),
    Operation("POST", "/v1/disputes/{id}/close", DisputeCloseParams, close),
)
