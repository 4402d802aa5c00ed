"""Moments in the reader's own language and zone, the zone named. The browser does it; the server sends RFC
3339.
"""

import reflex as rx
from reflex.vars import FunctionStringVar

_FULL = FunctionStringVar.create(
    "((at)=>at?new Intl.DateTimeFormat(undefined,{month:'short',day:'numeric',hour:'2-digit',"
    "minute:'2-digit',timeZoneName:'short'}).format(new Date(at)):'')"
)
_CLOCK = FunctionStringVar.create(
    "((at)=>at?new Intl.DateTimeFormat(undefined,{hour:'2-digit',minute:'2-digit',timeZoneName:'short'})"
    ".format(new Date(at)):'')"
)


def moment(at: rx.Var[str], class_name: str = "sm:whitespace-nowrap") -> rx.Component:
    """`Nov 24, 14:32 GMT+1`."""
    return rx.el.time(_FULL.call(at), date_time=at, class_name=class_name)


def clock_time(at: rx.Var[str], class_name: str = "") -> rx.Component:
    """`14:32 GMT+1`, for something of today."""
    return rx.el.time(_CLOCK.call(at), date_time=at, class_name=f"whitespace-nowrap {class_name}")
