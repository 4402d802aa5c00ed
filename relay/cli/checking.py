"""`account-app doctor`: what stands between this installation and working well."""

import asyncio
import sys
from dataclasses import asdict

from rich.text import Text

from relay import logs
from relay.cli import shell
from relay.doctor import Finding, examine
from relay.settings import of_running, read_with_faults

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@shell.main_app.command()
def doctor(as_json: shell.Json = False) -> None:
    """Checks every setting and service: found, expected, the fix. Tells no secret. Exits 1 on something wrong."""
    # A setting that cannot be read is the doctor's business, not a reason to give up.
    settings, _ = read_with_faults(**of_running())
    logs.configure(settings.LOG_FORMAT)
    found = asyncio.run(examine(settings))
    if as_json:
        shell.print_json({"ok": not any(f.state == "wrong" for f in found), "findings": [asdict(f) for f in found]})
    else:
        _draw(found)
    sys.exit(1 if any(finding.state == "wrong" for finding in found) else 0)


def _draw(found: list[Finding]) -> None:
    drawn = shell.table("", "what", "found", "expected", "fix")
    for one in found:
        state = Text(one.state, COLOURS[one.state])
        drawn.add_row(state, *shell.cells(one.name, one.found, one.expected, one.fix))
    shell.out.print(drawn)
    count = {state: sum(one.state == state for one in found) for state in COLOURS}
    shell.out.print(f"{count['ok']} fine, {count['warning']} to look at, {count['wrong']} wrong.")
