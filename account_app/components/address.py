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
    hooks={
        "const asked_here = useLocation().search;": None,
        "const asked = new URLSearchParams(asked_here);": None,
    },
    imports={"react-router": [ImportVar(tag="useLocation")]},
)
_GOING = VarData(
    hooks={"const navigate = useNavigate();": None}, imports={"react-router": [ImportVar(tag="useNavigate")]}
)


def asked(name: str, among: Sequence[str]) -> StringVar[str]:
    """The value of a query parameter; the first of `among` when it is missing or none of them."""
    js = f"((value) => {json.dumps(list(among))}.includes(value) ? value : {json.dumps(among[0])})(asked.get('{name}'))"
    return rx.Var(js, _var_data=_HERE).to(str)


def asked_freely(name: str) -> StringVar[str]:
    """The value of a query parameter, whatever it is; empty when missing."""
    return rx.Var(f"(asked.get('{name}') ?? '')", _var_data=_HERE).to(str)


def has(*names: str) -> rx.Var[bool]:
    """Whether the address says something for each of these parameters."""
    js = f"({json.dumps(names)}.every((name) => asked.get(name)))"
    return rx.Var(js, _var_data=_HERE).to(bool)


def here_with(**changes: str | rx.Var[str] | None) -> StringVar[str]:
    """The query of this address with some parameters set, or dropped where None, from `?` on. The range comes first."""
    given = ", ".join(f"{json.dumps(name)}: {_written(value)}" for name, value in changes.items())
    data = VarData.merge(_HERE, *(v._get_all_var_data() for v in changes.values() if isinstance(v, rx.Var)))
    js = (
        "((changes) => { const all = {range: null, from: null, to: null, ...Object.fromEntries(asked), ...changes};"
        " return '?' + new URLSearchParams(Object.entries(all).filter(([, value]) => value !== null)); })"
        f"({{{given}}})"
    )
    return rx.Var(js, _var_data=data).to(str)


def _written(value: str | rx.Var[str] | None) -> str:
    return str(value) if isinstance(value, rx.Var) else json.dumps(value)


def here_to(name: str, value: rx.Var[str]) -> StringVar[str]:
    """`here_with` for one parameter whose name is no word of Python's, or only known later."""
    return here_with(**{name: value})


def query_here() -> StringVar[str]:
    """The query of this address as it stands, without `?`."""
    return rx.Var("asked_here.slice(1)", _var_data=_HERE).to(str)


def go(address: StringVar[str]) -> rx.Var[object]:
    """A handler for the browser: goes to another address of ours without loading the page anew."""
    return rx.Var(f"(() => navigate({address!s}))", _var_data=VarData.merge(_GOING, address._get_all_var_data()))


def go_by_form() -> rx.Var[object]:
    """A handler for a change of a form: goes to the address that says what is filled in, and leaves the form as it is,
    so that whoever chooses by the keyboard stays where they are.
    """
    filled = "[...new FormData(event.target.form)].filter(([, value]) => value)"
    return rx.Var(f"((event) => navigate('?' + new URLSearchParams({filled})))", _var_data=_GOING)
