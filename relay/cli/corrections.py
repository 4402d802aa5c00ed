"""`account-app correct`."""

from typing import Annotated

import typer

from relay import ledger
from relay.cli import shell
from relay.money import usd

Count = Annotated[int | None, typer.Option(min=0, max=100_000_000, help="How many there truly were.")]


@shell.main_app.command()
def correct(
    request_id: str,
    reason: Annotated[str, typer.Option(help="Why; the account's owner sees it on the receipt.")],
    price: Annotated[str | None, typer.Option(metavar="USD", help="All that shall be paid for the request.")] = None,
    input_tokens: Count = None,
    output_tokens: Count = None,
    cache_read_tokens: Count = None,
    cache_write_5m_tokens: Count = None,
    cache_write_1h_tokens: Count = None,
    web_searches: Count = None,
    key: Annotated[str | None, typer.Option(help="The same key twice corrects once.")] = None,
) -> None:
    """Corrects what a request was booked as: by its true tokens, or by the price that shall be paid.

    What was paid too much comes back as credit; what was paid too little is taken from it.
    """
    shell.refuse_blank(reason)
    counts = {
        "input": input_tokens,
        "output": output_tokens,
        "cache_read": cache_read_tokens,
        "cache_write_5m": cache_write_5m_tokens,
        "cache_write_1h": cache_write_1h_tokens,
        "web_searches": web_searches,
    }
    tokens = {kind: count for kind, count in counts.items() if count is not None}
    if bool(tokens) == (price is not None):
        shell.fail("Give the true number of tokens, or --price, and not both.", 2)
    price_pico = shell.pico_of(price) if price is not None else None
    keyed = f"cli:{key}" if key else None
    database = shell.open_database()
    done = database.write_now(
        lambda c: ledger.correct(c, request_id, reason=reason, tokens=tokens or None, price_pico=price_pico, key=keyed)
    )
    database.close()
    shell.say(
        f"Corrected {request_id} from ${usd(done.before_pico)} to ${usd(done.after_pico)}."
        if done.first
        else "This key has corrected before; nothing was corrected."
    )
