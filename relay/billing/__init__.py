"""Billing: plans, checkouts, Stripe's events, invoices, and the windows by which overage gets there.

The ledger decides and Stripe follows. What Stripe tells is fetched afresh and keyed by its business id.
"""

from relay.billing.caps import cap_from
from relay.billing.checkouts import CheckoutView, Kind, check_out, checkout_of, open_portal
from relay.billing.customers import customer_of, known_customer
from relay.billing.events import listed, replay, replay_failed, states_of, store, work_through
from relay.billing.handlers import FOLLOWED
from relay.billing.invoices import InvoiceView, invoices_of
from relay.billing.office import Office
from relay.billing.outbox import push, try_stuck_again
from relay.billing.people import erase_closed, follow_address
from relay.billing.plans import PlanView, look_after_overdue, plan_of
from relay.billing.preview import PreviewLine, PreviewView, preview_of
from relay.billing.reconciling import Difference, Subject, reconcile, subjects
from relay.billing.unbilled import bill_last_use
from relay.billing.unheard import ask_after_unheard
from relay.billing.windows import oldest_unsent, seal, unsealed_cents, unsent

__all__ = [
    "FOLLOWED",
    "CheckoutView",
    "Difference",
    "InvoiceView",
    "Kind",
    "Office",
    "PlanView",
    "PreviewLine",
    "PreviewView",
    "Subject",
    "ask_after_unheard",
    "bill_last_use",
    "cap_from",
    "check_out",
    "checkout_of",
    "customer_of",
    "erase_closed",
    "follow_address",
    "invoices_of",
    "known_customer",
    "listed",
    "look_after_overdue",
    "oldest_unsent",
    "open_portal",
    "plan_of",
    "preview_of",
    "push",
    "reconcile",
    "replay",
    "replay_failed",
    "seal",
    "states_of",
    "store",
    "subjects",
    "try_stuck_again",
    "unsealed_cents",
    "unsent",
    "work_through",
]
