"""A stand-in for Stripe's API, as far as the product uses it. Requests are held to Stripe's own parameter
types.
"""

from sandbox.stripe.service import Stripe
from sandbox.stripe.store import Store

__all__ = ["Store", "Stripe"]
