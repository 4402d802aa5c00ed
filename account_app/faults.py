"""What goes wrong behind a page. Whoever sends frames chooses how often, so the standard library's logger tells of it:
`relay.logs` lets that one speak once a second.
"""

import logging

from reflex.event import EventSpec

log = logging.getLogger(__name__)
REPORT_LENGTH_MAX = 300


def remember_browser_fault(exception: Exception) -> None:
    """A browser tells of a fault. Its words are anybody's, so little of them is kept."""
    log.error("browser_fault", extra={"report": str(exception)[:REPORT_LENGTH_MAX]})


def remember_fault(exception: Exception) -> EventSpec | None:
    """A handler failed. The page keeps what it shows; the fault is for us."""
    log.error("handler_failed", exc_info=exception)
    return None
