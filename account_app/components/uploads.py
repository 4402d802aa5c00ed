"""Where files are dropped or chosen, and how far each is: drawn and sent by the browser, see front/uploads.jsx."""

from collections.abc import Sequence

import reflex as rx

from account_app import theme
from account_app.session import Session

_PLACE = "flex flex-wrap items-center justify-center gap-3 rounded-xl border border-dashed px-5 py-8 text-center"
LOOKS = {
    "place": f"{_PLACE} border-line-strong bg-surface",
    "over": f"{_PLACE} border-accent bg-accent-soft",
    "lead": theme.QUIET,
    "action": theme.ACTION,
    "second": theme.SECONDARY,
    "quiet": theme.GHOST,
    "note": f"{theme.NOTE} basis-full",
    "list": f"{theme.PANEL} mt-3 divide-y divide-line",
    "row": "flex flex-wrap items-center gap-x-4 gap-y-1 px-5 py-2 min-h-12 text-sm",
    "name": "flex-1 min-w-32 text-ink [overflow-wrap:anywhere]",
    "state": "figures text-muted",
    "bad": "order-last basis-full text-bad",
    "acts": "-mr-3 flex gap-2 empty:hidden",
}


class Uploads(rx.Component):
    """`account` is whose files they are, `taken` names that are there already, `largest` the most bytes of one file."""

    library = "$/front/uploads"
    tag = "Uploads"

    account: rx.Var[str]
    taken: rx.Var[Sequence[str]]
    largest: rx.Var[int]
    largest_words: rx.Var[str]
    locale: rx.Var[str]
    looks: rx.Var[dict[str, str]]


def uploads(
    account: rx.Var[str], taken: rx.Var[Sequence[str]], largest: rx.Var[int], largest_words: rx.Var[str]
) -> rx.Component:
    return Uploads.create(
        account=account,
        taken=taken,
        largest=largest,
        largest_words=largest_words,
        locale=Session.shown_locale,
        looks=LOOKS,
    )
