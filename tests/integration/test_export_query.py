"""The query of a running export: cancelled, lost with its database, and not blocking other queries."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.core.export.formats import Format
from apps.history.exports import delivery, lifecycle, making
from apps.history.exports.delivery import Delivery
from apps.history.exports.making import ExportBroken
from apps.history.models import Export, State
from apps.history.writing import Written, write
from tests.support.entries import store
from tests.support.export_files import layout, written
from tests.support.export_rows import prepared
from tests.support.filled_database import fill
from tests.support.people import acting
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True)]

TIMEOUT = 30.0  # seconds
ROWS = 5_000
postgresql_only = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="SQLite has no server, and no lock that keeps a reader waiting",
)
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0.05)


@contextmanager
def server() -> Iterator[psycopg.Connection[Any]]:
    """A connection outside the portal, such as an administrator's."""
    database = connection.settings_dict
    with closing(
        psycopg.connect(
            host=database["HOST"], port=database["PORT"], user=database["USER"], dbname=database["NAME"]
        )
    ) as administrator:
        yield administrator


@contextmanager
def waiting_query(person: User) -> Iterator[tuple[Export, Delivery, psycopg.Connection[Any]]]:
    """An export whose query waits for a lock, after its first bytes have been sent."""
    store(person, Outcome.CREATED)
    export = prepared(person)
    lifecycle.start(export, acting(person))
    file = Delivery(export, acting(person), session_hash=person.get_session_auth_hash())
    with server() as administrator, server() as locked:
        administrator.autocommit = True
        locked.execute("LOCK TABLE consumers_submission IN ACCESS EXCLUSIVE MODE")
        assert b"submitted_at" in next(file)  # no row yet: the head does not wait for the database
        wait_until(lambda: administrator.execute(WAITING).fetchall())
        try:
            yield export, file, administrator
        finally:
            file.close()


def test_submissions_stored_during_the_query_are_not_blocked_and_not_in_the_file(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite a transaction around the query would block every write."""
    fill(connection, ROWS)
    export = prepared(supervisor)
    lifecycle.start(export, acting(supervisor))
    begun, go_on = threading.Event(), threading.Event()
    told_to_go_on = []

    def held(selection: Any, layout: Any, write_bytes: Callable[[bytes], object], **more: Any) -> Written:
        pieces = 0

        def write_and_wait(data: bytes) -> None:
            nonlocal pieces
            pieces += 1
            if pieces == 2:  # the first rows; more will follow
                begun.set()
                told_to_go_on.append(go_on.wait(TIMEOUT))
            write_bytes(data)

        return write(selection, layout, write_and_wait, **more)

    monkeypatch.setattr("apps.history.exports.making.writing.write", held)
    file = Delivery(export, acting(supervisor), session_hash=supervisor.get_session_auth_hash())
    content = next(file)
    assert begun.wait(TIMEOUT)
    late = store(supervisor, Outcome.CREATED)
    go_on.set()
    content += b"".join(file)
    file.close()
    assert told_to_go_on == [True]  # otherwise the write waited for the end of the export
    assert content.count(b"\n") == 1 + ROWS
    export.refresh_from_db()
    assert (export.state, export.rows) == (State.FINISHED, ROWS)
    assert Submission.objects.filter(pk=late.pk).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("format_", Format)
def test_query_does_not_wait_for_somebody_who_writes(supervisor: User, format_: Format) -> None:
    store(supervisor, Outcome.CREATED)
    with (
        closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as writer,
        closing(making._new_connection()) as reader,
    ):
        writer.execute("BEGIN IMMEDIATE")
        _data, done = written(layout(format_, ("order_ref", "last_name")), connection=reader)
        assert done.rows == 1


@postgresql_only
@pytest.mark.parametrize("how", ["cancel", "close"])
def test_abandoned_query_is_cancelled_in_the_database(supervisor: User, how: str) -> None:
    with waiting_query(supervisor) as (export, file, administrator):
        if how == "cancel":
            assert lifecycle.cancel(export, acting(supervisor))
            with pytest.raises(ExportBroken):
                next(file)
        else:
            file.close()
        wait_until(lambda: not administrator.execute(WAITING).fetchall())
        export.refresh_from_db()
        assert (export.state, export.slot) == (
            State.CANCELLED if how == "cancel" else State.FAILED,
            None,
        )


@postgresql_only
def test_database_lost_during_the_query_breaks_the_download(supervisor: User) -> None:
    with waiting_query(supervisor) as (export, file, administrator):
        [[pid]] = administrator.execute(WAITING).fetchall()
        administrator.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(ExportBroken, match="database_lost"):
            next(file)
        file.close()
        export.refresh_from_db()
        assert (export.state, export.failure_code) == (State.FAILED, "database_lost")


@postgresql_only
def test_query_uses_no_connection_of_the_pool(supervisor: User) -> None:
    with waiting_query(supervisor) as (_export, _file, _administrator):
        pool: Any = connection.pool  # type: ignore[attr-defined]  # PostgreSQL's wrapper has one
        connection.close()

        def all_available() -> bool:
            stats = pool.get_stats()
            return bool(stats["pool_available"] == stats["pool_size"])

        # The query waits meanwhile. The pool may still prepare a connection, which counts in its size.
        wait_until(all_available)
