"""`account-app …`: what the operator types. It exits 0 when fine, 1 on something wrong, 2 when called wrongly."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from relay import accounts, clock, ledger, logs, migrations, pricing, sync
from relay.database import Database
from relay.errors import Misconfigured, ProductError
from relay.ids import new_id
from relay.money import pico_from_usd, usd
from relay.pricing import PriceTable
from relay.settings import read_settings, settings
from relay.settings_example import is_current, write_example

main_app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
key_app = typer.Typer(no_args_is_help=True, help="API keys for programs.")
main_app.add_typer(key_app, name="key")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
out = Console()
err = Console(stderr=True)


def main() -> None:
    """The console script's entry: errors become one line and an exit code."""
    try:
        main_app()
    except Misconfigured as error:
        _fail(str(error), 2)
    except ProductError as error:
        _fail(error.message, 2 if error.status < 500 else 1)


def _fail(message: str, code: int) -> None:
    err.print(message, style="red", markup=False, highlight=False)
    sys.exit(code)


def _open(*, migrated: bool = True) -> Database:
    found = settings()
    if migrated:
        from relay.services import refuse_unless_migrated

        refuse_unless_migrated(found)
    return Database(found.database_url, checkpoints=False)


@main_app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 3000,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes; more than one needs PostgreSQL and Redis.")
    ] = 1,
) -> None:
    """Serves the product: API, event socket, and the built front end if it is there."""
    from relay.serving import serve as run

    run(settings(), host, port, workers)


@main_app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if tables and revisions differ.")
    ] = False,
) -> None:
    """Brings the database to the current revision and publishes the price list if it changed."""
    found = settings()
    if check:
        _check_drift()
        return
    migrations.upgrade(found)
    database = _open()
    version = database.write_now(lambda c: pricing.publish(c, found.MARKUP_PERCENT, clock.now()))
    database.close()
    out.print(f"The database is at revision {migrations.head_revision()}.")
    if version:
        out.print(f"Published price version {version} with a markup of {found.MARKUP_PERCENT} %.")


def _check_drift() -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        fresh = read_settings(DATABASE_URL=f"sqlite:///{Path(folder) / 'fresh.db'}")
        migrations.upgrade(fresh)
        found = migrations.drift(fresh)
    if found:
        _fail("The tables and the revisions differ:\n" + "\n".join(found), 1)
    out.print("The revisions make exactly the tables.")


@main_app.command("env-example")
def env_example(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 if it is out of date.")] = False,
) -> None:
    """Writes .env.example from the settings."""
    if check and not is_current():
        _fail(".env.example is out of date. Run `account-app env-example`.", 1)
    if not check:
        write_example()
    out.print(".env.example is up to date.")


@main_app.command()
def grant(
    email: str,
    usd_amount: Annotated[str, typer.Argument(metavar="USD")],
    reason: Annotated[str, typer.Option(help="Why; the account's owner sees it.")],
    kind: Annotated[str, typer.Option(help="promo, topup or monthly.")] = "promo",
    expires: Annotated[str | None, typer.Option(help="A date, or RFC 3339.")] = None,
    key: Annotated[str | None, typer.Option(help="The same key twice gives once.")] = None,
) -> None:
    """Gives credit, creating the account if need be."""
    if kind not in ("promo", "topup", "monthly"):
        _fail("--kind is promo, topup or monthly.", 2)
    try:
        amount_pico = pico_from_usd(usd_amount)
        expires_at = _moment(expires) if expires else None
    except ValueError as error:
        return _fail(str(error), 2)
    database = _open()
    given = database.write_now(
        lambda c: ledger.grant(
            c,
            _account_id(c, email),
            kind=kind,  # pyright: ignore[reportArgumentType] (checked above)
            amount_pico=amount_pico,
            key=f"cli:{key}" if key else new_id("grant"),
            reason=reason,
            source="operator",
            expires_at=expires_at,
        )
    )
    database.close()
    out.print(f"Gave ${usd(amount_pico)} to {email}." if given else "This key has given before; nothing was given.")


@key_app.command("create")
def key_create(email: str, name: Annotated[str, typer.Option(help="What it is for.")] = "") -> None:
    """Prints a new API key, once."""
    database = _open()
    secret, _ = database.write_now(lambda c: accounts.create_key(c, _account_id(c, email), name))
    database.close()
    print(secret)  # noqa: T201 (alone on its line, for programs)


@main_app.command()
def prices(
    at: Annotated[str | None, typer.Option(help="The version in force at this date.")] = None, as_json: Json = False
) -> None:
    """The price table."""
    database = _open()
    try:
        moment = _moment(at) if at else None
    except ValueError as error:
        return _fail(str(error), 2)
    found = database.read_now(lambda c: pricing.current(c, moment))
    database.close()
    if as_json:
        _print_json(_prices_as_json(found))
        return
    drawn = Table("model", "kind", "tier", "cost, pico-dollars", "price, pico-dollars", "checked", title=found.version)
    for row in found.rows:
        drawn.add_row(row.model, row.kind, row.tier, f"{row.cost_pico:,}", f"{row.price_pico:,}", row.checked)
    out.print(drawn)


def _prices_as_json(found: PriceTable) -> dict[str, Any]:
    names = ("model", "kind", "tier", "cost_pico", "price_pico", "source", "checked")
    return {
        "version": found.version,
        "published_at": clock.rfc3339(found.published_at),
        "prices": [{name: getattr(row, name) for name in names} for row in found.rows],
    }


@main_app.command()
def audit(as_json: Json = False) -> None:
    """Recomputes balances, roll-ups and prices from usage rows and grants, and names every difference."""
    from relay.audit import recompute

    database = _open()
    found = database.read_now(recompute)
    database.close()
    if as_json:
        rows = [{"what": d.what, "id": d.id, "ours": d.ours, "recomputed": d.recomputed} for d in found]
        _print_json({"ok": not found, "differences": rows})
    elif found:
        drawn = Table("what", "id", "ours", "recomputed", title="Differences")
        for d in found:
            drawn.add_row(d.what, str(d.id), str(d.ours), str(d.recomputed))
        out.print(drawn)
    else:
        out.print("Balances, roll-ups and prices are what the entries and usage rows say.")
    sys.exit(1 if found else 0)


@main_app.command("sync")
def sync_now(until: Annotated[str | None, typer.Option(help="As if it were this time.")] = None) -> None:
    """One tick of the clock now: sweep and expire."""
    import asyncio

    if until:
        try:
            clock.move(_moment(until) - clock.now())
        except ValueError as error:
            return _fail(str(error), 2)
    database = _open()
    logs.configure(settings().LOG_FORMAT)
    done = asyncio.run(sync.tick(database))
    database.close()
    out.print(f"Swept {done['swept']} holds; expired credit of {done['expired']} accounts.")


def _account_id(connection: Connection, email: str) -> str:
    """The account of that address, opened if need be."""
    person = accounts.account_for(connection, settings(), accounts.normalise_email(email))
    assert person is not None  # only a look-up without creating finds nobody
    return person.account_id


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date. Write 2026-12-31 or 2026-12-31T12:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))  # noqa: T201 (Rich would wrap long lines)


if __name__ == "__main__":
    main()
