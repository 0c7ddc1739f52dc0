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


def busy_timeout(limit_ms: int | None = None) -> int:
    """The connection's time limit in milliseconds, after it was set."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout" + ("" if limit_ms is None else f" = {limit_ms}"))
        return int(cursor.fetchone()[0])


def write(name: str) -> None:
    with transaction.atomic():
        User.objects.create(username=name, name=name)


def test_writers_wait_until_the_lock_is_free(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: set[int] = set()

    def pause(seconds: float) -> None:
        waiting.add(threading.get_ident())
        time.sleep(seconds)

    with lock_held(threads) as done:
        monkeypatch.setattr(base, "time", Mock(sleep=pause, monotonic=time.monotonic))
        writers = [threads.submit(closing(partial(write, name))) for name in ("pat", "sam")]
        assert wait_for(lambda: len(waiting) == 2, SECONDS)
        assert not any(writer.done() for writer in writers)
        done.set()
        for writer in writers:
            writer.result(SECONDS)
    assert {*User.objects.values_list("username", flat=True)} == {"pat", "sam"}


def test_limit_of_a_writer_ends_its_wait_and_stays(threads: ThreadPoolExecutor) -> None:
    assert busy_timeout() == 20_000
    try:
        for limit_ms in (0, 30):
            busy_timeout(limit_ms)
            with lock_held(threads), pytest.raises(OperationalError, match="locked"):
                write("pat")
            assert busy_timeout() == limit_ms
    finally:
        busy_timeout(20_000)
    write("sam")
    assert [*User.objects.values_list("username", flat=True)] == ["sam"]
    assert busy_timeout() == 20_000


def test_other_errors_of_begin_are_not_tried_again() -> None:
    with transaction.atomic(), pytest.raises(OperationalError, match="within a transaction"):
        connection._start_transaction_under_autocommit()  # type: ignore[attr-defined]
    assert busy_timeout() == 20_000
