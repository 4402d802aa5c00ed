"""`account-app grant`."""

from typing import Annotated

import typer

from relay import ledger
from relay.cli import shell
from relay.ids import new_id
from relay.money import pico_from_usd, usd


@shell.main_app.command()
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
        shell.fail("--kind is promo, topup or monthly.", 2)
    try:
        amount_pico = pico_from_usd(usd_amount)
        expires_at = shell.moment(expires) if expires else None
    except ValueError as error:
        return shell.fail(str(error), 2)
    database = shell.open_database()
    given = database.write_now(
        lambda c: ledger.grant(
            c,
            shell.account_id(c, email),
            kind=kind,  # pyright: ignore[reportArgumentType] (checked above)
            amount_pico=amount_pico,
            key=f"cli:{key}" if key else new_id("grant"),
            reason=reason,
            source="operator",
            expires_at=expires_at,
        )
    )
    database.close()
    shell.out.print(
        f"Gave ${usd(amount_pico)} to {email}." if given else "This key has given before; nothing was given."
    )
