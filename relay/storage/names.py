"""What a file may be called: anything that every system and browser shows as one plain line."""

import re
import unicodedata

from relay.errors import BadInput

NAME_BYTES_MAX = 255
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE | re.DOTALL)
"""Devices on Windows, whatever comes after the dot: a file that is downloaded could not be saved."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def asset_name(given: str) -> str:
    """The name in NFC, so that what looks the same is the same. BadInput, saying why, when it cannot be one."""
    if len(given) > 4 * NAME_BYTES_MAX:
        raise BadInput(f"A name has at most {NAME_BYTES_MAX} bytes.", field="name")
    name = unicodedata.normalize("NFC", given)
    why = _fault(name)
    if why:
        raise BadInput(why, field="name")
    return name


def _fault(name: str) -> str:
    if not name:
        return "A file has a name."
    # Looked for first: what cannot be encoded cannot be measured.
    if "\ufffd" in name or any(unicodedata.category(letter) in _UNSEEN for letter in name):
        return "A name has no characters that cannot be seen, and is UTF-8."
    if len(name.encode()) > NAME_BYTES_MAX:
        return f"A name has at most {NAME_BYTES_MAX} bytes."
    if "/" in name or "\\" in name:
        return "A name has no slashes: there are no folders."
    if name.startswith((".", " ")) or name.endswith((".", " ")):
        return "A name neither begins nor ends with a dot or a space."
    return "This name is reserved on some systems; choose another." if _RESERVED.fullmatch(name) else ""
