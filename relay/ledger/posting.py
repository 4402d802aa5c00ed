"""`post`: many commands, one pass, an outcome each. Settlements come first, so that what they return can be held."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, delete, select, update

from relay import clock
from relay.errors import CapReached, InsufficientCredit, NotFound
from relay.ledger import correcting, shelf
from relay.ledger.book import Book, Movement
from relay.ledger.commands import Command, Held, Hold, Journal, Renew, Settle, Settled
from relay.ledger.rolling import add_late, late_among
from relay.ledger.usage_rows import roll_up, usage_row
from relay.money import usd
from relay.prepared import InsertSet, Prepared, UpdateSet, among, together
from relay.tables import ApiKey, Usage, table
from relay.tables import Hold as HoldRow

log = structlog.get_logger(__name__)
holds, usage, api_keys = table(HoldRow), table(Usage), table(ApiKey)

_OPEN = Prepared(
    select(
        holds.c.request_id,
        holds.c.key_id,
        holds.c.model,
        holds.c.price_version,
        holds.c.amount_pico,
        holds.c.spend_cap_pico,
        holds.c.created_at,
        holds.c.expires_at,
    ).where(among(holds.c.request_id, "ids"))
)
_CLOSE = Prepared(delete(holds).where(among(holds.c.request_id, "ids")))
_SWEPT = Prepared(
    select(usage.c.request_id, usage.c.account_id).where(
        among(usage.c.request_id, "ids"), usage.c.kind == "request", usage.c.ended == "process_died"
    )
)
_RENEW = Prepared(update(holds).where(among(holds.c.request_id, "ids")).values(expires_at=bindparam("until")))
_JOURNAL = UpdateSet(holds, "request_id", ["journal", "expires_at"])
_SPENT = UpdateSet(api_keys, "id", ["spent_pico"], adding=True)
_NEW_HOLDS = InsertSet(holds, holds.c.keys())
_NEW_USAGE = InsertSet(usage, [column.name for column in usage.c if column.name != "id"])


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
        self._books: dict[str, Book] = {}
        self._open: dict[str, Row[Any]] = {}

    def run(self) -> list[Any]:
        calls = [c for c in self._commands if isinstance(c, Hold | Settle)]
        if calls:
            self._read(calls)
            self._settle_all()
            self._expire_due()
            self._tell_what_is_left()
            self._hold_all()
        late = late_among(self._books, self._usage_rows)
        with together(self._connection, last=not late):
            if calls:
                self._write()
            self._keep_journals()
            self._renew()
        add_late(self._connection, late)
        return self._outcomes

    def _read(self, calls: Sequence[Hold | Settle]) -> None:
        """The grants of whoever may pay come with the books: under their locks, in the same journey."""
        paying = sorted({c.account_id for c in calls if isinstance(c, Settle) and c.price_pico})
        with together(self._connection):
            books = shelf.ask(self._connection, {c.account_id for c in calls})
            grants = shelf.ask_grants(self._connection, paying) if paying else None
            found = _OPEN.ask(self._connection, ids=[c.request_id for c in calls])
        self._books = books()
        if grants is not None:
            grants(self._books)
        self._open = {row.request_id: row for row in found()}

    def _keep_journals(self) -> None:
        """After the accounts are locked, and in one order: so that no two workers wait for each other."""
        journals = {c.request_id: c for c in self._commands if isinstance(c, Journal)}
        for request_id in self._closed:
            journals.pop(request_id, None)
        rows = [
            {"request_id": request_id, "journal": command.journal, "expires_at": command.expires_at}
            for request_id, command in sorted(journals.items())
        ]
        _JOURNAL.run(self._connection, rows)

    def _renew(self) -> None:
        for command in self._commands:
            if isinstance(command, Renew):
                _RENEW.run(self._connection, ids=sorted(command.request_ids), until=command.expires_at)

    def _settle_all(self) -> None:
        settles = [(i, c) for i, c in enumerate(self._commands) if isinstance(c, Settle)]
        # What a living process says of its call goes before the guess of a sweep that comes at the same moment.
        settles.sort(key=lambda settle: settle[1].swept)
        self._swept = self._find_swept([c for _, c in settles])
        corrected = [self._books[account_id] for account_id in {row.account_id for row in self._swept.values()}]
        shelf.add_grants(self._connection, [book for book in corrected if not book.grants])
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
        if command.price_pico > hold.amount_pico:
            log.error("beyond_its_hold", request_id=command.request_id, price=command.price_pico, held=hold.amount_pico)
        cap_pico = hold.spend_cap_pico
        if not book.grants and book.may_owe(command.price_pico, cap_pico):
            shelf.add_last_grant(self._connection, book, self._now)
        moved = book.settle(hold.amount_pico, command.price_pico, hold.created_at, command.request_id, cap_pico)
        self._movements += [(book.account_id, movement) for movement in moved]
        self._usage_rows.append(usage_row(command, hold))
        self._closed.append(command.request_id)
        return Settled(book.available_pico)

    def _find_swept(self, settles: Sequence[Settle]) -> dict[str, Any]:
        """Calls that another process took for dead and settled, and that are now settled by their own."""
        ids = [c.request_id for c in settles if not c.swept and c.request_id not in self._open]
        if not ids:
            return {}
        return {row.request_id: row for row in _SWEPT.all(self._connection, ids=ids)}

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
                self._outcomes[i] = Settled(self._books[command.account_id].available_pico, outcome.first)

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
            _CLOSE.run(self._connection, ids=self._closed)
        if self._usage_rows:
            _NEW_USAGE.run(self._connection, self._usage_rows)
            roll_up(self._connection, self._usage_rows)
            _SPENT.run(self._connection, _spent_by_key(self._usage_rows))
        caps = {book.account_id: book.cap_pico for book in self._books.values()}
        new = [_hold_row(command, caps[command.account_id]) for command in self._new_holds.values()]
        _NEW_HOLDS.run(self._connection, new)
        shelf.put_back(self._connection, self._books.values(), self._movements, self._now)


def _spent_by_key(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    spent: dict[str, int] = {}
    for row in rows:
        if row["key_id"]:
            spent[row["key_id"]] = spent.get(row["key_id"], 0) + row["price_pico"]
    return [{"id": key_id, "spent_pico": price_pico} for key_id, price_pico in sorted(spent.items())]


def _refusal(book: Book, command: Hold) -> InsufficientCredit:
    capped = book.cap_pico > 0 and book.credit_pico >= 0
    kind = CapReached if capped else InsufficientCredit
    told = f"This request can cost up to ${usd(command.amount_pico)}, and ${usd(book.available_pico)} is available."
    if book.credit_pico < 0:
        told += f" The account owes ${usd(-book.credit_pico)}, which new credit covers first."
    return kind(
        told,
        available_pico=book.available_pico,
        needed_pico=command.amount_pico,
    )


def _hold_row(command: Hold, cap_pico: int) -> dict[str, Any]:
    return {
        "request_id": command.request_id,
        "account_id": command.account_id,
        "key_id": command.key_id,
        "model": command.model,
        "price_version": command.price_version,
        "amount_pico": command.amount_pico,
        "spend_cap_pico": cap_pico,
        "max_tokens": command.max_tokens,
        "streamed": command.streamed,
        "created_at": command.at,
        "expires_at": command.expires_at,
        "worker": command.worker,
        "journal": None,
    }
