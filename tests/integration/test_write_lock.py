"""Writers on SQLite wait for the write lock, each at most for its own time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction

from apps.accounts.models import User
from apps.core.sqlite import base
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL locks rows"),
]
SECONDS = 30.0


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads of this process; what they run closes its connection itself."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


@contextmanager
def lock_held(threads: ThreadPoolExecutor) -> Iterator[threading.Event]:
    """A transaction of another thread holds the lock until the event is set, or to the end of the block."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            held.set()
            assert done.wait(SECONDS)

    ended = threads.submit(closing(hold))
    assert held.wait(SECONDS)
    try:
        yield done
    finally:
        done.set()
        ended.result(SECONDS)


def closing(act: Callable[[], None]) -> Callable[[], None]:
    def closed() -> None:
        try:
            act()
        finally:
            connection.close()

    return closed


def insert(name: str) -> None:
    User.objects.create(username=name, name=name)


def write(name: str) -> None:
    with transaction.atomic():
        insert(name)


def write_many(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO portal_cache VALUES (%s, '', '')", [[name], [f"{name} again"]])
        assert cursor.rowcount == 2


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time limit of every writer, in seconds."""
    options = connection.settings_dict["OPTIONS"]
    assert options["timeout"] == 20
    return partial(monkeypatch.setitem, options, "timeout")


def test_writers_wait_until_the_lock_is_free(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: dict[int, list[float]] = {}

    def pause(seconds: float) -> None:
        waiting.setdefault(threading.get_ident(), []).append(seconds)
        time.sleep(seconds)

    with lock_held(threads) as done:
        monkeypatch.setattr(base, "time", Mock(sleep=pause, monotonic=time.monotonic))
        # In a transaction, and a statement by itself: neither waits in SQLite.
        writers = [
            threads.submit(closing(partial(act, name))) for act, name in ((write, "pat"), (insert, "sam"))
        ]
        assert wait_for(lambda: [len(one) > 2 for one in waiting.values()] == [True, True], SECONDS)
        assert not any(writer.done() for writer in writers)
        done.set()
        for writer in writers:
            writer.result(SECONDS)
    assert {*User.objects.values_list("username", flat=True)} == {"pat", "sam"}
    assert {base.PAUSES[0] <= one <= base.PAUSES[1] for times in waiting.values() for one in times} == {True}


@pytest.mark.parametrize("act", [write, insert, write_many])
def test_limit_of_a_writer_ends_its_wait(
    act: Callable[[str], None], threads: ThreadPoolExecutor, limit: Callable[[float], None]
) -> None:
    for seconds in (0, 0.03):
        limit(seconds)
        began = time.monotonic()
        with lock_held(threads), pytest.raises(OperationalError, match="locked"):
            act("pat")
        assert time.monotonic() - began >= seconds
    act("sam")


def test_readers_do_not_wait(threads: ThreadPoolExecutor, limit: Callable[[float], None]) -> None:
    write("pat")
    limit(0)
    with lock_held(threads):
        assert User.objects.get().name == "pat"


@pytest.mark.parametrize("acts", [[], [write], [insert], [write_many]])
def test_no_statement_waits_in_sqlite(acts: list[Callable[[str], None]]) -> None:
    connection.close()
    for act in acts:
        act("pat")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (0,)


def test_several_parameters_wait_until_the_lock_is_free(threads: ThreadPoolExecutor) -> None:
    with lock_held(threads) as done:
        writer = threads.submit(closing(partial(write_many, "pat")))
        done.set()
        writer.result(SECONDS)


def test_other_errors_are_not_tried_again() -> None:
    with transaction.atomic(), pytest.raises(OperationalError, match="within a transaction"):
        connection._start_transaction_under_autocommit()  # type: ignore[attr-defined]
    with pytest.raises(OperationalError, match="syntax"), connection.cursor() as cursor:
        cursor.execute("SELEC 1")


def test_locked_statement_in_a_transaction_is_not_tried_again(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection, "transaction_mode", None)  # BEGIN itself does not lock
    monkeypatch.setattr(base, "time", Mock(sleep=Mock(side_effect=AssertionError)))
    with lock_held(threads), pytest.raises(OperationalError, match="locked"):
        write("pat")
    assert not User.objects.exists()
