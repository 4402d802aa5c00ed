"""Several statements in one journey to PostgreSQL: all of them are sent at once, then all answers are read.

The driver's own pipeline sends each statement by itself, and every one of them wakes the server.
"""

import os
import select
from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Any, cast

from psycopg import Connection
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

BEGIN = b"BEGIN ISOLATION LEVEL READ COMMITTED"
COMMIT = b"COMMIT"
_FAILED = (ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED)
_PROCESS = token_hex(4).encode()
"""No two processes give a name to different statements, not even if a pooler should mix their sessions up."""
_number = count(1)

Values = Sequence[Any]
Known = dict[str, bytes]
"""By which names the server of one connection knows its statements."""


class Reply:
    """What one statement has answered, once its journey has ended."""

    def __init__(self, driver: "Connection[Any]") -> None:
        self._converts = Transformer(driver)
        self.result: Any = None

    def dump(self, values: Values) -> Values:
        """The values as the server reads them."""
        return self._converts.dump_sequence(values, [PyFormat.TEXT] * len(values))

    def fetchall(self) -> list[Any]:
        """The rows, as the driver's cursor would give them."""
        self._converts.set_pgresult(self.result)
        return cast(list[Any], self._converts.load_rows(0, self.result.ntuples, tuple))


class Journey:
    """Statements in the order in which they are to run. `go` runs them, within the open transaction or a new one."""

    def __init__(self, driver: "Connection[Any]", known: Known) -> None:
        self._driver = driver
        self._server: Any = driver.pgconn
        self._known = known
        self._asked: list[tuple[str, Values, Reply]] = []

    def add(self, sql: str, values: Values) -> Reply:
        """`values` stand for `$1`, `$2` … of `sql`, which says their types."""
        reply = Reply(self._driver)
        self._asked.append((sql, reply.dump(values), reply))
        return reply

    def go(self, *, commits: bool = False) -> None:
        """Raises the driver's error of the first statement that failed: those after it have not run, nor has COMMIT."""
        if not self._asked and not commits:
            return
        self._server.enter_pipeline_mode()
        try:
            new = self._send(commits)
            failure = self._read()
        finally:
            if not self._driver.closed and not self._driver.broken:
                self._server.exit_pipeline_mode()
        if failure is not None:
            if isinstance(failure, InvalidSqlStatementName):
                # Somebody had the server forget what it knew: whoever tries again tells it anew.
                self._known.clear()
            raise failure
        self._known.update(new)

    def _send(self, commits: bool) -> Known:
        """The names of statements that the server is told for the first time."""
        server, new = self._server, Known()
        self._expected: list[Reply | None] = []
        if server.transaction_status == TransactionStatus.IDLE:
            server.send_query_params(BEGIN, None)
            self._expected.append(None)
        for sql, values, reply in self._asked:
            if (name := self._known.get(sql) or new.get(sql)) is None:
                name = new[sql] = b"relay_%d_%s_%d" % (os.getpid(), _PROCESS, next(_number))
                server.send_prepare(name, sql.encode())
                self._expected.append(None)
            server.send_query_prepared(name, values)
            self._expected.append(reply)
        if commits:
            server.send_query_params(COMMIT, None)
            self._expected.append(None)
        server.pipeline_sync()
        return new

    def _read(self) -> Exception | None:
        failure: Exception | None = None
        for reply in self._expected:
            result = self._next()
            if result.status in _FAILED:
                failure = failure or error_from_result(result)
            elif reply is not None:
                reply.result = result
            self._server.get_result()
        self._next()
        return failure

    def _next(self) -> Any:
        """The next result, waited for without keeping other threads from running."""
        poll = select.poll()
        poll.register(self._server.socket, select.POLLIN)
        unsent = self._server.flush()
        while self._server.is_busy() or unsent:
            poll.modify(self._server.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
            poll.poll()
            self._server.consume_input()
            unsent = unsent and self._server.flush()
        return self._server.get_result()
