"""Price versions in the database: published once, read for ever."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, Row, insert, select

from relay import tables
from relay.errors import Misconfigured, NotFound
from relay.pricing.costs import COSTS
from relay.pricing.table import PriceRow, PriceTable, table_from_rows

versions = tables.table(tables.PriceVersion)
prices = tables.table(tables.Price)


def with_markup(cost_pico: int, markup_percent: int) -> int:
    """The selling price of one unit: a whole number of pico-dollars, rounded up."""
    return -(-cost_pico * (100 + markup_percent) // 100)


def price_rows(markup_percent: int) -> tuple[PriceRow, ...]:
    """The list that `publish` would publish now."""
    return tuple(
        PriceRow(c.model, c.kind, c.tier, c.cost_pico, selling, c.source, c.checked)
        for c in COSTS
        for selling in (with_markup(c.cost_pico, markup_percent),)
    )


def publish(connection: Connection, markup_percent: int, now: datetime) -> str | None:
    """Writes a new version if costs or markup differ from the newest; its name, or None if they do not."""
    rows = price_rows(markup_percent)
    newest = _newest(connection, None)
    if newest is not None and newest.markup_percent == markup_percent:
        published = load(connection, newest.version)
        if _money_of(published.rows) == _money_of(rows):
            return None
    version = _next_name(connection, now)
    connection.execute(insert(versions), {"version": version, "published_at": now, "markup_percent": markup_percent})
    connection.execute(insert(prices), [{"version": version, **row._asdict()} for row in rows])
    return version


def newest_version(connection: Connection) -> str | None:
    """The name of the newest version: cheap enough to ask every few seconds."""
    newest = _newest(connection, None)
    return newest.version if newest else None


def current(connection: Connection, at: datetime | None = None) -> PriceTable:
    """The newest version, or the one that was in force `at` a moment.

    Misconfigured when none was ever published; NotFound when none was published by `at`.
    """
    newest = _newest(connection, at)
    if newest is not None:
        return load(connection, newest.version)
    if at is None:
        raise Misconfigured("No prices are published yet. Run: account-app migrate")
    raise NotFound(f"No prices were published by {at.astimezone(UTC).isoformat()}.")


def load(connection: Connection, version: str) -> PriceTable:
    """The price version of that name, to price an old usage row with. NotFound when there is none."""
    found = connection.execute(select(versions).where(versions.c.version == version)).one_or_none()
    if found is None:
        raise NotFound(f"There is no price version {version}.")
    columns = [prices.c[name] for name in PriceRow._fields]
    rows = [PriceRow(*row) for row in connection.execute(select(*columns).where(prices.c.version == version))]
    return table_from_rows(found.version, found.published_at, found.markup_percent, rows)


def _newest(connection: Connection, at: datetime | None) -> Row[tuple[str, datetime, int]] | None:
    found = connection.execute(select(versions)).all()
    in_force = [row for row in found if at is None or row.published_at <= at]
    # Names sort wrongly as text once a day has ten versions.
    return max(in_force, key=lambda row: (row.published_at, _number(row.version)), default=None)


def _next_name(connection: Connection, now: datetime) -> str:
    day = now.astimezone(UTC).date().isoformat()
    of_the_day = select(versions.c.version).where(versions.c.version.startswith(f"{day}."))
    names = connection.execute(of_the_day).scalars()
    return f"{day}.{max(map(_number, names), default=0) + 1}"


def _number(version: str) -> int:
    return int(version.rpartition(".")[2])


def _money_of(rows: Iterable[PriceRow]) -> set[tuple[str, str, str, int, int]]:
    return {(row.model, row.kind, row.tier, row.cost_pico, row.price_pico) for row in rows}
