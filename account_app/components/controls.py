"""What people act with: copy button, form field, dialog, drawer, range picker, groups of links.

None needs the event socket to open or close.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import reflex as rx
from reflex.vars import StringVar, VarData
from reflex_base.utils.imports import ImportVar
from reflex_components_core.el.elements.base import BaseHTML
from reflex_components_core.react_router import link

from account_app import theme
from account_app.components.address import asked, asked_freely, go, has, here_with
from account_app.components.telling import toast

_COPY = (
    "((text) => (event) => { const button = event.currentTarget; const done = () => { button.dataset.done = '1';"
    " setTimeout(() => delete button.dataset.done, 2000); }; navigator.clipboard?.writeText(text).then(done); })"
)


def copy_button(text: rx.Var[str], what: str, **attributes: Any) -> rx.Component:
    """Copies `text`, and says so for two seconds. `what` names it to screen readers: "request id"."""
    copy = rx.Var(f"{_COPY}({text!s})", _var_data=text._get_all_var_data())
    return rx.el.button(
        rx.el.span("Copy", class_name="todo"),
        rx.el.span("Copied", class_name="done", role="status"),
        rx.el.span(f" {what}", class_name="sr-only"),
        type="button",
        class_name=f"copy {theme.TINY} min-w-14",
        custom_attrs={"onClick": copy},
        **attributes,
    )


def field(label: str, name: str, *, hint: str = "", error: rx.Var[str] | str = "", **attributes: Any) -> rx.Component:
    """A labelled input, with what it takes below it and what is wrong with it. `attributes` are the input's own."""
    notes = f"{name}-notes"
    return rx.el.div(
        rx.el.label(label, html_for=name, class_name=theme.LABEL),
        rx.el.input(
            id=name,
            name=name,
            class_name=f"{theme.FIELD} mt-1.5",
            custom_attrs={"aria-describedby": notes, "aria-invalid": (rx.Var.create(error) != "").to(str)},
            **attributes,
        ),
        rx.el.div(
            rx.cond(rx.Var.create(error) != "", rx.el.p(error, role="alert", class_name="text-sm text-bad"), hint),
            id=notes,
            class_name=f"{theme.NOTE} mt-1.5",
        ),
    )


ONCE = {"data-once": ""}
"""As `custom_attrs` of a button, or of the form that it sends: a double click counts once. See assets/once.js."""

ONCE_LEAVING = {"data-once": "leaving"}
"""Of a form that leads to another page."""


class _Dialog(BaseHTML):
    tag = "dialog"


def open_dialog(name: str) -> rx.Var[Any]:
    """A handler for `on_click`'s place in `custom_attrs={"onClick": …}`: opens the dialog of that name."""
    return rx.Var(f"(() => document.getElementById('{name}')?.showModal())")


def close_dialog(name: str) -> rx.Var[Any]:
    """The counterpart of `open_dialog`."""
    return rx.Var(f"(() => document.getElementById('{name}')?.close())")


def dialog(name: str, title: str, *content: rx.Component) -> rx.Component:
    """A question that stands before the page. Escape closes it, and focus goes back to where it came from."""
    return _Dialog.create(
        rx.el.h2(title, id=f"{name}-title", class_name="text-base font-semibold text-ink mb-2"),
        *content,
        toast(),
        id=name,
        custom_attrs={"aria-labelledby": f"{name}-title"},
    )


def dialog_button(name: str, label: str | rx.Component, class_name: str = theme.SECONDARY) -> rx.Component:
    """A button that opens the dialog of that name. Its id is that name after `open-`."""
    return rx.el.button(
        label, id=f"open-{name}", type="button", class_name=class_name, custom_attrs={"onClick": open_dialog(name)}
    )


def dialog_foot(name: str, *actions: rx.Component) -> rx.Component:
    """The actions of a dialog on its lower right, after the way back."""
    back = rx.el.button("Cancel", type="button", class_name=theme.GHOST, custom_attrs={"onClick": close_dialog(name)})
    return rx.el.div(back, *actions, class_name="mt-5 flex justify-end gap-2")


def drawer(parameter: str, title: rx.Var[str] | str, *content: rx.Component, **dropped: None) -> rx.Component:
    """Opens at the side while the address has `parameter`, and takes it out of the address when it closes: a drawer can
    be shared, and the browser's way back closes it. `dropped` are parameters that go with it.
    """
    leave = go(here_with(**{parameter: None}, **dropped))
    following = VarData(
        hooks={
            f"const drawn = asked.get('{parameter}');": None,
            "useEffect(() => { const drawer = document.getElementById('drawer'); if (!drawer) return;"
            " if (drawn && !drawer.open) drawer.showModal(); if (!drawn && drawer.open) drawer.close(); });": None,
        },
        imports={"react": [ImportVar(tag="useEffect")]},
    )
    on_close = rx.Var(
        f"(() => {{ if (drawn) ({leave!s})(); }})",
        _var_data=VarData.merge(leave._get_all_var_data(), following),
    )
    head = rx.el.div(
        rx.el.h2(title, id="drawer-title", class_name="text-base font-semibold text-ink"),
        rx.el.button(
            "Close", type="button", class_name=f"{theme.GHOST} -mr-3", custom_attrs={"onClick": close_dialog("drawer")}
        ),
        class_name="flex items-center justify-between gap-3 mb-4",
    )
    return _Dialog.create(
        head,
        *content,
        toast(),
        id="drawer",
        class_name="drawer",
        custom_attrs={"aria-labelledby": "drawer-title", "onClose": on_close},
    )


# On a phone a group may be wider than the screen. What is chosen comes into view, once: people may scroll it away.
_IN_VIEW = VarData(
    hooks={
        "useEffect(() => { for (const one of document.querySelectorAll('[role=group] > [aria-current=true]')) {"
        " const group = one.parentElement; if (group.dataset.at === one.textContent) continue;"
        " group.dataset.at = one.textContent; const right = one.offsetLeft + one.offsetWidth;"
        " if (right > group.clientWidth) group.scrollLeft = right - (one.offsetWidth + group.clientWidth) / 2;"
        " } });": None,
    },
    imports={"react": [ImportVar(tag="useEffect")]},
)


def links(name: str, choices: Sequence[tuple[str, StringVar[str], rx.Var[bool]]]) -> rx.Component:
    """A group of links of which one is chosen: (words, address, whether it is the one)."""
    return rx.el.div(
        *[
            link(
                words,
                to=address,
                class_name=rx.cond(chosen, theme.CHIP_ON, theme.CHIP_OFF),
                custom_attrs={"aria-current": rx.cond(chosen, "true", "false"), "preventScrollReset": True},
            )
            for words, address, chosen in choices
        ],
        role="group",
        aria_label=rx.Var.create(name)._replace(merge_var_data=_IN_VIEW),
        class_name="relative flex gap-1 max-w-full max-sm:overflow-x-auto p-0.5 -m-0.5 sm:flex-wrap",
    )


def choice(name: str, parameter: str, choices: Mapping[str, str], **dropped: None) -> rx.Component:
    """Links that set one parameter of the address: value to words, the first being what it is when not said."""
    now = asked(parameter, tuple(choices))
    rows = [(words, here_with(**{parameter: value}, **dropped), now == value) for value, words in choices.items()]
    return links(name, rows)


def range_picker(
    presets: Mapping[str, str],
    default: str,
    first: rx.Var[str],
    last: rx.Var[str],
    kept: Sequence[str] = (),
    **dropped: None,
) -> rx.Component:
    """Presets as links, and two dates for any other range; all in the address, as `range` or as `from` and `to`.

    `default` is what a missing range means; `first` and `last` are the dates that are shown. `kept` are parameters that
    another range keeps, `dropped` those that it ends.
    """
    own = has("from", "to")
    now = asked("range", (default, *presets))
    chosen = [
        (words, here_with(range=key, **{"from": None, "to": None}, **dropped), ~own & (now == key))
        for key, words in presets.items()
    ]
    return rx.el.div(
        links("Range", chosen),
        GoForm.create(
            *[
                rx.el.input(type="hidden", name=name, value=asked_freely(name), disabled=asked_freely(name) == "")
                for name in kept
            ],
            _date("From", "from", first),
            rx.el.span("–", class_name="text-muted", aria_hidden=True),
            _date("To", "to", last),
            rx.el.button("Show", type="submit", class_name=theme.SECONDARY),
            method="get",
            class_name="flex flex-wrap items-center gap-2",
        ),
        class_name="flex flex-wrap items-center justify-between gap-3",
    )


class GoForm(BaseHTML):
    """A form that goes to another address of ours without loading the page anew."""

    library = "react-router"
    tag = "Form"
    alias = "GoForm"

    action: rx.Var[str]
    method: rx.Var[str]


def _date(label: str, name: str, value: rx.Var[str]) -> rx.Component:
    return rx.el.input(
        type="date",
        name=name,
        aria_label=label,
        default_value=value,
        key=value,
        required=True,
        class_name=f"{theme.SMALL_FIELD} figures min-w-32 max-sm:flex-1",
    )
