"""Checks a request against the `stripe` package's own parameter types: nothing missing, nothing unknown."""

from __future__ import annotations

import sys
import types
from functools import lru_cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from stripe import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import TypedDict, is_typeddict

from sandbox.stripe.door.errors import Refused
from sandbox.stripe.door.forms import Form

CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
# Options of the SDK's call: they never travel in a body.
OPTIONS = frozenset(RequestOptions.__annotations__)
UNIONS = (Union, types.UnionType)


@lru_cache(maxsize=512)
def _adapter(kind: type) -> TypeAdapter[Any]:
    """A validator for the parameters of `kind` alone: the SDK's own options share its TypedDict."""
    return TypeAdapter(_closed(kind))


@lru_cache(maxsize=4096)
def _closed(kind: type) -> Any:
    """The TypedDict with its enumerations closed: in the SDK's types any string passes for a `Literal`."""
    written = {name: hint for name, hint in kind.__annotations__.items() if name not in OPTIONS}
    names = vars(sys.modules[kind.__module__])
    hints = get_type_hints(types.SimpleNamespace(__annotations__=written), names, include_extras=True)
    params = cast(Any, TypedDict)(kind.__name__, {name: _strict(hint) for name, hint in hints.items()})
    params.__pydantic_config__ = CONFIG
    return params


def _strict(hint: Any) -> Any:
    if is_typeddict(hint):
        return _closed(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in UNIONS:
        return Union[tuple(_strict(one) for one in _allowed(inner))]  # noqa: UP007
    if origin is None or origin is Literal or not inner:
        return hint
    if origin is list:
        return list[_strict(inner[0])]
    if origin is dict:
        return dict[inner[0], _strict(inner[1])]
    return origin[_strict(inner[0])]


def _allowed(arms: tuple[Any, ...]) -> list[Any]:
    """The arms of a union that Stripe accepts: no bare string beside an enumeration, no object of the SDK."""
    named = any(get_origin(arm) is Literal and get_args(arm) != ("",) for arm in arms)
    return [arm for arm in arms if not (named and arm is str) and get_origin(arm) is not UntypedStripeObject]


def check(kind: type, form: Form) -> dict[str, Any]:
    """The form as the types of `kind`, one of `stripe.params`; a 400 that names the first fault otherwise."""
    try:
        return cast(dict[str, Any], _adapter(kind).validate_python(form))
    except ValidationError as found:
        raise _refusal(found) from None


def _refusal(found: ValidationError) -> Refused:
    faults = found.errors(include_url=False, include_input=False)
    # An unknown name inside one arm of a union is the better news than that the other arms do not fit.
    first = next((one for one in faults if one["type"] in ("extra_forbidden", "missing")), faults[0])
    names = [str(part) for part in first["loc"] if str(part).isidentifier() and str(part)[:1].islower()]
    param = names[0] + "".join(f"[{name}]" for name in names[1:] if name not in ("str", "int", "bool", "float"))
    if first["type"] == "extra_forbidden":
        return _unknown(param)
    if first["type"] == "missing":
        return Refused(400, f"Missing required param: {param}.", code="parameter_missing", param=param)
    if first["type"].startswith("int_"):
        return Refused(400, f"Invalid integer: {param}", code="parameter_invalid_integer", param=param)
    return Refused(400, f"Invalid {param}: {first['msg']}", param=param)


def _unknown(param: str) -> Refused:
    return Refused(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
