"""What Stripe refuses, in Stripe's shape."""

from __future__ import annotations


class Refused(Exception):
    """An error answer. `kind` is Stripe's `type`; `code` and `param` are left out when they are None;
    `more` is what the error names besides, such as the `decline_code` of a card.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        **more: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.more = more

    def body(self, request_id: str) -> dict[str, object]:
        """The JSON of the answer."""
        log = f"https://dashboard.stripe.com/test/logs/{request_id}"
        error: dict[str, object] = {"message": self.message, "type": self.kind, "request_log_url": log, **self.more}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


def missing(kind: str, object_id: str, param: str = "id") -> Refused:
    """The 404 for an object that is not there."""
    return Refused(404, f"No such {kind}: '{object_id}'", code="resource_missing", param=param)
