"""The database: there, at the right revision, durable, and with nothing left lying."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from relay import clock
from relay.database import Database, poolers
from relay.database.revisions import current_revision, head_revision, known_revisions
from relay.doctor.findings import Finding, judged, ok, warning, wrong
from relay.errors import Unavailable
from relay.operating.people import operators
from relay.settings import Settings
from relay.tables import Account, Hold, Lease, Outbox, StripeEvent, table

accounts = table(Account)
holds, leases, outbox, events = table(Hold), table(Lease), table(Outbox), table(StripeEvent)
CLOCKS_APART_SECONDS_MAX = 5
LATE_SECONDS = 3600


async def check(settings: Settings) -> list[Finding]:
    try:
        found, expected = current_revision(settings), head_revision()
    except Exception as error:
        fix = "Start it, or correct DATABASE_URL."
        return [wrong("database", f"no answer ({type(error).__name__})", "an answer", fix)]
    known = found is None or found in known_revisions()
    fix = "Run `account-app migrate`." if known else "Run the newer version, or see rolling back in docs/operating.md."
    revision = judged(found == expected, "database revision", found or "none", str(expected), fix)
    if found != expected:
        return [revision]
    database = Database(settings.database_url, checkpoints=False)
    try:
        return [
            revision,
            _sessions(settings),
            *await database.read(lambda c: [*_durability(c), *_time(c), *_left_lying(c), *_operators(c, settings)]),
        ]
    except Unavailable:
        return [revision, wrong("database", "no answer", "an answer", "Look at its log.")]
    finally:
        database.close()


def _sessions(settings: Settings) -> Finding:
    lasts = poolers.sessions_last(settings.database_url)
    found = poolers.OWN if lasts else poolers.SHARED
    return judged(lasts, "database sessions", found, poolers.OWN, poolers.FIX)


def _durability(connection: Connection) -> Iterator[Finding]:
    """What was acknowledged must survive a power cut."""
    if connection.dialect.name == "sqlite":
        mode, level = (connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous"))
        fix = "The server sets these itself: put the file on a local disk that supports them."
        yield judged((mode, level) == ("wal", 2), "durability", f"{mode}, synchronous {level}", "wal, 2", fix)
        return
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        value = str(connection.execute(text(f"SHOW {name}")).scalar())
        yield judged(value != "off", f"durability: {name}", value, "on", f"Set {name} = on in postgresql.conf.")


def _operators(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """A misspelt address opens the page to nobody, or to whoever has it."""
    for email in sorted(operators(settings)):
        there = connection.execute(select(accounts.c.id).where(accounts.c.email == email)).first()
        if there is None:
            fix = "Sign in with it once, or correct OPERATOR_EMAILS."
            yield warning("OPERATOR_EMAILS", f"no account with {email}", "an account that has signed in", fix)


def _time(connection: Connection) -> Iterator[Finding]:
    """Expiry, periods and Stripe's signatures all hang on the clock."""
    if connection.dialect.name == "postgresql":
        theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        apart = abs((clock.now() - theirs).total_seconds())
        found, expected = f"{apart:.1f} s from the database's", f"at most {CLOCKS_APART_SECONDS_MAX} s"
        fix = "Run an NTP client on both machines."
        yield judged(apart <= CLOCKS_APART_SECONDS_MAX, "clock: database", found, expected, fix)
    until = connection.execute(select(leases.c.expires_at).where(leases.c.name == "clock")).scalar()
    if until and until > clock.now():
        yield ok("ticking", "a server holds the clock's lease")
    else:
        fix = "Start a server; while none runs, nothing is swept, expired or sent to Stripe."
        yield warning("ticking", "no server", "a server that ticks", fix)


def _left_lying(connection: Connection) -> Iterator[Finding]:
    late = clock.now() - clock.seconds(LATE_SECONDS)
    overdue = _count(connection, holds, holds.c.expires_at <= late)
    yield judged(
        overdue == 0, "holds", f"{overdue} an hour past their time", "0", "Run `account-app sync`; read the log."
    )
    stuck = _count(connection, outbox, outbox.c.state == "stuck")
    yield judged(
        stuck == 0, "outbox", f"{stuck} stuck", "0", "Run `account-app reconcile`; Stripe refused these for good."
    )
    failed = _count(connection, events, events.c.state == "failed")
    if failed:
        yield warning("events", f"{failed} failed", "0", "Run `account-app events replay --failed`.")
    else:
        yield ok("events", "none failed")


def _count(connection: Connection, of: object, where: object) -> int:
    return connection.execute(select(func.count()).select_from(of).where(where)).scalar_one()  # pyright: ignore[reportArgumentType]
