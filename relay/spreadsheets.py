"""Text as a cell of a CSV file, as RFC 4180 has it and a spreadsheet may open it."""

import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile('[,"\r\n]')


def cell(text: str) -> str:
    """Text is never a formula. Numbers are no text, and keep their sign."""
    if text.startswith(_FORMULA_STARTS):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
