"""Who operates: the addresses of OPERATOR_EMAILS, signed in by a browser of their own."""

from functools import lru_cache

from relay.accounts import Identity, normalise_email
from relay.errors import BadInput, Forbidden
from relay.settings import Settings


def operators(settings: Settings) -> frozenset[str]:
    """The addresses, normalised as those of accounts are. One that is no address is nobody's."""
    return _read(settings.OPERATOR_EMAILS)


def is_operator(settings: Settings, identity: Identity | None) -> bool:
    """A key or a token is not enough, and a blocked operator is none."""
    if identity is None or identity.kind != "session" or identity.blocked:
        return False
    return identity.email in operators(settings)


def refuse_unless_operator(settings: Settings, identity: Identity | None) -> Identity:
    """Forbidden for everybody else, in the same words as for a page that does not exist to them."""
    if identity is None or not is_operator(settings, identity):
        raise Forbidden()
    return identity


@lru_cache
def _read(listed: str) -> frozenset[str]:
    found: set[str] = set()
    for each in filter(None, (part.strip() for part in listed.split(","))):
        try:
            found.add(normalise_email(each))
        except BadInput:
            continue
    return frozenset(found)
