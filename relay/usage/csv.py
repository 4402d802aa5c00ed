"""Usage as a spreadsheet reads it: RFC 4180, money exact, nothing that runs as a formula."""

from collections.abc import Iterator

from relay.money import usd
from relay.spreadsheets import cell
from relay.usage.rollups import UsageView

HEADER = (
    "bucket",
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "input_usd",
    "output_usd",
    "cache_read_usd",
    "cache_write_usd",
    "other_usd",
    "price_usd",
)


def csv(view: UsageView) -> Iterator[str]:
    """Lines with their line ends, under a header. No total: spreadsheets would add it again."""
    yield ",".join(HEADER) + "\r\n"
    for row in view.rows:
        counts = (
            row.requests,
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
        )
        amounts = (
            row.input_pico,
            row.output_pico,
            row.cache_read_pico,
            row.cache_write_pico,
            row.other_pico,
            row.price_pico,
        )
        yield ",".join([cell(row.bucket), *map(str, counts), *map(usd, amounts)]) + "\r\n"
