"""What charts are drawn from: words and shares that the server has made ready."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Slice:
    """A part of a bar: its colour (`1` to `6`), what it stands for, and its share of the bar in CSS. `address`
    is that of what it is made of, where there is one.
    """

    series: str
    name: str
    value: str
    share: str
    address: str = ""


@dataclass(frozen=True)
class Bar:
    """One column: `label` under the axis (may be empty), `name` and `value` in words, `share` of the tallest in CSS.

    `slices` divide it; `before` is the share that the same column of the time before had, empty for none. A `minor`
    label is left out where there is little room. `address` is where its requests are.
    """

    label: str = ""
    name: str = ""
    value: str = ""
    detail: str = ""
    share: str = "0%"
    slices: list[Slice] = field(default_factory=list[Slice])
    before: str = ""
    before_value: str = ""
    side: str = "center"
    minor: bool = False
    address: str = ""


@dataclass(frozen=True)
class Compared:
    """A figure beside that of the time before; `change` is empty when there was none."""

    value: str = ""
    before: str = ""
    change: str = ""


@dataclass(frozen=True)
class Tick:
    """A label under a chart, and how far from its left edge it stands. A `minor` one needs room."""

    label: str
    left: str
    minor: bool = False


@dataclass(frozen=True)
class Axis:
    """What the upper line of a chart and the one half-way stand for; the lowest is nothing."""

    top: str = ""
    half: str = ""


@dataclass(frozen=True)
class Point:
    """A day of a line: what it is called, what it was or may be, and its place from the left and from the top."""

    name: str
    value: str
    left: str
    top: str
    side: str = "center"


@dataclass(frozen=True)
class Fall:
    """How something runs down: what was, as an SVG path, and what may come, as a polygon; both in a square of 100.

    `now_left` is where the present stands; `rows` are the same in words.
    """

    was: str = ""
    may: str = ""
    slow: str = ""
    fast: str = ""
    now_left: str = "50%"
    axis: Axis = field(default_factory=Axis)
    ticks: list[Tick] = field(default_factory=list[Tick])
    points: list[Point] = field(default_factory=list[Point])
    rows: list[Bar] = field(default_factory=list[Bar])
