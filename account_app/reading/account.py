"""What the account page shows."""

from dataclasses import dataclass, field

from sqlalchemy import Connection

from account_app.components.figures import count, spendable
from account_app.session import Visitor
from relay import accounts
from relay.accounts import Identity
from relay.clock import rfc3339

STOPPED = {
    "bounced": "Mail to this address came back, so we send no alerts there. Signing in by a code lifts this.",
    "complained": "You told your mail provider that our mail is unwanted, so we send you no alerts.",
}


@dataclass(frozen=True)
class SessionLine:
    id: str = ""
    device: str = ""
    place: str = ""
    seen: str = ""
    since: str = ""
    here: bool = False


@dataclass(frozen=True)
class AccountFigures:
    """`stands_against` is what must be settled before the account can be deleted; `lost` what goes with it."""

    sessions: list[SessionLine] = field(default_factory=list[SessionLine])
    moving_to: str = ""
    time_zone: str = ""
    locale: str = ""
    stopped: str = ""
    complained: bool = False
    exported: str = ""
    exporting: bool = False
    export_share: str = ""
    stands_against: list[str] = field(default_factory=list[str])
    lost: str = ""


def account_of(connection: Connection, visitor: Visitor) -> AccountFigures:
    """Everything of the page but the address, which the frame shows too."""
    identity = Identity(visitor.account_id, visitor.email, "session", visitor.session_id)
    settings = accounts.preferences_of(connection, visitor.account_id)
    owed = accounts.owed(connection, visitor.account_id)
    stop = accounts.mail_stop(connection, visitor.email)
    export = accounts.last_export(connection, visitor.account_id)
    sessions = [_session(row, visitor.session_id) for row in accounts.list_sessions(connection, visitor.account_id)]
    return AccountFigures(
        sessions=sorted(sessions, key=lambda line: not line.here),
        moving_to=accounts.pending_move(connection, identity) or "",
        time_zone=settings.time_zone,
        locale=settings.locale,
        stopped=STOPPED[stop.reason] if stop else "",
        complained=bool(stop and stop.reason == "complained"),
        exported=rfc3339(export.finished_at) if export and export.finished_at else "",
        exporting=bool(export and export.runs),
        export_share=_share(export, visitor.locale),
        stands_against=list(owed.stands_against),
        lost=spendable(owed.credit_pico, visitor.locale) if owed.credit_pico > 0 else "",
    )


def _session(row: accounts.SessionRow, here: str) -> SessionLine:
    return SessionLine(
        id=row.id,
        device=row.device or "An unknown device",
        place=row.place or "Unknown",
        seen=rfc3339(row.last_seen_at),
        since=rfc3339(row.created_at),
        here=row.id == here,
    )


def _share(export: accounts.Progress | None, locale: str) -> str:
    if export is None or not export.runs:
        return ""
    return f"{count(export.rows_done, locale)} of {count(export.rows_total, locale)} rows"
