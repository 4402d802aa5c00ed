"""What a person sees who opens the sandbox's Claude in a browser."""

from __future__ import annotations

from sandbox.claude.behaviours import BEHAVIOURS, OPTIONS
from sandbox.claude.models import MODELS
from sandbox.page import page, table


def front(requests: int) -> bytes:
    """What this server is."""
    models = {model.id: model.display_name for model in MODELS.values()}
    return page(
        "Sandbox: Claude",
        "<p>Stands in for Anthropic's API on this machine: the same routes and stream, invented answers. "
        "Nothing leaves the computer and nothing is charged.</p>"
        f"<p>{requests} requests so far. <a href='/sandbox/books'>The books</a> list what each was billed; "
        "<a href='/sandbox'>behaviours</a> make it fail on request.</p><h2>Models</h2>" + table(models),
    )


def behaviours() -> bytes:
    """Every behaviour with its sentence."""
    return page(
        "Sandbox: behaviours",
        "<p>Put a marker into the last message, such as <code>[[sandbox: cut after=5]]</code>, or post "
        '<code>{"behaviour": "overloaded"}</code> to <code>/sandbox/next</code>. Words may be combined.</p>'
        f"<h2>Behaviours</h2>{table(BEHAVIOURS)}<h2>Options</h2>{table(OPTIONS)}",
    )
