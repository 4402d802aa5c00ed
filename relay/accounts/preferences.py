"""In which zone and in which language's habits somebody reads figures. Empty is whatever their browser says."""

from functools import cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from sqlalchemy import Connection, select, update

from relay import clock
from relay.errors import BadInput
from relay.tables import Account, table

accounts = table(Account)
NAME_LENGTH_MAX = 64
_OFFERED = (
    *("ar", "bg-BG", "bn", "ca-ES", "cs-CZ", "da-DK", "de-AT", "de-CH", "de-DE", "el-GR", "en-AU", "en-CA", "en-GB"),
    *("en-IE", "en-IN", "en-NZ", "en-US", "es-AR", "es-ES", "es-MX", "et-EE", "fa", "fi-FI", "fr-BE", "fr-CA", "fr-CH"),
    *("fr-FR", "he-IL", "hi-IN", "hr-HR", "hu-HU", "hy", "id-ID", "is-IS", "it-CH", "it-IT", "ja-JP", "ka", "ko-KR"),
    *("lt-LT", "lv-LV", "nb-NO", "nl-BE", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "sk-SK", "sl-SI", "sr", "sv-SE"),
    *("ta-IN", "th-TH", "tr-TR", "uk-UA", "vi-VN", "zh-CN", "zh-TW"),
)
"""Where fonts are drawn. Every other locale that Babel knows is taken too."""
_NOT_PLACES = ("Etc/", "SystemV/", "US/", "posix", "right/")


class Preferences(NamedTuple):
    time_zone: str
    locale: str


@cache
def time_zones() -> tuple[str, ...]:
    """The zones that are offered: places, and UTC. Every other IANA name is taken too."""
    places = (zone for zone in clock.zones() if "/" in zone and not zone.startswith(_NOT_PLACES))
    return ("UTC", *sorted(places))


@cache
def locales() -> tuple[tuple[str, str], ...]:
    """The locales that are offered, as (`de-CH`, `Deutsch (Schweiz)`), in the order of their own names."""
    names = ((each, Locale.parse(each, sep="-").display_name or each) for each in _OFFERED)
    return tuple(sorted(names, key=lambda each: each[1].casefold()))


def set_preferences(connection: Connection, account_id: str, time_zone: object, locale: object) -> None:
    """BadInput on a zone that IANA, or a locale that Babel, does not know."""
    values = {"time_zone": _zone(time_zone), "locale": _locale(locale)}
    connection.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def _zone(given: object) -> str:
    if not isinstance(given, str) or len(given) > NAME_LENGTH_MAX or (given and given not in clock.zones()):
        raise BadInput("This is not a time zone. Choose one, such as Europe/Berlin.")
    return given


def _locale(given: object) -> str:
    if given == "":
        return ""
    if not isinstance(given, str) or len(given) > NAME_LENGTH_MAX:
        raise BadInput("This is not a language that we know.")
    try:
        return str(Locale.parse(given, sep="-")).replace("_", "-")
    except (ValueError, UnknownLocaleError):
        raise BadInput("This is not a language that we know.") from None


def preferences_of(connection: Connection, account_id: str) -> Preferences:
    """What was chosen; '' for what was not."""
    chosen = select(accounts.c.time_zone, accounts.c.locale)
    return Preferences(*connection.execute(chosen.where(accounts.c.id == account_id)).one())
