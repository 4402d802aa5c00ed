"""`python -m sandbox`: the outside world on loopback, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from sandbox.editor import ACCOUNT_ORIGIN
from sandbox.serve import SERVICES, running
from sandbox.stripe import Stripe


def main() -> int:
    """Starts what was asked for, prints one JSON line, and one line for each mailed code."""
    options = _options()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port-base", type=int, default=3001, help="first port; 0 takes whatever is free")
    parser.add_argument("--only", type=_services, default=("claude", "stripe", "mail"), help=",".join(SERVICES))
    parser.add_argument("--pace", type=float, default=60.0, help="Claude's tokens per second; 0 is unpaced")
    parser.add_argument("--webhook", action="append", default=[], help="an address for Stripe's events")
    parser.add_argument("--thin-webhook", action="append", default=[], help="an address for Stripe's thin events")
    parser.add_argument("--mail-webhook", action="append", default=[], help="an address for Resend's events")
    parser.add_argument("--mail-domain", action="append", default=[], help="a domain that may send, besides the usual")
    parser.add_argument("--stripe-file", type=Path, help="where Stripe's objects are kept; without it, in memory")
    parser.add_argument(
        "--account", default=ACCOUNT_ORIGIN, help="origin of the product, whose panel the editor embeds"
    )
    return parser.parse_args()


def _services(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in SERVICES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"no service {', '.join(unknown)}; there are {', '.join(SERVICES)}")
    return names


async def _serve(options: argparse.Namespace) -> int:
    leave = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, leave.set)
    try:
        stripe = Stripe(options.webhook, options.thin_webhook, file=options.stripe_file)
        places = (options.only, options.port_base, options.pace)
        mails = (options.mail_webhook, options.account, options.mail_domain)
        async with running(*places, _say_code, stripe, *mails) as found:
            _say(json.dumps(found.line()))
            await leave.wait()
    except OSError as error:
        sys.stderr.write(f"The sandbox could not start: {error.strerror or error}. Choose another --port-base.\n")
        return 1
    return 0


def _say_code(address: str, code: str) -> None:
    _say(f"CODE {address} {code}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
