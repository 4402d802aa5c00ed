"""The ground that the other tests stand on holds."""

import socket

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text

from relay.settings import Settings
from tests.fixtures.network import LeftTheMachine


def test_a_connection_that_leaves_the_machine_is_an_error() -> None:
    with socket.socket() as outside, pytest.raises(LeftTheMachine):
        outside.connect(("192.0.2.1", 80))


def test_a_database_is_migrated_and_nobody_elses(database_url: str) -> None:
    engine = create_engine(Settings(DATABASE_URL=database_url).database_url)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM usage")).scalar() == 0
        connection.execute(text("CREATE TABLE mine (id integer)"))
    engine.dispose()


def test_what_one_test_made_the_next_does_not_see(database_url: str) -> None:
    engine = create_engine(Settings(DATABASE_URL=database_url).database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id integer)"))
    engine.dispose()


def test_postgresql_is_a_real_eighteen(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.info.server_version // 10000 == 18


def test_redis_starts_with_nothing_in_it(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
