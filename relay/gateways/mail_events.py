"""What Resend tells about a mail after it was sent. Only what is signed with our secret is read at all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

import resend

from relay.errors import BadSignature

Kind = Literal["bounced", "complained", "other"]
_BOUNCES = ("email.bounced", "email.suppressed")


class MailEvent(NamedTuple):
    """`bounced` is for good: one that may pass is `other`, like everything that nothing follows from."""

    kind: Kind
    addresses: tuple[str, ...]
    at: datetime


def read_mail_event(body: bytes, headers: Mapping[str, str], secret: str) -> MailEvent:
    """BadSignature unless the secret signed these bytes within five minutes of now (Svix's scheme)."""
    if not secret:
        raise BadSignature("RESEND_WEBHOOK_SECRET is not set, so no signature fits.")
    signed: Any = {
        "payload": body.decode("utf-8", "replace"),
        "headers": {name: headers.get(f"svix-{name}", "") for name in ("id", "timestamp", "signature")},
        "webhook_secret": secret,
    }
    try:
        told = cast(Any, resend.Webhooks.verify(signed))
        return MailEvent(_kind(told), _addresses(told["data"]), datetime.fromisoformat(told["created_at"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadSignature() from None


def _kind(told: Any) -> Kind:
    if told["type"] == "email.complained":
        return "complained"
    if told["type"] not in _BOUNCES:
        return "other"
    # A full mailbox or a server that is down is no reason to give an address up.
    bounce: Any = told["data"].get("bounce") or {"type": "Permanent"}
    return "bounced" if bounce["type"] == "Permanent" else "other"


def _addresses(data: Any) -> tuple[str, ...]:
    found = data.get("to") or ()
    return (found,) if isinstance(found, str) else tuple(one for one in found if isinstance(one, str))
