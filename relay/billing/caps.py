"""The spend cap that a person may choose."""

from relay.errors import BadInput
from relay.money import PICO_PER_USD, pico_from_usd
from relay.settings import Settings


def cap_from(amount_usd: object, settings: Settings) -> int:
    """A spend cap in pico-dollars. BadInput says within which bounds."""
    most_usd = settings.SPEND_CAP_MAX_USD
    try:
        cap_pico = pico_from_usd(amount_usd)
    except ValueError:
        cap_pico = -1
    if not 0 <= cap_pico <= most_usd * PICO_PER_USD:
        raise BadInput(f"A spend cap is $0 to ${most_usd}.", field="usd")
    return cap_pico
