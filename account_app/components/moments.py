"""Moments in the reader's locale and zone, the zone named. The browser does it; the server sends RFC 3339 and which."""

import reflex as rx
from reflex.vars import FunctionStringVar

from account_app.session import Session


def _written(parts: str) -> FunctionStringVar:
    """In the calendar and the digits of the server, which writes the dates of charts and tables."""
    ours = "calendar: 'gregory', numberingSystem: 'latn', timeZone: zone || undefined"
    return FunctionStringVar.create(
        "((at, locale, zone) => at ? new Intl.DateTimeFormat(locale || undefined, "
        f"{{{parts}, {ours}}}).format(new Date(at)) : '')"
    )


_CLOCK = "hour: 'numeric', minute: '2-digit', timeZoneName: 'short'"
_FULL = _written(f"month: 'short', day: 'numeric', {_CLOCK}")
_WHOLE = _written(f"year: 'numeric', month: 'short', day: 'numeric', {_CLOCK}, second: '2-digit'")
_SHORT = _written(_CLOCK)
_DATE = _written("year: 'numeric', month: 'short', day: 'numeric'")

# Browsers write moments each in their own way. One that the server wrote stays as it is until it changes.
_AS_WRITTEN = {"suppressHydrationWarning": True}


def moment(at: rx.Var[str], class_name: str = "sm:whitespace-nowrap") -> rx.Component:
    """`Nov 24, 14:32 GMT+1`; the second and the year on pointing at it. `at` is RFC 3339, or empty for nothing."""
    return _time(_FULL, at, class_name)


def whole_moment(at: rx.Var[str], class_name: str = "") -> rx.Component:
    """`Nov 24, 2026, 14:32:07 GMT+1`, for a receipt."""
    return _time(_WHOLE, at, class_name)


def clock_time(at: rx.Var[str], class_name: str = "") -> rx.Component:
    """`14:32 GMT+1`, for something of today."""
    return _time(_SHORT, at, f"whitespace-nowrap {class_name}")


def date_of(at: rx.Var[str], class_name: str = "") -> rx.Component:
    """`Nov 24, 2026`, for something whose hour does not matter: when credit expires, when a period ends."""
    return _time(_DATE, at, f"whitespace-nowrap {class_name}")


def _time(written: FunctionStringVar, at: rx.Var[str], class_name: str) -> rx.Component:
    place = (at, Session.shown_locale, Session.shown_zone)
    return rx.el.time(
        written.call(*place), date_time=at, title=_WHOLE.call(*place), class_name=class_name, custom_attrs=_AS_WRITTEN
    )
