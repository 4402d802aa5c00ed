"""The keys and values that a caller hangs on an object."""

from __future__ import annotations

from sandbox.stripe.door.errors import Refused

KEYS_MAX, KEY_LENGTH_MAX, VALUE_LENGTH_MAX = 50, 40, 500


def merged(before: dict[str, str], change: dict[str, str] | str | None) -> dict[str, str]:
    """Metadata with the change in it: an empty value removes a key, an empty string removes them all."""
    if change is None:
        return before
    if not isinstance(change, dict):
        return {}
    found = {key: value for key, value in {**before, **change}.items() if value != ""}
    if len(found) > KEYS_MAX or any(
        len(key) > KEY_LENGTH_MAX or len(value) > VALUE_LENGTH_MAX for key, value in found.items()
    ):
        raise Refused(400, "Metadata takes 50 keys of 40 characters, with values of 500.", param="metadata")
    return found
