"""Pico-dollars (1e-12 USD) in and out of text. Floats never touch money."""

import re
from decimal import Decimal

PICO_PER_USD = 10**12
PICO_PER_CENT = 10**10
USD_MAX = 1_000_000
"""The largest amount anyone may name in one go; far below what int64 pico-dollars hold (9.2 M USD)."""
_AMOUNT = re.compile(r"\s*[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})\s*", re.ASCII)
"""Python's own decimals take exponents, underscores and the digits of every script too."""


def usd(pico: int) -> str:
    """An exact decimal string in USD: `usd(1_500_000_000_000) == "1.5"`, never an exponent, never a float."""
    sign, magnitude = ("-", -pico) if pico < 0 else ("", pico)
    whole, fraction = divmod(magnitude, PICO_PER_USD)
    digits = f"{fraction:012d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def pico_from_usd(text: object) -> int:
    """Reads a USD amount (`"12.50"`) exactly. ValueError on anything that is not one, or is finer than a pico."""
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise ValueError("an amount in USD is a decimal string such as 12.50")
    if not _AMOUNT.fullmatch(str(text)):
        raise ValueError("an amount in USD is a decimal string such as 12.50")
    amount = Decimal(text)
    if abs(amount) > USD_MAX:
        raise ValueError(f"an amount in USD is a number of at most {USD_MAX}")
    pico = amount * PICO_PER_USD
    if pico != pico.to_integral_value():
        raise ValueError("an amount in USD has at most 12 decimal places")
    return int(pico)
