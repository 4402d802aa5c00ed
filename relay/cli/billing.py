"""`account-app sync`, `events` and `reconcile`: the clock that keeps the books, and Stripe's side of them."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import Progress
from sqlalchemy import Row

from relay import accounts, billing, clock, logs, pricing, storage, sync
from relay.billing import Difference, Office
from relay.cli import shell
from relay.gateways.objects import open_objects
from relay.gateways.payments import Payments
from relay.ids import new_id
from relay.settings import settings
from relay.settings.faults import LIVE_KEYS
from relay.settling.keeping import Drawer
from relay.settling.unbooked import Unbooked
from relay.storage import Storehouse

T = TypeVar("T")
events_app = typer.Typer(no_args_is_help=False, help="Stored Stripe events.")
shell.main_app.add_typer(events_app, name="events")


def with_office(work: Callable[[Office], Awaitable[T]]) -> T:
    """Runs `work` with a database and Stripe of its own, and closes them."""

    async def run() -> T:
        database, payments = shell.open_database(), Payments(settings())
        try:
            return await work(Office(database, payments, settings()))
        finally:
            await payments.aclose()
            database.close()

    logs.configure(settings().LOG_FORMAT)
    return asyncio.run(run())


@shell.main_app.command("sync")
def sync_now(
    until: Annotated[str | None, typer.Option(help="As if it were this time.")] = None,
    stuck: Annotated[bool, typer.Option("--stuck", help="Also what Stripe refused for good before.")] = False,
) -> None:
    """One tick of the clock now: sweep, expire, book storage, work Stripe's events, seal windows and push them."""
    if until:
        ahead = shell.moment(until) - clock.now()
        if ahead > timedelta() and settings().reveal("STRIPE_API_KEY").startswith(LIVE_KEYS):
            shell.fail("--until is ahead of now, and these books are live: credit would end before its time.", 2)
        clock.move(ahead)
    done = with_office(partial(_sync, stuck=stuck))
    shell.out.print(f"Swept {done['swept']} holds; expired credit of {done['expired']} accounts.")
    shell.out.print(f"Booked storage of {done['stored']} accounts; {done['purged']} files have left.")
    shell.out.print(f"Sealed {done['sealed']} windows; delivered {done['pushed']} to Stripe; {done['waiting']} wait.")


async def _sync(office: Office, stuck: bool) -> dict[str, int]:
    if stuck:
        await office.database.write(billing.try_stuck_again)
    await Unbooked(office.database, Drawer(office.settings, new_id("command")), lambda _: None).book_left_behind()
    ticked = await sync.tick(office.database)
    prices = await office.database.read(pricing.current)
    stored = await storage.tick(Storehouse(office.database, open_objects(office.settings), office.settings, prices))
    billed = await sync.bill(office)
    await sync.roll_up(office.database)
    return ticked | stored | billed | {"waiting": await office.database.read(billing.unsent)}


@events_app.callback(invoke_without_command=True)
def events(context: typer.Context, as_json: shell.Json = False) -> None:
    """Lists the newest events, unless another command is given."""
    if context.invoked_subcommand is None:
        _list(as_json)


@events_app.command("list")
def events_list(as_json: shell.Json = False) -> None:
    """The newest thousand events and what became of them."""
    _list(as_json)


def _list(as_json: bool) -> None:
    database = shell.open_database()
    found = database.read_now(lambda c: billing.listed(c, limit=1000))
    database.close()
    if as_json:
        shell.print_json([_as_json(row) for row in found])
        return
    drawn = shell.table("id", "type", "state", "attempts", "received", "error", title="Stripe's events, newest first")
    for row in found:
        received = clock.rfc3339(row.received_at)
        drawn.add_row(*shell.cells(row.id, row.type, row.state, row.attempts, received, row.error))
    shell.out.print(drawn)


def _as_json(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "type", "state", "attempts", "error")
    return {name: getattr(row, name) for name in names} | {"received_at": clock.rfc3339(row.received_at)}


@events_app.command("replay")
def events_replay(
    event_id: Annotated[str | None, typer.Argument(metavar="ID", help="The event.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
) -> None:
    """Works an event, or all that failed, once more; its effect is still had once."""
    if (event_id is None) == (not failed):
        shell.fail("Name one event, or say --failed.", 2)
    states = with_office(lambda office: _replay(office, event_id))
    for name, state in states.items():
        shell.say(f"{name}: {state}")
    shell.out.print(f"Worked {len(states)} events.")
    sys.exit(1 if any(state == "failed" for state in states.values()) else 0)


async def _replay(office: Office, event_id: str | None) -> dict[str, str]:
    if event_id is None:
        ids = await office.database.write(billing.replay_failed)
    else:
        await office.database.write(lambda c: billing.replay(c, event_id))
        ids = [event_id]
    await billing.work_through(office)
    return await office.database.read(lambda c: billing.states_of(c, ids))


@shell.main_app.command()
def reconcile(
    account: Annotated[str | None, typer.Option(help="One account's e-mail address.")] = None,
    period: Annotated[str | None, typer.Option(help="Only periods that begin in YYYY-MM.")] = None,
    as_json: shell.Json = False,
) -> None:
    """Compares the ledger with Stripe, per account and period, and names every difference."""
    if period is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        shell.fail("--period is YYYY-MM, such as 2026-11.", 2)
    email = accounts.normalise_email(account) if account else None
    found = with_office(lambda office: _reconcile(office, email, period, quiet=as_json))
    if as_json:
        names = ("account", "period", "what", "ours", "stripe")
        rows = [{name: getattr(d, name) for name in names} for d in found]
        shell.print_json({"ok": not found, "differences": rows})
    elif found:
        drawn = shell.table("account", "period", "what", "ours", "Stripe", title="Differences")
        for d in found:
            drawn.add_row(*shell.cells(d.account, d.period, d.what, d.ours, d.stripe))
        shell.out.print(drawn)
    else:
        shell.out.print("Ledger, windows, meter and invoices agree.")
    sys.exit(1 if found else 0)


async def _reconcile(office: Office, email: str | None, period: str | None, *, quiet: bool) -> list[Difference]:
    subjects = await office.database.read(lambda c: billing.subjects(c, email))
    if email and not subjects:
        shell.fail(f"There is no account {email}.", 2)
    found: list[Difference] = []
    with Progress(console=shell.err, disable=quiet or not shell.err.is_terminal, transient=True) as progress:
        for subject in progress.track(subjects, description="Reconciling"):
            found += [difference async for difference in billing.reconcile(office, subject, period)]
    return found
