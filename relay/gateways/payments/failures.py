"""What Stripe did not do: its SDK's exceptions, as ours."""

from collections.abc import Generator
from contextlib import contextmanager

import stripe

from relay.errors import ProductError


class PaymentsFailed(ProductError):
    """Stripe did not do what it was asked. `passing`: another try may succeed."""

    status = 503
    code = "payments_unavailable"
    message = "Our payment provider does not answer at the moment. Nothing was charged; please try again."

    def __init__(self, reason: str = "", *, passing: bool = True, code: str = "", http_status: int = 0) -> None:
        super().__init__()
        self.reason, self.passing, self.stripe_code, self.http_status = reason, passing, code, http_status

    def __str__(self) -> str:
        return self.reason or self.message


class Missing(PaymentsFailed):
    """Stripe has no such object."""


class AlreadyTold(PaymentsFailed):
    """The meter has had an event with this identifier: it was delivered."""


@contextmanager
def failures() -> Generator[None]:
    """Stripe's exceptions as ours. Their texts stay in the log of who catches them, and reach no customer."""
    try:
        yield
    except stripe.InvalidRequestError as error:
        code, reason = str(error.code or ""), str(error.user_message or "")
        if error.http_status == 404 or code == "resource_missing":
            raise Missing(reason, passing=False, code=code, http_status=404) from None
        if "identifier" in reason and "already exists" in reason:
            raise AlreadyTold(reason, passing=False, code=code, http_status=400) from None
        raise PaymentsFailed(reason, passing=False, code=code, http_status=error.http_status or 400) from None
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise PaymentsFailed("Stripe refuses our key.", passing=True, http_status=error.http_status or 401) from None
    except stripe.StripeError as error:
        raise PaymentsFailed(type(error).__name__, passing=True, http_status=error.http_status or 0) from None
