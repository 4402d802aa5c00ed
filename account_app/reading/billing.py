"""What the billing page shows, read in one go and put into words: the plan's state, credit, limits, invoices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Connection

from account_app.components.figures import dated, dollars, round_dollars, share, spendable
from account_app.session import Visitor, services
from account_app.spans import zone_named
from relay import accounts, billing, clock, usage
from relay.billing import CheckoutView, InvoiceView, PlanView, PreviewView, alerts
from relay.money import PICO_PER_CENT, pico_from_usd, usd
from relay.usage import BalanceView, GrantView

TOPUPS = (10, 25, 50, 100)
SOURCES = {"monthly": "Plan", "topup": "Top-up", "promo": "Promotion"}
INVOICE_STATES = {
    "paid": ("Paid", "good"),
    "open": ("Open", "warn"),
    "uncollectible": ("Not collected", "bad"),
    "void": ("Void", "plain"),
}


@dataclass(frozen=True)
class PlanShown:
    """`buys` when the plan can be started, `mends` when a payment is due."""

    name: str = ""
    tone: str = "plain"
    words: str = ""
    buys: bool = False
    mends: bool = False


@dataclass(frozen=True)
class GrantLine:
    """`expires` is RFC 3339, or empty for credit that stays; `invoice` its invoice's number, `address` its page."""

    source: str = ""
    reason: str = ""
    given: str = ""
    left: str = ""
    at: str = ""
    expires: str = ""
    invoice: str = ""
    address: str = ""


@dataclass(frozen=True)
class InvoiceLine:
    number: str = ""
    at: str = ""
    state: str = ""
    tone: str = ""
    amount: str = ""
    pdf: str = ""
    hosted: str = ""


@dataclass(frozen=True)
class UpcomingLine:
    words: str = ""
    amount: str = ""


@dataclass(frozen=True)
class Upcoming:
    """The next invoice. `state` is waiting, none, known or unknown; what is known stays when it cannot be renewed."""

    state: str = "waiting"
    amount: str = ""
    due: str = ""
    as_of: str = ""
    lines: list[UpcomingLine] = field(default_factory=list[UpcomingLine])


@dataclass(frozen=True)
class Visit:
    """What became of a visit to Stripe's checkout; `tone` is empty when there was none."""

    tone: str = ""
    title: str = ""
    words: str = ""
    waits: bool = False


@dataclass(frozen=True)
class BillingFigures:
    """`used_at` is where the requests of the billing period are."""

    visit: Visit = field(default_factory=Visit)
    plan: PlanShown = field(default_factory=PlanShown)
    owed: str = ""
    credit: str = ""
    grants: list[GrantLine] = field(default_factory=list[GrantLine])
    has_overage: bool = False
    used: str = ""
    used_at: str = ""
    cap: str = ""
    cap_usd: str = ""
    cap_share: str = "0%"
    cap_words: str = ""
    cap_max: str = ""
    topup_presets: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    topup_words: str = ""
    alerts_cap: bool = True
    alerts_low_credit: bool = True
    mail_stopped: str = ""
    invoices: list[InvoiceLine] = field(default_factory=list[InvoiceLine])


def billing_of(connection: Connection, visitor: Visitor) -> BillingFigures:
    """Everything of the page but the next invoice, of one moment."""
    account_id, settings = visitor.account_id, services().settings
    balance = usage.balance(connection, account_id)
    invoices = billing.invoices_of(connection, account_id)
    wanted, stop = alerts.choices(connection, account_id), accounts.mail_stop(connection, visitor.email)
    numbers = {one.id: one for one in invoices}
    least = _usd(settings.TOPUP_MIN_USD, visitor)
    return BillingFigures(
        visit=_visit(billing.checkout_of(connection, account_id, visitor.query.get("checkout", "")), visitor),
        plan=plan_words(billing.plan_of(connection, account_id), visitor, settings.PLAN_MONTHLY_CREDIT_USD),
        owed=_owed(balance, visitor),
        credit=spendable(balance.credit_pico, visitor.locale),
        grants=[_grant(one, numbers, visitor) for one in balance.grants],
        has_overage=balance.has_plan,
        used=dollars(balance.overage_pico, visitor.locale),
        used_at=_requests_of_period(balance, visitor),
        cap=dollars(balance.spend_cap_pico, visitor.locale),
        cap_usd=usd(balance.spend_cap_pico),
        cap_share=share(min(balance.overage_pico, balance.spend_cap_pico), balance.spend_cap_pico),
        cap_words=_cap_words(balance, visitor),
        cap_max=_usd(settings.SPEND_CAP_MAX_USD, visitor),
        topup_presets=[(str(one), _usd(one, visitor)) for one in TOPUPS],
        topup_words=f"{least} to {_usd(settings.TOPUP_MAX_USD, visitor)}, charged once.",
        alerts_cap=wanted.cap,
        alerts_low_credit=wanted.low_credit,
        mail_stopped=_stopped(stop.reason) if stop else "",
        invoices=[_invoice(one, visitor) for one in invoices],
    )


def plan_words(plan: PlanView | None, visitor: Visitor, credit_usd: str) -> PlanShown:
    """The plan's state in words: one for every state that a subscription can be in, none included."""
    if plan is None:
        words = (
            f"Prepaid: use ends with your credit. With the plan, {_usd(credit_usd, visitor)} of credit comes each "
            "month, and use beyond your credit can go on up to your spend cap."
        )
        return PlanShown("No plan", "plain", words, buys=True)
    if plan.status == "active" and plan.cancels_at:
        last = _day(plan.cancels_at, visitor)
        words = f"It ends on {last} and is not renewed. Until then all stays as it is; what was used is billed then."
        return PlanShown("Ends soon", "warn", words)
    if plan.status == "active":
        credit = dollars(plan.monthly_credit_pico, visitor.locale)
        words = f"{credit} of credit each month. Renews on {_day(plan.period_end, visitor)}."
        return PlanShown("Active", "good", words)
    if plan.status == "trialing":
        until = _day(plan.trial_end or plan.period_end, visitor)
        words = f"Until {until}. Its credit comes once, and there is no pay-per-use before the first payment."
        return PlanShown("Trial", "good", words)
    return HALTED.get(plan.status, PlanShown(plan.status.replace("_", " ").capitalize(), "warn", ""))


HALTED = {
    "past_due": PlanShown(
        "Payment failed",
        "bad",
        "The last payment did not go through, so there is no pay-per-use. Credit that you have stays until it "
        "expires. Pay it or change the card, and all is as before.",
        mends=True,
    ),
    "unpaid": PlanShown(
        "Unpaid",
        "bad",
        "The payment was tried several times and did not go through. There is no pay-per-use and no new credit "
        "until the invoice is paid.",
        mends=True,
    ),
    "paused": PlanShown(
        "Paused", "warn", "No month is charged and no credit comes, and there is no pay-per-use, until it goes on."
    ),
    "incomplete": PlanShown(
        "Not paid yet", "warn", "The first payment has not gone through. Finish it to start the plan.", buys=True
    ),
}
"""What a plan is in a state that nobody has paid for, by the names of Stripe's."""


def upcoming_of(found: PreviewView, visitor: Visitor) -> Upcoming:
    """The next invoice, to the cent."""
    if found.period_end is None:
        return Upcoming("none")
    lines = [UpcomingLine(line.description, dollars(line.amount_pico, visitor.locale)) for line in found.lines]
    amount, due = dollars(found.amount_pico, visitor.locale), _day(found.period_end, visitor)
    return Upcoming("known", amount, due, clock.rfc3339(clock.now()), lines)


def _visit(found: CheckoutView | None, visitor: Visitor) -> Visit:
    """Told by what the webhook has worked through, never by the address that Stripe sent the person back to."""
    if found is None:
        return Visit()
    amount = dollars(found.amount_cents * PICO_PER_CENT, visitor.locale)
    if found.state == "paid":
        what = f"{amount} of credit was added." if found.kind == "topup" else "Your plan has begun."
        return Visit("good", "Payment received", f"{what} The receipt comes by mail.")
    told = {
        "open": Visit("warn", "Confirming your payment", "This page changes by itself, usually in seconds.", True),
        "confirming": Visit(
            "warn", "Confirming your payment", "Your bank takes its time with this one. Credit comes with it.", True
        ),
        "failed": Visit("bad", "The payment did not go through", "Nothing was charged. You can try again below."),
        "expired": Visit("bad", "The payment was not finished in time", "Nothing was charged. You can start again."),
    }
    return told.get(found.state, Visit())


def _usd(amount: str | int, visitor: Visitor) -> str:
    """An amount of the settings."""
    return round_dollars(pico_from_usd(amount), visitor.locale)


def _owed(balance: BalanceView, visitor: Visitor) -> str:
    if balance.credit_pico >= 0:
        return ""
    owed = dollars(-balance.credit_pico, visitor.locale)
    return (
        f"Your account owes {owed}: a payment was refunded or disputed when its credit was used already or being used, "
        "or an answer cost more than was left. It comes on no invoice: new credit covers it first, and requests are "
        "refused until it does."
    )


def _grant(grant: GrantView, invoices: Mapping[str, InvoiceView], visitor: Visitor) -> GrantLine:
    invoice = invoices.get(grant.source)
    return GrantLine(
        source=SOURCES.get(grant.kind, grant.kind),
        reason=grant.reason if grant.kind == "promo" else "",
        given=dollars(grant.granted_pico, visitor.locale),
        left=spendable(grant.remaining_pico, visitor.locale),
        at=clock.rfc3339(grant.created_at),
        expires=clock.rfc3339(grant.expires_at) if grant.expires_at else "",
        invoice=(invoice.number or "Invoice") if invoice else "",
        address=invoice.hosted_url if invoice else "",
    )


def _requests_of_period(balance: BalanceView, visitor: Visitor) -> str:
    zone, start = zone_named(visitor.zone), balance.period_start or clock.now()
    days = {"from": start.astimezone(zone).date(), "to": clock.now().astimezone(zone).date()}
    return "/requests?" + urlencode(days)


def _cap_words(balance: BalanceView, visitor: Visitor) -> str:
    if not balance.has_plan:
        return "In force once you have an active plan. Without one, use ends with your credit."
    left = spendable(max(0, balance.spend_cap_pico - balance.overage_pico), visitor.locale)
    until = f" until {_day(balance.period_end, visitor)}" if balance.period_end else ""
    return f"{left} of pay-per-use is left{until}. At the cap, requests beyond your credit are refused."


def _stopped(reason: str) -> str:
    if reason == "complained":
        return "No alerts are mailed: somebody reading mail at your address called one of ours spam."
    return "No alerts are mailed: a mail to your address came back. Sign in with a new code to try again."


def _invoice(invoice: InvoiceView, visitor: Visitor) -> InvoiceLine:
    words, tone = INVOICE_STATES.get(invoice.status, (invoice.status, "plain"))
    return InvoiceLine(
        number=invoice.number or "Invoice",
        at=clock.rfc3339(invoice.created),
        state=words,
        tone=tone,
        amount=dollars(invoice.amount_pico, visitor.locale),
        pdf=invoice.pdf_url,
        hosted=invoice.hosted_url,
    )


def _day(at: datetime | None, visitor: Visitor) -> str:
    return dated(at.astimezone(zone_named(visitor.zone)).date(), visitor.locale) if at else "its end"
