"""`account-app grant`."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from relay import ledger
from relay.cli import shell
from relay.errors import BadInput
from relay.ids import new_id
from relay.money import usd


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
    shell.refuse_blank(reason)
    if kind not in ("promo", "topup", "monthly"):
        shell.fail("--kind is promo, topup or monthly.", 2)
    amount_pico = shell.pico_of(usd_amount)
    expires_at = shell.moment(expires) if expires else None
    keyed = f"cli:{key}" if key else new_id("grant")

    def give(connection: Connection) -> bool:
        account_id = shell.account_id(connection, email)
        given = ledger.grant(
            connection, account_id, kind=kind, amount_pico=amount_pico, key=keyed, reason=reason, source="operator",
            expires_at=expires_at,
        )  # fmt: skip
        if not given:
            _refuse_another_gift(connection, keyed, (account_id, kind, amount_pico))
        return given

    database = shell.open_database()
    given = database.write_now(give)
    database.close()
    shell.say(f"Gave ${usd(amount_pico)} to {email}." if given else "This key has given before; nothing was given.")


def _refuse_another_gift(connection: Connection, key: str, wanted: tuple[str, str, int]) -> None:
    """BadInput when the key has given another amount, another kind, or to another account."""
    before = ledger.given_by(connection, key)
    if before and tuple(before) != wanted:
        other = "this account" if before.account_id == wanted[0] else "another account"
        raise BadInput(f"This key gave ${usd(before.granted_pico)} ({before.kind}) to {other}. Choose another key.")
