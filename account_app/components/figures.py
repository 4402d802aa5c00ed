"""Numbers as people read them. Exact until here; the cent appears on the screen alone."""

from relay.money import PICO_PER_CENT


def dollars(pico: int) -> str:
    """`$1.23`; `<$0.01` for what is not zero but less than a cent; a minus sign for less than nothing."""
    if pico < 0:
        return f"−{dollars(-pico)}"
    if 0 < pico < PICO_PER_CENT:
        return "<$0.01"
    cents = (pico + PICO_PER_CENT // 2) // PICO_PER_CENT
    return f"${cents // 100:,}.{cents % 100:02d}"


def spendable(pico: int) -> str:
    """Like `dollars`, but rounded down: nobody is told of a cent that they do not have."""
    return dollars(pico if pico < PICO_PER_CENT else pico // PICO_PER_CENT * PICO_PER_CENT)


def count(number: int) -> str:
    """`12,345`."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A CSS percentage for a bar; anything that is not zero can be seen."""
    if part <= 0 or whole <= 0:
        return "0%"
    return f"{max(1.5, round(100 * part / whole, 2))}%"
