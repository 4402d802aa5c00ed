"""What the page's address says, read in the browser at the moment of drawing.

State knows of an address only once the server has answered. A link that carried what State knows would lead back to
where the person was before the last click; these follow the address itself.
"""

import json
from collections.abc import Sequence

import reflex as rx
from reflex.vars import StringVar, VarData
from reflex_base.utils.imports import ImportVar

_HERE = VarData(
    hooks={"const asked = new URLSearchParams(useLocation().search);": None},
    imports={"react-router": [ImportVar(tag="useLocation")]},
)


def asked(name: str, among: Sequence[str]) -> StringVar[str]:
    """The value of a query parameter; the first of `among` when it is missing or none of them."""
    js = f"((value) => {json.dumps(list(among))}.includes(value) ? value : {json.dumps(among[0])})(asked.get('{name}'))"
    return rx.Var(js, _var_data=_HERE).to(str)


def has(*names: str) -> rx.Var[bool]:
    """Whether the address says something for each of these parameters."""
    js = f"({json.dumps(names)}.every((name) => asked.get(name)))"
    return rx.Var(js, _var_data=_HERE).to(bool)


def here_with(**changes: str | None) -> StringVar[str]:
    """The query of this address with some parameters set, or dropped where None, from `?` on. The range comes first."""
    js = (
        "((changes) => { const all = {range: null, from: null, to: null, ...Object.fromEntries(asked), ...changes};"
        " return '?' + new URLSearchParams(Object.entries(all).filter(([, value]) => value !== null)); })"
        f"({json.dumps(changes)})"
    )
    return rx.Var(js, _var_data=_HERE).to(str)
