"""Taking a connection out of PostgreSQL's pool."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from apps.core.postgresql import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool"),
]


@pytest.fixture
def pool() -> Iterator[Any]:
    """A new pool with the settings of the portal's."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's
    yield connection.pool  # type: ignore[attr-defined]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


def taken(pool: Any) -> list[Any]:
    """Take every connection of the pool."""
    pool.open()
    return [pool.getconn(5) for _ in range(settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"])]


def test_caller_waits_longer_than_the_pools_own_timeout_if_all_connections_are_in_use(pool: Any) -> None:
    used = taken(pool)
    later = threading.Timer(4 * pool.timeout, lambda: pool.putconn(used.pop()))
    later.start()
    begin = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert time.monotonic() - begin > 2 * pool.timeout
    later.join()
    for one in used:
        pool.putconn(one)


def test_wait_for_a_connection_has_a_limit(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_WAIT", 0.1)
    used = taken(pool)
    with pytest.raises(OperationalError):
        connection.ensure_connection()
    for one in used:
        pool.putconn(one)


def test_closed_connection_is_replaced_before_use(pool: Any) -> None:
    used = taken(pool)
    numbers = [one.info.backend_pid for one in used]
    for one in used:
        pool.putconn(one)
    with psycopg.connect(used[0].info.dsn, autocommit=True) as other:
        for number in numbers:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] not in numbers


def test_refusing_server_is_not_waited_for(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "kwargs", {**pool.kwargs, "port": 1})  # nothing listens there
    begin = time.monotonic()
    with pytest.raises(OperationalError):
        connection.ensure_connection()
    assert time.monotonic() - begin < base.MAX_WAIT / 2
