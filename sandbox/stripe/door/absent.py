"""What Stripe has and the sandbox does not: refused, so that nobody believes it was done."""

from __future__ import annotations

from typing import Any

from sandbox.stripe.door.errors import Refused

# Each of these would change what somebody pays, or who does.
ABSENT = frozenset(
    (
        *("add_invoice_items", "application_fee_amount", "application_fee_percent", "backdate_start_date"),
        *("billing_cycle_anchor_config", "billing_schedules", "billing_thresholds", "currency_options"),
        *("custom_unit_amount", "customer_account", "default_tax_rates", "discounts", "from_invoice"),
        *("on_behalf_of", "optional_items", "pending_invoice_item_interval", "shipping_cost", "shipping_options"),
        *("tax_rates", "tiers", "transfer_data", "transform_quantity", "trial_from_plan"),
    )
)
# Parameters of which the sandbox knows but these values.
ONLY: dict[str, tuple[Any, ...]] = {
    "automatic_tax": ({"enabled": False},),
    "billing_cycle_anchor": ("unchanged",),
    "capture_method": ("automatic", "automatic_async"),
    "collection_method": ("charge_automatically",),
}


def check_present(params: dict[str, Any]) -> None:
    """A 400 that names the first parameter that Stripe would have obeyed and the sandbox would not."""
    for name, value in params.items():
        if name in ABSENT or (name in ONLY and value not in ONLY[name]):
            raise Refused(400, f"The sandbox does not have `{name}`.", param=name)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and name not in ("metadata", "payload"):
                check_present(inner)
