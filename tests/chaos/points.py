"""Places in a process at which it can be killed: before and after each statement and commit, whoever makes it."""

import os
import signal
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import psycopg
from sqlalchemy import Engine, event

ENDS = ("commit", "rollback")


def die_at(at: int, *, commits_only: bool = False) -> list[int]:
    """Counts the places that this process passes, and kills it at that one. Before any database is opened."""
    passed = [0]

    def pass_by(*_: Any) -> None:
        passed[0] += 1
        if passed[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ENDS:
        event.listen(Engine, name, pass_by)
    statement = (lambda: None) if commits_only else pass_by
    event.listen(Engine, "do_connect", partial(_count, statement, pass_by))
    return passed


def _count(
    statement: Callable[[], None], commit: Callable[[], None], dialect: Any, _: Any, __: Any, options: dict[str, Any]
) -> None:
    is_sqlite = dialect.name == "sqlite"
    base: Any = sqlite3.Cursor if is_sqlite else psycopg.Cursor

    class Counting(base):
        def execute(self, *given: Any, **options: Any) -> Any:
            statement()
            done = super().execute(*given, **options)
            statement()
            return done

        def executemany(self, *given: Any, **options: Any) -> Any:
            statement()
            done = super().executemany(*given, **options)
            statement()
            return done

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(cast(Any, Counting))

        def execute(self, *given: Any) -> Any:
            # The driver's own would make a cursor that is not counted.
            return self.cursor().execute(*given)

        def commit(self) -> None:
            super().commit()
            # Durable, and nobody has been told.
            commit()

    options["factory" if is_sqlite else "cursor_factory"] = Connection if is_sqlite else Counting
