"""`post`: many commands, one pass, an outcome each. Settlements come first, so that what they return can be held."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from relay import clock
from relay.errors import CapReached, InsufficientCredit, NotFound
from relay.ledger import correcting, shelf
from relay.ledger.book import Book, Movement
from relay.ledger.commands import Command, Held, Hold, Journal, Renew, Settle, Settled
from relay.ledger.usage_rows import roll_up, usage_row
from relay.money import usd
from relay.tables import ApiKey, Usage, table
from relay.tables import Hold as HoldRow

holds, usage, api_keys = table(HoldRow), table(Usage), table(ApiKey)

_OPEN = select(holds).where(holds.c.request_id.in_(bindparam("ids", expanding=True)))
_CLOSE = delete(holds).where(holds.c.request_id.in_(bindparam("ids", expanding=True)))
_SWEPT = select(usage.c.request_id, usage.c.account_id).where(
    usage.c.request_id.in_(bindparam("ids", expanding=True)),
    usage.c.kind == "request",
    usage.c.ended == "process_died",
)
_JOURNAL = (
    update(holds)
    .where(holds.c.request_id == bindparam("of"))
    .values(journal=bindparam("learnt"), expires_at=bindparam("until"))
)
_RENEW = (
    update(holds).where(holds.c.request_id.in_(bindparam("ids", expanding=True))).values(expires_at=bindparam("until"))
)
_SPENT = (
    update(api_keys)
    .where(api_keys.c.id == bindparam("of"))
    .values(spent_pico=api_keys.c.spent_pico + bindparam("price"))
)


def post(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    """Outcomes in the order of `commands`: Held, Settled, None (journals), or an error for that caller alone."""
    return _Posting(connection, commands).run()


class _Posting:
    def __init__(self, connection: Connection, commands: Sequence[Command]) -> None:
        self._connection = connection
        self._commands = commands
        self._now = clock.now()
        self._outcomes: list[Any] = [None] * len(commands)
        self._movements: list[tuple[str, Movement]] = []
        self._usage_rows: list[dict[str, Any]] = []
        self._new_holds: dict[str, Hold] = {}
        self._closed: list[str] = []

    def run(self) -> list[Any]:
        calls = [c for c in self._commands if isinstance(c, Hold | Settle)]
        if calls:
            self._books = shelf.take(self._connection, {c.account_id for c in calls})
            found = self._connection.execute(_OPEN, {"ids": [c.request_id for c in calls]})
            self._open: dict[str, Row[Any]] = {row.request_id: row for row in found}
            self._settle_all()
            self._expire_due()
            self._tell_what_is_left()
            self._hold_all()
            self._write()
        self._keep_journals()
        self._renew()
        return self._outcomes

    def _keep_journals(self) -> None:
        """After the accounts are locked, and in one order: so that no two workers wait for each other."""
        journals = {c.request_id: c for c in self._commands if isinstance(c, Journal)}
        if journals:
            rows = [{"of": i, "learnt": c.journal, "until": c.expires_at} for i, c in sorted(journals.items())]
            self._connection.execute(_JOURNAL, rows)

    def _renew(self) -> None:
        for command in self._commands:
            if isinstance(command, Renew):
                ids = sorted(command.request_ids)
                self._connection.execute(_RENEW, {"ids": ids, "until": command.expires_at})

    def _settle_all(self) -> None:
        settles = [(i, c) for i, c in enumerate(self._commands) if isinstance(c, Settle)]
        # What a living process says of its call goes before the guess of a sweep that comes at the same moment.
        settles.sort(key=lambda settle: settle[1].swept)
        self._swept = self._find_swept([c for _, c in settles])
        paying = {c.account_id for _, c in settles if c.price_pico and c.request_id in self._open}
        paying |= {row.account_id for row in self._swept.values()}
        shelf.add_grants(self._connection, [self._books[a] for a in paying])
        for i, command in settles:
            self._outcomes[i] = self._settle(command)

    def _settle(self, command: Settle) -> Settled | NotFound:
        book = self._books.get(command.account_id)
        if book is None:
            return NotFound("The account does not exist.")
        hold = self._open.get(command.request_id)
        if hold is None or (command.swept and hold.expires_at > self._now):
            if command.request_id in self._swept and not command.swept:
                self._correct_swept(book, command)
            return Settled(book.available_pico, first=False)
        del self._open[command.request_id]
        if command.price_pico > book.credit_pico and not book.has_plan and not book.grants:
            shelf.add_last_grant(self._connection, book)
        moved = book.settle(hold.amount_pico, command.price_pico, hold.created_at, command.request_id)
        self._movements += [(book.account_id, movement) for movement in moved]
        self._usage_rows.append(usage_row(command, hold))
        self._closed.append(command.request_id)
        return Settled(book.available_pico)

    def _find_swept(self, settles: Sequence[Settle]) -> dict[str, Any]:
        """Calls that another process took for dead and settled, and that are now settled by their own."""
        ids = [c.request_id for c in settles if not c.swept and c.request_id not in self._open]
        if not ids:
            return {}
        found = self._connection.execute(_SWEPT, {"ids": ids})
        return {row.request_id: row for row in found}

    def _correct_swept(self, book: Book, command: Settle) -> None:
        del self._swept[command.request_id]
        row = correcting.late_truth(correcting.amended(self._connection, command.request_id), command)
        if row is not None:
            moved = correcting.move(self._connection, book, row)
            self._movements += [(book.account_id, movement) for movement in moved]
            self._usage_rows.append(row)

    def _expire_due(self) -> None:
        due = [b for b in self._books.values() if b.next_expiry_at and b.next_expiry_at <= self._now]
        if not due:
            return
        shelf.add_grants(self._connection, [b for b in due if not b.grants])
        reserved = shelf.open_holds(self._connection, [b.account_id for b in due])
        for book in due:
            still_open = self._without_closed(book, reserved.get(book.account_id, []))
            self._movements += [(book.account_id, m) for m in book.expire(self._now, still_open)]

    def _tell_what_is_left(self) -> None:
        """What a call kept alive beyond its grant's end is gone once it has settled: told after that, not before."""
        for i, (command, outcome) in enumerate(zip(self._commands, self._outcomes, strict=True)):
            if isinstance(outcome, Settled) and isinstance(command, Settle):
                self._outcomes[i] = replace(outcome, available_pico=self._books[command.account_id].available_pico)

    def _without_closed(self, book: Book, reserved: list[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
        """The holds that this posting closes are still rows; they reserve nothing any more."""
        if not self._closed:
            return reserved
        rows = self._connection.execute(
            select(holds.c.created_at, holds.c.amount_pico).where(
                holds.c.account_id == book.account_id, holds.c.request_id.not_in(self._closed)
            )
        )
        return [(row[0], row[1]) for row in rows]

    def _hold_all(self) -> None:
        for i, command in enumerate(self._commands):
            if isinstance(command, Hold):
                self._outcomes[i] = self._hold(command)

    def _hold(self, command: Hold) -> Held | Exception:
        book = self._books.get(command.account_id)
        if book is None:
            return NotFound("The account does not exist.")
        if command.request_id in self._open or command.request_id in self._new_holds:
            return Held(book.available_pico)
        if command.key_capped and (short := self._beyond_key_cap(command)) is not None:
            return short
        if not book.hold(command.amount_pico):
            return _refusal(book, command)
        self._new_holds[command.request_id] = command
        return Held(book.available_pico)

    def _beyond_key_cap(self, command: Hold) -> CapReached | None:
        key = self._connection.execute(
            select(api_keys.c.cap_pico, api_keys.c.spent_pico).where(api_keys.c.id == command.key_id)
        ).one()
        if key.cap_pico is None:
            return None
        open_now = self._connection.execute(
            select(holds.c.amount_pico).where(
                holds.c.key_id == command.key_id,
                holds.c.account_id == command.account_id,
                holds.c.request_id.not_in(self._closed),
            )
        ).scalars()
        reserved = sum(open_now) + sum(h.amount_pico for h in self._new_holds.values() if h.key_id == command.key_id)
        spent = key.spent_pico + sum(r["price_pico"] for r in self._usage_rows if r["key_id"] == command.key_id)
        room = max(0, key.cap_pico - spent - reserved)
        if command.amount_pico <= room:
            return None
        return CapReached("This API key has reached its cap.", available_pico=room, needed_pico=command.amount_pico)

    def _write(self) -> None:
        if self._closed:
            self._connection.execute(_CLOSE, {"ids": self._closed})
        if self._usage_rows:
            self._connection.execute(insert(usage), self._usage_rows)
            roll_up(self._connection, self._usage_rows)
            spent = [{"of": r["key_id"], "price": r["price_pico"]} for r in self._usage_rows if r["key_id"]]
            if spent:
                self._connection.execute(_SPENT, spent)
        if self._new_holds:
            self._connection.execute(insert(holds), [_hold_row(command) for command in self._new_holds.values()])
        shelf.put_back(self._connection, self._books.values(), self._movements, self._now)


def _refusal(book: Book, command: Hold) -> InsufficientCredit:
    capped = book.has_plan and book.spend_cap_pico > 0 and book.credit_pico >= 0
    kind = CapReached if capped else InsufficientCredit
    return kind(
        f"This request can cost up to ${usd(command.amount_pico)}, and ${usd(book.available_pico)} is available.",
        available_pico=book.available_pico,
        needed_pico=command.amount_pico,
    )


def _hold_row(command: Hold) -> dict[str, Any]:
    return {
        "request_id": command.request_id,
        "account_id": command.account_id,
        "key_id": command.key_id,
        "model": command.model,
        "price_version": command.price_version,
        "amount_pico": command.amount_pico,
        "max_tokens": command.max_tokens,
        "streamed": command.streamed,
        "created_at": command.at,
        "expires_at": command.expires_at,
        "worker": command.worker,
        "journal": None,
    }
