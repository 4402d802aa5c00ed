"""Checks a request against the `stripe` package's own parameter types: nothing missing, nothing unknown."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from stripe import RequestOptions
from typing_extensions import TypedDict

from sandbox.stripe.errors import Refused
from sandbox.stripe.forms import Form

CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
# Options of the SDK's call: they never travel in a body.
OPTIONS = frozenset(RequestOptions.__annotations__)


@lru_cache(maxsize=256)
def _adapter(kind: type) -> TypeAdapter[Any]:
    """A validator for the parameters of `kind` alone: the SDK's own options share its TypedDict."""
    own = {name: hint for name, hint in kind.__annotations__.items() if name not in OPTIONS}
    params = cast(Any, TypedDict)(kind.__name__, own)
    # Pydantic looks the names in the hints up where the type says that it was written.
    params.__module__ = kind.__module__
    params.__pydantic_config__ = CONFIG
    return TypeAdapter(params)


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
