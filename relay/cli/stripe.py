"""`account-app stripe setup`: what a Stripe account needs before anybody can pay."""

import asyncio
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from relay.billing import FOLLOWED
from relay.cli import shell
from relay.gateways.payments import Payments
from relay.gateways.payments.setup import SetUp, Step, Wanted
from relay.money import PICO_PER_CENT
from relay.settings import Settings, settings
from relay.settings.faults import STRIPE, is_public

stripe_app = typer.Typer(no_args_is_help=True, help="The Stripe account behind the billing.")
shell.main_app.add_typer(stripe_app, name="stripe")


@stripe_app.command("setup")
def setup(
    plan_usd: Annotated[str, typer.Option(help="What a month of the plan costs.")] = "20",
    name: Annotated[str, typer.Option(help="What invoices call the plan.")] = "Font editor plan",
    webhook_url: Annotated[str, typer.Option(help="Where events go; without it, API_ORIGIN's webhook.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")] = False,
    as_json: shell.Json = False,
) -> None:
    """Creates what is missing in the Stripe account of STRIPE_API_KEY, and prints the settings for it.

    Run again, it changes nothing. Exit 1 when something is there that does not fit and has to be put right by hand.
    """
    found = settings()
    pico = shell.pico_of(plan_usd)
    if pico < 50 * PICO_PER_CENT or pico % PICO_PER_CENT:
        shell.fail("--plan-usd is at least 0.50, in whole cents.", 2)
    done = asyncio.run(run(found, wanted(found, pico // PICO_PER_CENT, name, webhook_url), dry_run))
    differs = any(step.state == "differs" for step in done.steps)
    if as_json:
        steps = [asdict(step) for step in done.steps]
        shell.print_json({"ok": not differs, "dry_run": dry_run, "steps": steps, "settings": done.settings})
    else:
        _draw(done.steps, dry_run)
        _draw_settings({} if dry_run else done.settings)
    sys.exit(1 if differs else 0)


def wanted(found: Settings, plan_cents: int, name: str, webhook_url: str) -> Wanted:
    """What the account shall have. Stripe itself cannot reach a webhook on this machine; the sandbox can."""
    reachable = found.STRIPE_API_BASE != STRIPE or is_public(found.api_origin)
    url = webhook_url or (f"{found.api_origin}/api/stripe/webhook" if reachable else "")
    return Wanted(
        name=name,
        plan_cents=plan_cents,
        credit_usd=found.PLAN_MONTHLY_CREDIT_USD,
        meter_event=found.STRIPE_METER_EVENT,
        plan_price=found.STRIPE_PRICE_PLAN,
        overage_price=found.STRIPE_PRICE_OVERAGE,
        event_types=FOLLOWED,
        webhook_url=url,
        thin_webhook_url=url,
    )


async def run(found: Settings, asked: Wanted, dry_run: bool = False) -> SetUp:
    """One run against the account of STRIPE_API_KEY. PaymentsFailed when Stripe refuses or does not answer."""
    payments = Payments(found)
    try:
        done = SetUp(payments, asked, dry_run)
        await done.run()
        return done
    finally:
        await payments.aclose()


def _draw(steps: list[Step], dry_run: bool) -> None:
    words = {"made": "would be made", "changed": "would be changed"} if dry_run else {}
    drawn = shell.table("what", "state", "id", "to do")
    for step in steps:
        drawn.add_row(*shell.cells(step.what, words.get(step.state, step.state), step.id, step.note))
    shell.out.print(drawn)


def _draw_settings(lines: dict[str, str]) -> None:
    """Alone on their lines, to be copied. Stripe tells a secret only when it makes its webhook."""
    if lines:
        shell.out.print("\nPut these into .env; the secrets are not shown again:")
    for name, value in lines.items():
        print(f"{name}={value}")  # noqa: T201 (Rich would wrap long lines)
