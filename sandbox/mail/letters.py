"""What a mail must be to be accepted, and the mails that were."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ADDRESS = re.compile(r"^[^\s@<>\"(),:;\\]{1,64}@[^\s@<>\"(),:;\\]+\.[^\s@<>\"(),:;\\]+$")
LOCAL_ADDRESS = re.compile(r"^[^\s@<>\"(),:;\\]{1,64}@localhost$")
NAMED = re.compile(r"^[^<>\r\n]*<([^<>\r\n]+)>$")
RECORDS: tuple[str, ...] = ("SPF", "DKIM")
DOMAINS = ("localhost.test", "example.com")
"""What may send, where nothing else is asked for: the product's own default, and the one that examples use."""

CODE = re.compile(r"(?<!\d)(\d{6})(?!\d)")
RECIPIENTS_MAX = 50
KEY_SECONDS = 24 * 3600.0


class Refused(Exception):
    """A mail that is not taken: the status, Resend's name for the error, and its message."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Addresses = Annotated[list[str], BeforeValidator(_as_list), Field(max_length=RECIPIENTS_MAX)]


class Tag(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")]
    value: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,256}$")]


class Body(BaseModel):
    """The JSON of `POST /emails`, as far as the product can want it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    sender: Annotated[str, Field(alias="from")]
    to: Annotated[Addresses, Field(min_length=1)]
    subject: Annotated[str, Field(min_length=1)]
    html: str | None = None
    text: str | None = None
    cc: Addresses = []
    bcc: Addresses = []
    reply_to: Addresses = []
    headers: dict[str, str] = {}
    tags: list[Tag] = []

    @property
    def domain(self) -> str:
        """What the sender's address is at."""
        return parseaddr(self.sender)[1].rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Letter:
    """One accepted mail."""

    id: str
    body: Body
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def row(self) -> dict[str, object]:
        """The mail as JSON, in the words of Resend's API."""
        told = self.body.model_dump(by_alias=True)
        return {"id": self.id, "created_at": self.at.isoformat(), "last_event": "delivered", **told}

    @property
    def code(self) -> str | None:
        """The sign-in code in the subject, if there is one."""
        found = CODE.search(self.body.subject)
        return found.group(1) if found else None


def parse(raw: bytes) -> Body:
    """The mail, or a refusal that says what is wrong with it."""
    try:
        body = Body.model_validate_json(raw)
    except ValidationError as found:
        first = found.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        if first["type"] == "missing":
            raise Refused(422, "missing_required_field", f"Missing `{where}` field.") from None
        raise Refused(422, "validation_error", f"Invalid `{where}` field. {first['msg']}.") from None
    if not body.html and not body.text:
        raise Refused(422, "missing_required_field", "Missing `html` or `text` field.")
    if "\n" in body.subject or "\r" in body.subject:
        raise Refused(422, "validation_error", "The `\\n` is not allowed in the `subject` field.")
    _check("from", [body.sender])
    for name, addresses in (("to", body.to), ("cc", body.cc), ("bcc", body.bcc), ("reply_to", body.reply_to)):
        _check(name, addresses)
    return body


def _check(name: str, addresses: list[str]) -> None:
    for address in addresses:
        named = NAMED.match(address)
        bare = named.group(1) if named else address
        if not (ADDRESS.match(bare) or LOCAL_ADDRESS.match(bare)):
            raise Refused(
                422,
                "validation_error",
                f"Invalid `{name}` field. The email address needs to follow the `email@example.com` or "
                "`Name <email@example.com>` format.",
            )


class Letterbox:
    """All mails, oldest first, and the idempotency keys of the last 24 hours.

    `on_code` is told each address and sign-in code; `clock` gives seconds that only go forward. Events about mails
    go to the addresses in `webhooks`, signed with `secret`. Only a verified domain of `domains` may send: each is
    kept with its records, as they were found in the DNS."""

    def __init__(
        self,
        on_code: Callable[[str, str], None] = lambda address, code: None,
        clock: Callable[[], float] = time.monotonic,
        webhooks: Sequence[str] = (),
        secret: str = "",
        domains: Sequence[str] = (),
    ) -> None:
        self.letters: list[Letter] = []
        self.keys: dict[str, tuple[float, bytes, str]] = {}
        self.on_code = on_code
        self.clock = clock
        self.webhooks = webhooks
        self.secret = secret
        self.domains = {name: dict.fromkeys(RECORDS, "verified") for name in (*DOMAINS, *domains)}

    def accept(self, raw: bytes, key: str | None) -> str:
        """Takes a mail and gives its id; the same key with the same body gives the same id and no second
        mail.
        """
        if key is None:
            return self._deliver(parse(raw))
        if not 1 <= len(key) <= 256:
            raise Refused(400, "invalid_idempotency_key", "The idempotency key must be between 1-256 characters.")
        digest, now = hashlib.sha256(raw).digest(), self.clock()
        expiry, before, known = self.keys.get(key, (0.0, b"", ""))
        if expiry > now:
            if before != digest:
                raise Refused(
                    409,
                    "invalid_idempotent_request",
                    "Same idempotency key used with a different request payload.",
                )
            return known
        made = self._deliver(parse(raw))
        self.keys[key] = (now + KEY_SECONDS, digest, made)
        return made

    def _deliver(self, body: Body) -> str:
        domain = body.domain
        if set(self.domains.get(domain, {"": "unknown"}).values()) != {"verified"}:
            raise Refused(403, "validation_error", f"The {domain} domain is not verified.")
        letter = Letter(str(uuid.uuid4()), body)
        self.letters.append(letter)
        if letter.code:
            for address in body.to:
                self.on_code(address, letter.code)
        return letter.id
