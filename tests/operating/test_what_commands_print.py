"""What commands print for eyes and for `grep`: every value whole, and as it is."""

from io import StringIO

import pytest
from rich.console import Console

from relay.cli import shell

ID = "evt_" + "0123456789" * 12
ADDRESS = "redis://[::1]:6379/[red]0"


@pytest.mark.parametrize("width", [40, shell.UNCUT])
def test_no_value_is_shortened_or_taken_for_a_colour(width: int) -> None:
    drawn = shell.table("id", "found")
    drawn.add_row(*shell.cells(ID, ADDRESS))
    written = StringIO()
    Console(file=written, width=width).print(drawn)
    found = zip(*(line.split("│")[1:3] for line in written.getvalue().splitlines() if "│" in line), strict=True)
    assert ["".join(part.strip() for part in column) for column in found] == [ID, ADDRESS]


def test_what_is_piped_stands_in_one_line() -> None:
    assert not shell.out.is_terminal
    drawn = shell.table("id")
    drawn.add_row(*shell.cells(ID))
    with shell.out.capture() as told:
        shell.out.print(drawn)
    assert ID in told.get()
