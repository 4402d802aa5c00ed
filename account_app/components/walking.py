"""The way along a chart: from value to value by pointer, finger and arrow keys, all in the browser.

A value is an element with `data-told`, its words; the one that is pointed at has `data-on`. The chart around them is a
slider, so that screen readers say those words.
"""

from typing import Any

import reflex as rx

_GO_TO = (
    "((plot, choose) => { const all = [...plot.querySelectorAll('[data-told]')];"
    " const at = all.findIndex((one) => 'on' in one.dataset), to = choose(all, at);"
    " if (at >= 0) delete all[at].dataset.on;"
    " if (to === undefined || !all.length) return;"
    " const n = Math.max(0, Math.min(all.length - 1, to)); all[n].dataset.on = '1';"
    " plot.setAttribute('aria-valuenow', n + 1); plot.setAttribute('aria-valuetext', all[n].dataset.told); })"
)
_POINTED = rx.Var(
    f"((event) => {_GO_TO}(event.currentTarget, (all) => {{ const middles = all.map((one) => {{"
    " const box = one.getBoundingClientRect(); return Math.abs((box.left + box.right) / 2 - event.clientX); });"
    " return middles.indexOf(Math.min(...middles)); }))"
)
# A finger leaves as soon as it is lifted; what it pointed at stays, until it goes elsewhere.
_LEFT = rx.Var(f"((event) => {{ if (event.pointerType !== 'touch') {_GO_TO}(event.currentTarget, () => undefined); }})")
_FOCUSED = rx.Var(
    "((event) => { if (event.currentTarget.matches(':focus-visible'))"
    f" {_GO_TO}(event.currentTarget, (all) => all.length - 1); }})"
)
_PRESSED = rx.Var(
    "((event) => { const by = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -7, PageUp: 7,"
    " Home: -9999, End: 9999}[event.key]; if (event.key === 'Escape') event.currentTarget.blur(); if (!by) return;"
    f" event.preventDefault(); {_GO_TO}(event.currentTarget, (all, at) => (at < 0 ? all.length - 1 : at + by)); }})"
)
WALKED: dict[str, Any] = {
    "onPointerMove": _POINTED,
    "onPointerDown": _POINTED,
    "onPointerLeave": _LEFT,
    "onBlur": _LEFT,
    "onFocus": _FOCUSED,
    "onKeyDown": _PRESSED,
}
"""The handlers of the chart's ground."""
