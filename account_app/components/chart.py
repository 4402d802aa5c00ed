"""Bars by day, of plain elements: no chart library, no script, and the same figures as a table behind them.

Drawn by hand because a page may weigh 350 KB at most, and a chart library would take nearly all that is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import reflex as rx
from reflex.vars import ObjectVar

from account_app import theme


@dataclass(frozen=True)
class Bar:
    """One column: `label` under the axis (may be empty), `name` and `value` in words, `share` of the
    tallest in CSS.
    """

    label: str
    name: str
    value: str
    detail: str
    share: str


def bars(columns: rx.Var[Sequence[Bar]], top: rx.Var[str], summary: rx.Var[str]) -> rx.Component:
    """`top` is the value at the upper line. `summary` says in one sentence what the picture shows."""
    return rx.el.figure(
        rx.el.figcaption(summary, class_name="sr-only"),
        rx.el.div(
            rx.el.div(rx.el.span(top, class_name="figures -translate-y-full pb-1"), class_name=_LINE),
            rx.el.ol(rx.foreach(columns, _column), class_name="absolute inset-0 flex items-end gap-px sm:gap-1"),
            class_name="relative h-44 border-b border-line-strong",
        ),
        rx.el.div(
            rx.foreach(columns, _label),
            class_name="flex gap-px sm:gap-1 mt-1.5 text-[11px] text-muted figures",
            aria_hidden=True,
        ),
        class_name="px-5 pt-6 pb-4 m-0",
    )


_LINE = (
    "absolute inset-x-0 top-0 flex justify-end border-t border-dashed border-line text-[11px] text-muted "
    "pointer-events-none"
)
_TIP = (
    "pointer-events-none absolute bottom-full left-1/2 z-10 mb-2 hidden -translate-x-1/2 whitespace-nowrap "
    "rounded-lg bg-ink px-2.5 py-1.5 text-xs text-page group-hover:block group-focus-visible:block"
)


def _column(bar: ObjectVar[Bar]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            class_name="bar w-full rounded-t-[3px] bg-accent group-hover:bg-accent-strong",
            custom_attrs={"style": {"--share": bar.share}},
        ),
        rx.el.div(
            rx.el.span(bar.name, class_name="block opacity-75"),
            rx.el.span(bar.value, class_name="block font-semibold figures"),
            rx.el.span(bar.detail, class_name="block opacity-75"),
            class_name=_TIP,
        ),
        class_name="group relative flex h-full flex-1 items-end min-w-0",
        tab_index=0,
        aria_label=rx.Var.create(f"{bar.name}: {bar.value}, {bar.detail}"),
    )


def _label(bar: ObjectVar[Bar]) -> rx.Component:
    return rx.el.span(
        bar.label,
        class_name="flex-1 min-w-0 whitespace-nowrap text-center overflow-visible flex justify-center",
    )


def table_behind(table: rx.Component) -> rx.Component:
    """The chart's figures as a table, folded away."""
    return rx.el.details(
        rx.el.summary("Show as a table", class_name=f"{theme.LINK} mx-5 mb-4 inline-block cursor-pointer"),
        table,
    )
