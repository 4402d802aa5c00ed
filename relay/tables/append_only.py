"""For revisions: rows of money and of record that the database itself refuses to change or delete."""

from typing import Any


def forbid_changes(op: Any, table: str, refusal: str, same: str = "") -> None:
    """Triggers on `table`, through Alembic's `op`. `same` is SQL for what else than its id makes a row the same."""
    if op.get_bind().dialect.name == "sqlite":
        _on_sqlite(op, table, refusal, same)
    else:
        _on_postgresql(op, table, refusal)


def _on_sqlite(op: Any, table: str, refusal: str, same: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        )
    # INSERT OR REPLACE deletes without asking the trigger above, unless a pragma says otherwise.
    also = f" OR ({same})" if same else ""
    there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id{also})"  # noqa: S608 (names from revisions alone)
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {there} "
        f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    )


def _on_postgresql(op: Any, table: str, refusal: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
