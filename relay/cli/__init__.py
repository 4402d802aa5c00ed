"""`account-app …`: what the operator types. A file for each subject; what they share is in `shell`."""

import gc
import sys


def main() -> None:
    """The console script's entry."""
    # Nothing that imports make is garbage, and to look for it among all of it takes a fifth of a command's time.
    gc.disable()
    from relay.cli import commands

    commands.hang_commands(sys.argv[1:2])
    gc.freeze()
    gc.enable()
    commands.run()
