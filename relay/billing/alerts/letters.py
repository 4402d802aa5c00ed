"""The letters. A letter is made of its alert alone, so that sending it again sends the same bytes.

They link to the billing page, never to Stripe's portal: whoever has that address is let in.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from relay.billing.alerts.rules import ALWAYS
from relay.gateways.mail import Message
from relay.money import PICO_PER_CENT
from relay.settings import Settings

_HTML = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin:0;padding:32px 16px;font:16px/1.5 system-ui,sans-serif;color:#1c1c1e;background:#ffffff">
<div style="max-width:440px;margin:0 auto">
<p style="margin:0 0 16px;font-weight:600;font-size:20px;line-height:1.3">{subject}</p>
{paragraphs}
<p style="margin:24px 0"><a href="{link}" style="display:inline-block;padding:10px 16px;border-radius:8px;\
background:#1c1c1e;color:#ffffff;text-decoration:none;font-weight:600">{action}</a></p>
<p style="margin:0;padding-top:16px;border-top:1px solid #e5e5ea;font-size:14px;color:#5c5c61">{why}</p>
</div></body></html>
"""
_PARAGRAPH = '<p style="margin:0 0 16px">{}</p>'
_TEXT = "{subject}\n\n{paragraphs}\n\n{action}: {link}\n\n-- \n{why}\n"
_CHOSEN = "You get this because alerts are on for your account at {site}. You can turn them off on the billing page."
_ALWAYS = "This is about a payment of your account at {site}, so it is always sent."


class Words(NamedTuple):
    subject: str
    paragraphs: tuple[str, ...]
    action: str


def letter(settings: Settings, row: Any, email: str, tag: str) -> Message:
    """The mail of one row of `alerts`. `tag` stands for the address in the log and in the key."""
    said = words(row.kind, json.loads(row.detail), row.created_at)
    site = urlsplit(settings.ACCOUNT_ORIGIN).netloc
    why = (_ALWAYS if row.kind in ALWAYS else _CHOSEN).format(site=site)
    parts = {"subject": said.subject, "action": said.action, "why": why, "link": f"{settings.ACCOUNT_ORIGIN}/billing"}
    html = {name: escape(part) for name, part in parts.items()}
    return Message(
        to=email,
        subject=said.subject,
        text=_TEXT.format(**parts, paragraphs="\n\n".join(said.paragraphs)),
        html=_HTML.format(**html, paragraphs="\n".join(_PARAGRAPH.format(escape(one)) for one in said.paragraphs)),
        key=f"alert-{row.id}-{tag}",
        about=f"alert-{row.id}",
    )


def words(kind: str, detail: Mapping[str, Any], at: datetime) -> Words:
    """What an alert says, in plain words."""
    family, _, step = kind.partition("_")
    if family == "cap":
        return _about_cap(int(step), detail)
    if family == "credit":
        return _about_credit(int(step), detail)
    return _ABOUT_PAYMENTS[kind](detail, at)


def _about_cap(step: int, detail: Mapping[str, Any]) -> Words:
    used, cap = dollars(detail["used"]), dollars(detail["cap"])
    until = f" It begins anew on {day(detail['until'])}." if "until" in detail else ""
    if step == 100:
        return Words(
            "Your spend cap is reached",
            (
                f"Pay-per-use has reached your spend cap of {cap} for this billing period.",
                "Requests beyond your credit are refused until you raise the cap, top up, or the next period begins."
                + until,
            ),
            "Raise the cap or top up",
        )
    return Words(
        f"{step} % of your spend cap is used",
        (
            f"Pay-per-use has come to {used} of your spend cap of {cap} for this billing period.{until}",
            "Nothing stops yet. At the cap, requests beyond your credit are refused.",
        ),
        "Look at your spend cap",
    )


def _about_credit(step: int, detail: Mapping[str, Any]) -> Words:
    left, given = detail["left"], dollars(detail["given"])
    if left < 0:
        owed = dollars(-left)
        return Words(
            "Your credit is below zero",
            (
                f"Your account owes {owed}: more was used than is left of the payments behind it, "
                "as happens when a payment is refunded or disputed after its credit was spent, or while it is.",
                "It comes on no invoice: new credit covers it first, and requests are refused until it does.",
            ),
            "Top up",
        )
    then = (
        "Requests go on as pay-per-use, up to your spend cap."
        if detail["goes_on"]
        else "Without credit, requests are refused until you top up."
    )
    if step == 0:
        return Words("Your credit is used up", ("Nothing is left of your credit.", then), "Top up")
    return Words(
        "Your credit is running low",
        (f"{dollars(left)} is left; your account was last given {given}.", then),
        "Top up",
    )


def _payment_failed(detail: Mapping[str, Any], at: datetime) -> Words:
    number = f" (invoice {detail['number']})" if detail["number"] else ""
    return Words(
        "Your payment did not go through",
        (
            f"We could not collect {cents(detail['cents'])}{number}. Your bank may have refused the card, or wants you "
            "to confirm the payment.",
            "Until it is paid, there is no pay-per-use. Credit that you have stays yours until it expires.",
            "On the billing page, “Manage card and invoices” takes you to where you can pay or change the card.",
        ),
        "Go to billing",
    )


def _receipt(detail: Mapping[str, Any], at: datetime) -> Words:
    return Words(
        f"Receipt: {cents(detail['cents'])} paid",
        (
            f"Thank you. We received {cents(detail['cents'])} on {day(detail['on'])}.",
            f"{dollars(detail['given'])} of credit was added to your account. It does not expire.",
        ),
        "See your credit",
    )


def _plan_ended(detail: Mapping[str, Any], at: datetime) -> Words:
    return Words(
        "Your plan has ended",
        (
            f"Your plan ended on {day(at.date().isoformat())}. There is no pay-per-use any more, and no further month "
            "is charged. What was used before is billed once.",
            "Credit that you topped up stays, and you can start a plan again at any time.",
        ),
        "Go to billing",
    )


def _storage_unpaid(detail: Mapping[str, Any], at: datetime) -> Words:
    return Words(
        "Your files are kept without credit",
        (
            f"There is no credit left to keep your files with. They stay where they are until {day(detail['until'])}, "
            "you owe nothing for that time, and you can download or delete them. New ones cannot be uploaded.",
            f"Without new credit by then they are deleted, and can be put back for {detail['undo']} more days.",
        ),
        "Add credit",
    )


def _storage_ends(detail: Mapping[str, Any], at: datetime) -> Words:
    return Words(
        f"Your files are deleted on {day(detail['until'])}",
        (
            "There is still no credit to keep your files with. Any new credit keeps them; or download them first.",
            f"Once deleted, they can be put back for {detail['undo']} days.",
        ),
        "Add credit",
    )


_ABOUT_PAYMENTS: dict[str, Callable[[Mapping[str, Any], datetime], Words]] = {
    "payment_failed": _payment_failed,
    "receipt": _receipt,
    "plan_ended": _plan_ended,
    "storage_unpaid": _storage_unpaid,
    "storage_ends": _storage_ends,
}


def dollars(pico: int) -> str:
    """Whole cents that are there; less than one is not nothing."""
    return "<$0.01" if 0 < pico < PICO_PER_CENT else cents(pico // PICO_PER_CENT)


def cents(count: int) -> str:
    return f"${count // 100:,}.{count % 100:02d}"


def day(iso: str) -> str:
    """`24 November 2026`."""
    found = date.fromisoformat(iso)
    return f"{found.day} {found:%B %Y}"
