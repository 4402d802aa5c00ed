"""Mail, through Resend's SDK. The only place that knows of its module-wide settings.

The SDK keeps its key and address in module globals; here they stay empty, and the one HTTP client that it is
given asks a context variable which `Mail` is sending. Two of them (tests, several apps in one process) never
mix.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
import resend
import stamina
import structlog
from resend.exceptions import ResendError

from relay.settings import Settings

log = structlog.get_logger(__name__)

SEND_SECONDS_MAX = 10
RETRY_SECONDS_MAX = 120
RETRY_WAIT_SECONDS_MAX = 5
CLOSING_SECONDS_MAX = 5
DOMAINS_MAX = 100
"""Resend's own limit of a page; nobody sends from more."""


@dataclass(frozen=True, slots=True)
class Message:
    """One mail. `key` makes sending it twice harmless for a day; `about` groups mails of which only the
    newest counts.
    """

    to: str
    subject: str
    text: str
    html: str
    key: str
    about: str


@dataclass(frozen=True, slots=True)
class Health:
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that Resend sends for. `records`: what it wants in the DNS (SPF, DKIM), each with how it was found."""

    name: str
    status: str
    records: tuple[tuple[str, str], ...]


class MailFailed(Exception):
    """Resend did not take a mail: `status` is its HTTP status, 0 when not reached. Carries no address."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status

    @property
    def is_passing(self) -> bool:
        return self.status in (0, 408, 409, 425, 429) or self.status >= 500


class Mail:
    """One process's way to Resend. Build it once; `aclose` it in the loop that used it."""

    def __init__(self, settings: Settings) -> None:
        """Misconfigured when RESEND_API_KEY is not set."""
        key = settings.secret("RESEND_API_KEY")
        self._from = settings.MAIL_FROM
        self._http = httpx.AsyncClient(
            base_url=settings.RESEND_API_URL,
            headers={"authorization": f"Bearer {key}"},
            timeout=SEND_SECONDS_MAX,
            trust_env=False,
        )
        self._sending: dict[str, asyncio.Task[None]] = {}

    def post(self, message: Message) -> None:
        """Sends soon, trying again for two minutes. Nobody waits, and an older mail about the same is given
        up.
        """
        older = self._sending.pop(message.about, None)
        if older:
            older.cancel()
        task = asyncio.create_task(self._send_or_log(message))
        self._sending[message.about] = task
        task.add_done_callback(lambda done: self._forget(message.about, done))

    async def send(self, message: Message) -> str:
        """Sends once; Resend's id of the mail. MailFailed when it was not taken."""
        _sender.set(self._http)
        params: resend.Emails.SendParams = {
            "from": self._from,
            "to": [message.to],
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        }
        try:
            sent = await resend.Emails.send_async(params, {"idempotency_key": message.key})
        except ResendError as error:
            # Its text may repeat the address, so neither it nor its chain goes any further.
            raise _failed(error) from None
        return str(sent["id"])

    async def domain(self, name: str) -> Domain | None:
        """What Resend knows of a domain of our account. MailFailed, of status 401, when our key may only send."""
        _sender.set(self._http)
        try:
            listed = await resend.Domains.list_async({"limit": DOMAINS_MAX})
            known = next((one["id"] for one in listed["data"] if one["name"] == name), None)
            found = await resend.Domains.get_async(known) if known else None
        except ResendError as error:
            raise _failed(error) from None
        if found is None:
            return None
        records = tuple((one["record"], one["status"]) for one in found["records"] or ())
        return Domain(found["name"], found["status"], records)

    async def health(self) -> Health:
        """Whether Resend answers, and takes our key. A key that may only send is refused this, and fine."""
        try:
            answer = await self._http.get("/domains")
        except httpx.HTTPError as error:
            return Health(False, f"not reached: {type(error).__name__}")
        is_refused = answer.status_code in (401, 403) and "restricted_api_key" not in answer.text
        return Health(answer.status_code < 500 and not is_refused, f"answers {answer.status_code}")

    async def aclose(self) -> None:
        """Gives the mails on their way a few seconds, then closes the connections."""
        if self._sending:
            _, late = await asyncio.wait(self._sending.values(), timeout=CLOSING_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._http.aclose()

    async def _send_or_log(self, message: Message) -> None:
        try:
            await self._send_with_retries(message)
        except MailFailed as error:
            log.error("mail_failed", about=message.about, status=error.status)
        else:
            log.info("mail_sent", about=message.about)

    async def _send_with_retries(self, message: Message) -> None:
        retries = stamina.retry_context(
            on=lambda error: isinstance(error, MailFailed) and error.is_passing,
            attempts=None,
            timeout=RETRY_SECONDS_MAX,
            wait_max=RETRY_WAIT_SECONDS_MAX,
        )
        async for attempt in retries:
            with attempt:
                await self.send(message)

    def _forget(self, about: str, done: "asyncio.Task[None]") -> None:
        if self._sending.get(about) is done:
            del self._sending[about]


def _failed(error: ResendError) -> MailFailed:
    return MailFailed(0 if error.error_type == "HttpClientError" else int(error.code))


_sender: ContextVar[httpx.AsyncClient] = ContextVar("sender")


class _OneClient(resend.AsyncHTTPClient):
    """What the SDK speaks through: our pooled client, which knows the address and the key."""

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        kept = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        answer = await _sender.get().request(method, url, headers=kept, json=json)
        return answer.content, answer.status_code, answer.headers


resend.api_key = ""
resend.api_url = ""
resend.default_async_http_client = _OneClient()
