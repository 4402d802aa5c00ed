"""Where the pages are: the one list that the navigation, the server's gate and the tests read.

A page of its own is a line here, a module in `account_app/pages/`, and a line in `account_app/account_app.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One page of somebody who is signed in, in the order of the navigation. `operators`: only they see the link."""

    name: str
    address: str
    operators: bool = False


PLACES = (
    Place("Overview", "/"),
    Place("Usage", "/usage"),
    Place("Requests", "/requests"),
    Place("Billing", "/billing"),
    Place("Storage", "/storage"),
    Place("Keys", "/keys"),
    Place("Assistant", "/assistant"),
    Place("Account", "/account"),
    Place("Operator", "/operator", operators=True),
)


def is_there(address: str) -> bool:
    """Whether there is such a page, so that a link leads nowhere else."""
    return any(place.address == address for place in PLACES)


def route_of(address: str) -> str:
    """What Reflex calls the page's module."""
    name = address.removeprefix("/")
    return f"[{name}]._index" if name else "_index"
