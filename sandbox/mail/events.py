"""What Resend tells about a mail that it took: signed in Svix's way and posted to the webhook, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from datetime import UTC, datetime

import httpx

from sandbox.mail.letters import Letter, Refused

BOUNCES = {
    "permanent": {
        "type": "Permanent",
        "subType": "General",
        "message": "The recipient's mail server says that there is no such mailbox.",
    },
    "transient": {
        "type": "Transient",
        "subType": "MailboxFull",
        "message": "The recipient's mailbox is full.",
    },
}
KINDS = ("delivered", "bounced", "complained")


def new_secret() -> str:
    """As Resend makes them: 24 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def event(letter: Letter, kind: str, bounce: str = "permanent") -> bytes:
    """The body of an event about that letter."""
    if kind not in KINDS or bounce not in BOUNCES:
        raise Refused(400, "validation_error", f"kinds: {', '.join(KINDS)}; bounces: {', '.join(BOUNCES)}")
    data: dict[str, object] = {
        "email_id": letter.id,
        "from": letter.body.sender,
        "to": letter.body.to,
        "subject": letter.body.subject,
        "created_at": letter.at.isoformat(),
        "message_id": f"<{letter.id}@sandbox>",
        "tags": {tag.name: tag.value for tag in letter.body.tags},
    }
    if kind == "bounced":
        data["bounce"] = BOUNCES[bounce]
    told = {"type": f"email.{kind}", "created_at": datetime.now(UTC).isoformat(), "data": data}
    return json.dumps(told).encode()


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers that vouch for the body."""
    message_id, at = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"svix-id": message_id, "svix-timestamp": at, "svix-signature": f"v1,{base64.b64encode(mac).decode()}"}


async def tell(url: str, body: bytes, secret: str) -> int:
    """Posts the event; the status of the answer, 0 when there was none."""
    headers = {"content-type": "application/json", **signed(body, secret)}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
        try:
            return (await http.post(url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            return 0
