"""The shape of an answer: every field that Stripe's own class has, none missing and none made up."""

from __future__ import annotations

import inspect
import types
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._stripe_object import UntypedStripeObject

from sandbox.stripe.store import Json

# Fields that Stripe leaves out until somebody asks for them, or until there is something to tell.
ABSENT: dict[str, frozenset[str]] = {
    "customer": frozenset(
        ("cash_balance", "sources", "subscriptions", "tax", "tax_ids", "invoice_credit_balance", "default_currency")
    ),
    "price": frozenset(("currency_options", "tiers")),
    "invoice": frozenset(("payments", "confirmation_secret")),
    "checkout.session": frozenset(("line_items", "presentment_details")),
    "charge": frozenset(("refunds", "level3")),
    "webhook_endpoint": frozenset(("secret",)),
    "event": frozenset(("account", "context")),
}
# Classes with a field for each of many alternatives: only the one that holds is there.
SPARSE = frozenset(
    (
        "PaymentMethod",
        "Data",
        "PaymentMethodDetails",
        "DestinationDetails",
        "PaymentMethodOptions",
        "Card",
        "SourceData",
    )
)
NOTHING = object()


@dataclass(frozen=True, slots=True)
class Field:
    """What stands in a field when nothing is known, and the class of what may stand there."""

    blank: Any
    inner: type | None
    many: bool
    absent: bool


def complete(kind: type, known: Json) -> Json:
    """`known` with every other field of the class as null or empty. KeyError, naming it, for a field that the class
    does not have or that must be known. Names with an underscore are the sandbox's own and never leave it.
    """
    fields = _fields(kind)
    strange = [name for name in known if name not in fields and not name.startswith("_")]
    if strange:
        raise KeyError(f"{kind.__qualname__} has no {', '.join(strange)}")
    made = {name: value for name, value in known.items() if name.startswith("_")}
    for name, field in fields.items():
        if name in known:
            made[name] = _inside(field, known[name])
        elif not field.absent:
            made[name] = _blank(kind, name, field)
    return made


def _inside(field: Field, value: Any) -> Any:
    if field.inner is None:
        return value
    if field.many and isinstance(value, list):
        return [_one_inside(field.inner, one) for one in value]
    return _one_inside(field.inner, value)


def _one_inside(inner: type, value: Any) -> Any:
    return complete(inner, value) if isinstance(value, dict) and "object" not in value else value


def _blank(kind: type, name: str, field: Field) -> Any:
    if field.blank is NOTHING:
        if field.inner is None:
            raise KeyError(f"{kind.__qualname__}.{name} must be known")
        return complete(field.inner, {})
    return type(field.blank)() if isinstance(field.blank, list | dict) else field.blank


@lru_cache(maxsize=1024)
def _fields(kind: type) -> dict[str, Field]:
    absent = ABSENT.get(getattr(kind, "OBJECT_NAME", ""), frozenset[str]()) | {"deleted"}
    hints: dict[str, Any] = kind.__annotations__
    sparse = kind.__name__ in SPARSE
    return {
        name: _field(hint, absent=name in absent or (sparse and _is_optional(hint)))
        for name, hint in hints.items()
        if name != "OBJECT_NAME" and not name.startswith("_")
    }


def _field(hint: Any, *, absent: bool) -> Field:
    arms = [arm for arm in _arms(hint) if arm is not type(None)]
    many = any(get_origin(arm) is list for arm in arms)
    inner = next(iter(_classes(arms)), None)
    if _is_optional(hint):
        blank: Any = None
    elif many:
        blank = []
    elif any(get_origin(arm) is UntypedStripeObject for arm in arms):
        blank = {}
    else:
        blank = NOTHING
    return Field(blank, inner, many, absent)


def _is_optional(hint: Any) -> bool:
    return type(None) in _arms(hint)


def _arms(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _classes(arms: list[Any]) -> list[type]:
    """Classes that are written inside another one: those of whole objects bring their own `object`."""
    inner = [one for arm in arms for one in (get_args(arm) if get_origin(arm) is list else (arm,))]
    return [
        one
        for one in inner
        if inspect.isclass(one) and issubclass(one, StripeObject) and "." in one.__qualname__ and one is not ListObject
    ]


def listing(url: str, data: list[Json]) -> Json:
    """A whole `list` object, as it stands inside of another one."""
    return {"object": "list", "data": data, "has_more": False, "total_count": len(data), "url": url}
