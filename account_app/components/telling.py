"""What was just done, in words that float above the page, and above whatever stands before it."""

import reflex as rx

from account_app.session import Session

FLOATING = "floating fixed bottom-4 inset-x-0 mx-auto w-fit z-20 rounded-lg px-4 py-2.5 text-sm shadow-lg max-w-[90vw]"

_SEEN = "globalThis.toldUntil"
_HIDE = "document.querySelectorAll('.toast').forEach((one) => { one.hidden = true; });"
"""A page that is opened next, and a dialog that opens later, would tell it anew."""


def toast() -> rx.Component:
    """What a page's State said with `_tell`, for six seconds, and to screen readers.

    Every dialog has one of its own: whatever is outside an open dialog is dimmed, and silent.
    """
    data = Session.told_times._get_all_var_data()
    seen = rx.Var(f"({_SEEN} === String({Session.told_times!s}))", _var_data=data)
    done = rx.Var(f"(() => {{ {_SEEN} = String({Session.told_times!s}); {_HIDE} }})", _var_data=data)
    return rx.el.div(
        rx.cond(
            (Session.told != "") & ~seen.to(bool),
            rx.el.div(
                Session.told,
                key=Session.told_times.to(str),
                class_name=f"toast {FLOATING} bg-ink text-page",
                custom_attrs={"onAnimationEnd": done},
            ),
        ),
        role="status",
        class_name="telling",
    )
