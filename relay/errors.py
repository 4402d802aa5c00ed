"""What can go wrong, each with its HTTP status and stable code. Raised anywhere, mapped once (endpoints.answers)."""

from collections.abc import Mapping


class ProductError(Exception):
    """The root: `status` (HTTP), `code` (stable, for programs), `message` (plain words, for people)."""

    status = 500
    code = "internal_error"
    claude_type = "api_error"
    message = "Something went wrong on our side. Nothing was charged for this; please try again."

    def __init__(self, message: str | None = None, *, retry_after: int | None = None, **details: object) -> None:
        self.message = message or self.message
        self.retry_after = retry_after
        self.details: Mapping[str, object] = details
        super().__init__(self.message)


class BadInput(ProductError):
    status = 400
    code = "invalid_request"
    claude_type = "invalid_request_error"
    message = "The request is not one that we understand."


class BadSignature(ProductError):
    status = 400
    code = "bad_signature"
    message = "The signature does not fit the body, or is too old."


class NotSignedIn(ProductError):
    status = 401
    code = "not_signed_in"
    claude_type = "authentication_error"
    message = "Sign in, or send a valid API key."


class CodeInvalid(ProductError):
    status = 401
    code = "code_invalid"
    claude_type = "authentication_error"
    message = "That code is not right, or no longer valid. Check the newest mail, or ask for a new code."


class InsufficientCredit(ProductError):
    status = 402
    code = "insufficient_credit"
    claude_type = "insufficient_credit"
    message = "There is not enough credit for this request."


class CapReached(InsufficientCredit):
    code = "cap_reached"
    claude_type = "cap_reached"
    message = "The spend cap is reached. Raise it on the billing page to go on."


class QuotaReached(ProductError):
    status = 402
    code = "quota_reached"
    message = "There is no room for this file. Delete files that you no longer need."


class Forbidden(ProductError):
    status = 403
    code = "forbidden"
    claude_type = "permission_error"
    message = "This is not allowed."


class NotFound(ProductError):
    status = 404
    code = "not_found"
    claude_type = "not_found_error"
    message = "There is nothing at this address."


class MethodNotAllowed(ProductError):
    status = 405
    code = "method_not_allowed"
    claude_type = "invalid_request_error"
    message = "This address does not take that method."


class Conflict(ProductError):
    status = 409
    code = "conflict"
    claude_type = "invalid_request_error"
    message = "This does not fit what is already there."


class AnotherAccount(Conflict):
    code = "another_account"
    message = "Somebody else is signed in now than this was written for. Nothing was done or charged."


class PreconditionFailed(ProductError):
    status = 412
    code = "precondition_failed"
    message = "This is not what you have seen of it: it was changed meanwhile. Look again; nothing was done."


class TooSlow(ProductError):
    status = 408
    code = "request_timeout"
    claude_type = "timeout_error"
    message = "The rest of the request did not come in time. Nothing was charged; send it again."


class TooLarge(ProductError):
    status = 413
    code = "request_too_large"
    claude_type = "request_too_large"
    message = "The request is larger than 32 MB."


class HeadTooLarge(ProductError):
    status = 431
    code = "head_too_large"
    claude_type = "invalid_request_error"
    message = "The head of the request is larger than 64 kB, or has more than 200 lines."


class TooMany(ProductError):
    status = 429
    code = "rate_limited"
    claude_type = "rate_limit_error"
    message = "Too many requests. Wait a moment and try again."


class UpstreamFailed(ProductError):
    status = 502
    code = "upstream_failed"
    claude_type = "api_error"
    message = "Claude could not be reached. Nothing was charged; please try again."


class UpstreamRefused(UpstreamFailed):
    """Upstream's own status, without words of upstream's that could be passed on: a page of some proxy's, say."""

    code = "upstream_refused"
    claude_types: Mapping[int, str] = {
        400: "invalid_request_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    def __init__(self, status: int) -> None:
        super().__init__(f"Claude answered with status {status} and did not say why. Nothing was charged.")
        self.status = status
        self.claude_type = self.claude_types.get(status, self.claude_type)


class UpstreamTimedOut(UpstreamFailed):
    status = 504
    code = "upstream_timed_out"
    claude_type = "timeout_error"
    message = "Claude did not answer in time."


class Overloaded(ProductError):
    """Anthropic's own status for this, which SDKs know to try again after."""

    status = 529
    code = "overloaded"
    claude_type = "overloaded_error"
    message = "Too much is being sent to us at the moment. Nothing was charged; send it again in a moment."


class Unavailable(ProductError):
    status = 503
    code = "unavailable"
    message = "The service cannot record requests at the moment, so it takes none. Nothing was charged."


class Misconfigured(Exception):
    """A setting is missing or wrong. The command line prints it and exits 2; nothing has started."""
