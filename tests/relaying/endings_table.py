"""docs/endings.md, written from what the tests prove; anew by `.venv/bin/python -m tests.relaying.endings_table`."""

from collections.abc import Iterable, Sequence

from relay.settings import ROOT
from tests.fixtures.endings import Ending
from tests.relaying.test_clients_that_leave import LEAVINGS
from tests.relaying.test_how_calls_end import PLAIN, STREAMED

DOCUMENT = ROOT / "docs" / "endings.md"
BEGIN, END = "<!-- the tables -->", "<!-- end of the tables -->"
FIGURES = {
    "exact": "upstream's own figures, to the token",
    "none": "nothing",
    "estimate": "the prompt exactly, the output estimated",
    "nobody was sent anything": "nothing, marked as estimated: if upstream billed it, we bear that",
    "input unknown": "nothing: upstream had told nothing, and the client was sent nothing",
}
STREAMS = {
    "A whole answer, whatever its bytes look like: fragments of one byte, CR LF, U+2028, gzip": (
        "", "tokens=1", "one_byte tokens=20", "crlf", "crlf one_byte tokens=20", "u2028", "slow ms=5 tokens=20",
        "compressed", "compressed one_byte tokens=20",
    ),
    "A malformed event, or one of many megabytes, in an answer that is otherwise whole": (
        "garbage", "giant mb=3", "giant mb=20",
    ),
    "The final usage is missing, negative, or larger than can be": (
        "odd_usage kind=missing", "odd_usage kind=negative", "odd_usage kind=absurd",
    ),
    "Usage is missing at the start, told twice, shrinks, or does not split its cache writes": (
        "odd_usage kind=missing_start", "odd_usage kind=shrinking", "odd_usage kind=twice", "odd_usage kind=unsplit",
    ),
    "Upstream refuses the request as wrong": ("invalid",),
    "Upstream's rate limit": ("rate_limited",),
    "Upstream fails": ("error500",),
    "Upstream is overloaded": ("overloaded retry=3",),
    "The connection is lost before the status line": ("cut_before_head",),
    "Upstream never answers": ("stall_before_head",),
    "An `error` event before the first token": ("error_event after=0", "error_event after=1", "error_event after=3"),
    "An `error` event after tokens": ("error_event after=7",),
    "An `error` event after the final usage": ("error_event after=13 tokens=20",),
    "The connection is lost before the first event, or nothing but pings comes": (
        "cut after=0", "cut_mid_event after=0", "pings_forever after=0 ms=50",
    ),
    "The connection is lost between events or inside one; silence; pings for ever": (
        "cut after=1", "cut after=9", "cut after=9 each=1 reset=1 slow ms=5", "cut_mid_event after=9",
        "cut_mid_event after=12 tokens=20", "stall after=1", "stall after=9", "pings_forever after=9 ms=50",
    ),
    "The connection is lost after the final usage": ("cut after=13 tokens=20",),
}  # fmt: skip
WHOLES = {
    "A whole answer, in fragments, gzipped, late, or followed by megabytes of blanks": (
        "", "one_byte tokens=20", "u2028", "compressed", "giant mb=3", "giant mb=20", "slow_head ms=300",
    ),
    "An answer that is not JSON, or whose usage is missing, negative or larger than can be": (
        "garbage", "odd_usage kind=missing", "odd_usage kind=negative", "odd_usage kind=absurd",
    ),
    "Cache writes are not split": ("odd_usage kind=unsplit",),
    "Upstream refuses the request as wrong": ("invalid",),
    "Upstream's rate limit": ("rate_limited",),
    "Upstream fails": ("error500",),
    "Upstream is overloaded": ("overloaded",),
    "The connection is lost before the status line": ("cut_before_head",),
    "Upstream never answers": ("stall_before_head",),
    "The connection is lost in the middle of the body": ("cut",),
    "The body stops coming": ("stall",),
}  # fmt: skip


def tables() -> str:
    """What stands between the two marks of the document."""
    parts = [
        "### Streams", _table(_rows(STREAMED, STREAMS)),
        "### Plain answers", _table(_rows(PLAIN, WHOLES)),
        "### The client leaves", _leavings(),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _rows(endings: Sequence[Ending], words: dict[str, tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """One row for each sentence; everything that it covers must end alike."""
    by_marker = {ending.marker: ending for ending in endings}
    assert set(by_marker) == {marker for markers in words.values() for marker in markers}, "an ending without words"
    for sentence, markers in words.items():
        (row,) = {_row(by_marker[marker]) for marker in markers}
        yield (sentence, *row)


def _row(ending: Ending) -> tuple[str, ...]:
    got = str(ending.status) if ending.whole else f"{ending.status}, cut"
    return (got, f"`{ending.ended}`", FIGURES[ending.figure])


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    head = ["what happens", "the client gets", "`ended`", "booked"]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _leavings() -> str:
    rows = [(leaving.name, f"`{leaving.ended}`", FIGURES[leaving.figure]) for leaving in LEAVINGS]
    head = ["when", "`ended`", "booked"]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def written() -> str:
    """The document with its tables as they should be."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(written())
