"""Two sets of books, ours and upstream's, request by request; every difference that no rule allows is named."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from relay.tables import Balance, Clawback, Hold, Usage, table
from relay.tables import Entry as Moved
from sandbox.claude.books import Entry
from tests.chaos.clients import Seen, told_output
from tests.chaos.paybacks import CAP_MAX_PICO
from tests.fixtures.crashing import rows_of, tokens_billed
from tests.fixtures.endings import sent_tokens
from tests.fixtures.product import Product

usage, holds, balances = table(Usage), table(Hold), table(Balance)
clawbacks, moved = table(Clawback), table(Moved)


@dataclass
class Verdict:
    """`counts` says what was looked at; `problems` is empty when all is well."""

    counts: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])

    def expect(self, true: bool, problem: str, *facts: object) -> None:
        if not true:
            self.problems.append(f"{problem}: {facts}")


@dataclass
class Call:
    """One request of ours: its rows added up, what its client saw, and what upstream billed."""

    rows: list[Row[Any]]
    seen: Seen | None
    entry: Entry | None

    @property
    def row(self) -> Row[Any]:
        return self.rows[0]

    @property
    def last(self) -> Row[Any]:
        return self.rows[-1]

    @property
    def estimated(self) -> bool:
        return self.last.estimated

    def total(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)

    @property
    def tokens(self) -> tuple[int, int, int, int]:
        writes = self.total("cache_write_5m_tokens") + self.total("cache_write_1h_tokens")
        return (self.total("input_tokens"), self.total("output_tokens"), self.total("cache_read_tokens"), writes)


def judge(product: Product, seen: Sequence[Seen]) -> Verdict:
    """Everything must be over, and swept."""
    verdict = Verdict()
    verdict.expect(not rows_of(product, holds), "holds are left", len(rows_of(product, holds)))
    takings = {row.account_id for row in rows_of(product, clawbacks)}
    for row in rows_of(product, balances):
        verdict.expect(row.held_pico == 0, "something is held", row.account_id, row.held_pico)
        refunded, most_pico = row.account_id in takings, CAP_MAX_PICO if row.has_plan else 0
        verdict.expect(row.credit_pico >= 0 or refunded, "spent what was not there", row.account_id)
        verdict.expect(row.overage_pico <= most_pico, "overage beyond the cap", row.account_id, row.overage_pico)
        verdict.counts["on overage"] += row.overage_pico > 0
    verdict.counts["debts repaid"] = sum(1 for row in rows_of(product, moved) if row.kind == "repay") // 2
    audit = product.run("audit", "--json")
    verdict.expect(audit.returncode == 0, "the audit differs", audit.stdout[-2000:], audit.stderr[-500:])
    calls = _calls(verdict, product, seen)
    for request_id, call in calls.items():
        _judge(verdict, request_id, call)
    entries = product.world.claude.books.entries
    verdict.expect(len(entries) <= len(calls), "upstream was asked without a hold", len(entries), len(calls))
    verdict.counts.update(requests=len(calls), upstream=len(entries))
    return verdict


def _calls(verdict: Verdict, product: Product, seen: Sequence[Seen]) -> dict[str, Call]:
    by_request: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in sorted(rows_of(product, usage), key=lambda row: row.id):
        by_request[row.amends or row.request_id].append(row)
    entries = {entry.request_id: entry for entry in product.world.claude.books.entries}
    clients = {one.request_id: one for one in seen}
    for request_id, client in clients.items():
        # Who was relayed anything was held for, durably, before upstream heard of it.
        refused = client.status not in (200, 502, 504) and request_id not in by_request
        verdict.expect(refused or request_id in by_request, "no row", request_id, client.status, client.marker)
        verdict.counts["refused"] += refused
    named = Counter(rows[-1].upstream_request_id for rows in by_request.values() if rows[-1].upstream_request_id)
    for name, times in named.items():
        verdict.expect(times == 1 and name in entries, "upstream's request is booked twice, or unknown", name, times)
    return {
        request_id: Call(rows, clients.get(request_id), entries.get(rows[-1].upstream_request_id))
        for request_id, rows in by_request.items()
    }


def _judge(verdict: Verdict, request_id: str, call: Call) -> None:
    row, seen, entry = call.row, call.seen, call.entry
    verdict.counts[row.ended] += 1
    verdict.counts["corrected"] += len(call.rows) > 1
    verdict.expect(call.total("price_pico") <= row.held_pico, "beyond its hold", request_id)
    sent = sent_tokens(seen.body) if seen else 0
    told = told_output(seen.body) if seen and seen.whole and seen.status == 200 else None
    if told is not None:
        # Whoever has a whole answer has it because its settlement was durable: in the database, or on our own disk.
        exact = call.tokens[1] == told and not call.estimated
        verdict.expect(exact, "not what the client was told", request_id, told, call.tokens, call.last.ended)
    if entry is not None and not call.estimated and (call.last.stop_reason or not entry.billed):
        verdict.counts["exact"] += 1
        verdict.expect(call.tokens == tokens_billed(entry.row()), "not what upstream billed", request_id, call.tokens,
                       tokens_billed(entry.row()), entry.behaviour, row.ended)  # fmt: skip
    elif call.estimated:
        verdict.counts["estimated"] += 1
        _judge_estimate(verdict, request_id, call, sent)
    else:
        verdict.counts["nothing told"] += 1
        lost_with_process = call.last.ended == "process_died"
        verdict.expect(call.tokens == (0, 0, 0, 0), "booked what nobody told", request_id, call.tokens)
        verdict.expect(not sent or lost_with_process, "a free answer", request_id, sent, row.ended, row.status)


def _judge_estimate(verdict: Verdict, request_id: str, call: Call, sent: int) -> None:
    entry, output = call.entry, call.tokens[1]
    facts = (request_id, call.last.ended, output, sent, entry and entry.behaviour)
    verdict.expect(entry is not None or call.last.ended == "process_died", "an estimate of nothing", *facts)
    if entry is None:
        return
    billed = tokens_billed(entry.row())
    read = (call.tokens[0], call.tokens[2], call.tokens[3])
    if "missing_start" not in entry.behaviour and any(read):
        verdict.expect(read == (billed[0], billed[2], billed[3]), "the prompt differs", *facts, read, billed)
    most = call.seen.max_tokens if call.seen else 400
    verdict.expect(output <= most, "an estimate beyond max_tokens", *facts)
    if call.last.ended != "process_died" and call.last.status == 200:
        verdict.expect(output >= sent / 2, "an estimate below what was sent", *facts)
