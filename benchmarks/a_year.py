"""A year of use: one busy account, and thousands of others beside it. The database itself fills it in.

The busy account's sums come from its rows, by the way that the clock takes, and its files and their hours by their own;
of the others there are sums, some rows and files. Balances are not kept true: nothing that is measured here needs it.
"""

import time
from functools import partial

from sqlalchemy import Connection

from benchmarks import files
from relay import accounts, clock, ledger
from relay.money import PICO_PER_USD
from relay.storage import Storehouse
from relay.sums import COUNTS
from relay.sync import roll_up

YEAR_SECONDS = 365 * 24 * 3600
DAYS, HOURS, ROWS, FILES = 20, 40, 20, 3
"""What there is of each of the others."""
LATEST = 360
"""Calls that the clock has not come to: as many as the rate limit lets through meanwhile."""

_NUMBERS = {
    "sqlite": "(WITH RECURSIVE to_(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM to_ WHERE n < {0}) SELECT n FROM to_)",
    "postgresql": "(SELECT n FROM generate_series(1, {0}) AS n)",
}
_MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', {0}, 'unixepoch') || '.000000'",
    "postgresql": "to_timestamp({0})",
}
_HOUR = {"sqlite": "substr(at, 1, 13) || ':00:00.000000'", "postgresql": "date_trunc('hour', at, 'UTC')"}
_USAGE = """
INSERT INTO usage (request_id, kind, account_id, key_id, service, model, tier, input_tokens, output_tokens,
  cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, web_searches, storage_byte_seconds, cost_pico,
  price_pico, price_version, held_pico, ended, estimated, unsplit_cache_writes, status, started_at, at, stop_reason,
  upstream_request_id, reason)
SELECT '{name}' || n, 'request', {account}, 'key_' || (n % 3), 'claude', CASE WHEN n % 99999 = 0 THEN 'claude-opus-4-5'
  WHEN n % 4 = 0 THEN 'claude-opus-5-5' WHEN n % 4 = 1 THEN 'claude-haiku-4-5' WHEN n % 4 = 2 THEN 'claude-sonnet-5'
  ELSE 'claude-sonnet-5-5' END, 'base', 500 + n % 90, 300, 4000, 0, 0, 0, 0, 800000000 + 4 * (n % 9973),
  1000000000 + 5 * (n % 9973),
  (SELECT max(version) FROM price_versions), 2000000000,
  CASE WHEN n % 5000 = 0 THEN 'upstream_error' ELSE 'complete' END, false, false, 200, {at}, {at}, 'end_turn', '', ''
FROM {numbers} AS numbers
"""
_HOURS = """
INSERT INTO usage_hours (account_id, hour, service, model, key_id, requests, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, cost_pico, price_pico)
SELECT account_id, {hour}, service, model, key_id, count(*), sum(input_tokens), sum(output_tokens),
  sum(cache_read_tokens), 0, sum(cost_pico), sum(price_pico) FROM usage WHERE service = 'claude'
  GROUP BY 1, 2, 3, 4, 5
"""
_PEOPLE = """
INSERT INTO accounts (id, email, created_at, time_zone, locale)
SELECT 'acct_other' || n, 'other' || n || '@example.com', {at}, '', '' FROM {numbers} AS numbers
"""
_BALANCES = """
INSERT INTO balances (account_id, credit_pico, held_pico, overage_pico, period_overage_start_pico, sealed_overage_pico,
  spend_cap_pico, has_plan, changed_at, rolled_until)
SELECT 'acct_other' || n, 0, 0, 0, 0, 0, 0, false, {at}, {later} FROM {numbers} AS numbers
"""
_SUMS = """
INSERT INTO usage_sums (account_id, split, unit, since, name, {counts})
SELECT 'acct_other' || others.n, split, '{unit}', {at}, name, {ones} FROM {others} AS others, {numbers} AS numbers,
  (SELECT '' AS split, '' AS name UNION ALL SELECT 'model', 'claude-opus-5-5' UNION ALL SELECT 'key', '') AS splits
"""
_FILES = """
INSERT INTO assets (id, account_id, name, bytes, type, sha256, begun_at, since)
SELECT 'ast_' || others.n || '_' || numbers.n, 'acct_other' || others.n, 'font-' || numbers.n, 40000, 'font/woff2', '',
  {at}, {at} FROM {others} AS others, {numbers} AS numbers
"""
_METERS = """
INSERT INTO storage_meters (account_id, booked_until, owed_byte_seconds, price_carry, cost_carry)
SELECT 'acct_other' || n, {at}, 0, 0, 0 FROM {numbers} AS numbers
"""


async def fill(house: Storehouse, rows: int, others: int) -> tuple[str, float]:
    """The id of the busy account, and how many seconds it took to sum up its rows. Prices are published already."""
    database = house.database
    person = database.write_now(lambda c: accounts.account_for(c, house.settings, "busy@example.com"))
    busy = person.account_id
    given = {"kind": "topup", "amount_pico": 9_000 * PICO_PER_USD, "key": "bench", "reason": "bench"}
    database.write_now(lambda c: ledger.grant(c, busy, **given))
    await files.keep(house, busy, 200, 365)
    database.write_now(lambda c: _fill(c, busy, rows, others))
    started = time.perf_counter()
    await roll_up(database)
    seconds = time.perf_counter() - started
    latest = partial(_run, query=_USAGE, count=LATEST, name="req_new", account=f"'{busy}'", at=f"{_now() - LATEST} + n")
    database.write_now(latest)
    with database._writing.connect() as connection:  # VACUUM is no transaction's.
        raw = connection.connection.dbapi_connection
        assert raw is not None
        if not database.is_sqlite:
            raw.autocommit = True
        raw.cursor().execute("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE")
        # Whoever writes next wants transactions again.
        connection.invalidate()
    return busy, seconds


def _fill(connection: Connection, busy: str, rows: int, others: int) -> None:
    now, run = _now(), partial(_run, connection)
    run(_PEOPLE, others, at=f"{now} - n")
    later = _MOMENT[connection.dialect.name].format(now + 1)
    run(_BALANCES, others, at=str(now), later=later)
    each = {"others": _NUMBERS[connection.dialect.name].format(others), "counts": ", ".join(COUNTS)}
    each |= {"ones": ", ".join("1" for _ in COUNTS)}
    run(_SUMS, DAYS, at=f"{now // 86400 * 86400} - numbers.n * 86400", unit="day", **each)
    run(_SUMS, HOURS, at=f"{now // 3600 * 3600} - numbers.n * 36000", unit="hour", **each)
    run(_FILES, FILES, at=f"{now} - numbers.n * 86400", **each)
    run(_METERS, others, at=f"{now // 3600 * 3600}")
    run(_USAGE, others * ROWS, name="req_of", account=f"'acct_other' || (n % {others})", at=f"{now} - n * 10")
    at = f"{now - YEAR_SECONDS} + CAST(n AS bigint) * {YEAR_SECONDS - 400} / {rows}"
    run(_USAGE, rows, name="req_", account=f"'{busy}'", at=at)
    run(_HOURS, 0, hour=_HOUR[connection.dialect.name])


def _run(connection: Connection, query: str, count: int, at: str = "", **parts: str) -> None:
    dialect = connection.dialect.name
    numbers, moment = _NUMBERS[dialect].format(count), _MOMENT[dialect].format(at)
    sql = query.format(numbers=numbers, at=moment, **parts)
    connection.exec_driver_sql(sql if dialect == "sqlite" else sql.replace("%", "%%"))


def _now() -> int:
    return int(clock.now().timestamp())
