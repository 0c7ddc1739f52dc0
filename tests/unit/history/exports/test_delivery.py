"""Delivery of the file, with a writer of the test instead of the query."""

from __future__ import annotations

import datetime
import errno
import hashlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import psycopg.errors
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from pytest_django import Settings

from apps.accounts import services as accounts
from apps.accounts.models import Session, User
from apps.accounts.roles import SUPERVISOR
from apps.core import clock
from apps.core.actor import Actor
from apps.core.open_work import open_work
from apps.history import writing
from apps.history.exports import delivery, lifecycle, making
from apps.history.exports.delivery import Delivery
from apps.history.exports.making import ExportBroken, code_of
from apps.history.models import Export, State
from apps.history.writing import Written
from tests.support.export_rows import prepared
from tests.support.people import TESTS, acting, events
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT = 30.0  # seconds
LINE = b"one line of the file\r\n"


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "FINISH_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(writing, "cancel_query", lambda _connection: None)  # no query runs here


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Assert that no thread and no file of an export outlives its test."""
    folder = tmp_path / "exports"
    folder.mkdir()
    settings.EXPORT_DIR = str(folder)
    descriptors = _open_files(folder)
    yield
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("export-")])
    assert list(folder.iterdir()) == []
    assert _open_files(folder) == descriptors


def _open_files(folder: Path) -> list[str]:
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:  # closed meanwhile
            continue
    return [link for link in links if link.startswith(str(folder))]


class Rows:
    """Writes a head, then so many lines; calls ``go`` before each if it is given."""

    def __init__(self, rows: int, *, go: Callable[[], object] = lambda: None) -> None:
        self.rows, self.go, self.stopped_by = rows, go, ""

    def __call__(
        self,
        selection: object,
        layout: object,
        write_bytes: Callable[[bytes], object],
        *,
        connection: Any,
        progress: Callable[[int], None],
    ) -> Written:
        write_bytes(b"head\r\n")
        try:
            for number in range(self.rows):
                self.go()
                write_bytes(LINE)
                progress(number + 1)
        except Exception as error:
            self.stopped_by = type(error).__name__
            raise
        return Written(self.rows, unreadable=1)


class Start(Protocol):
    """Start an export of this person, with a writer in place of the portal's own."""

    def __call__(self, person: User, write: Rows, **more: Any) -> tuple[Export, Delivery]: ...


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Start:
    def start(person: User, write: Rows, **more: Any) -> tuple[Export, Delivery]:
        monkeypatch.setattr(writing, "write", write)
        export = prepared(person)
        lifecycle.start(export, acting(person))
        return export, Delivery(export, acting(person), session_hash=person.get_session_auth_hash(), **more)

    return start


def as_django_raises(cause: Exception) -> OperationalError:
    error = OperationalError()
    error.__cause__ = cause
    return error


def ended(export: Export) -> Export:
    wait_until(lambda: not Export.objects.get(pk=export.pk).is_active)
    return Export.objects.get(pk=export.pk)


def test_complete_file_arrives_and_is_recorded_with_its_checksum(supervisor: User, started: Start) -> None:
    export, file = started(supervisor, Rows(20_000))
    content = b"".join(file)
    file.close()
    assert content == b"head\r\n" + LINE * 20_000
    export.refresh_from_db()
    assert (export.state, export.rows, export.unreadable) == (State.FINISHED, 20_000, 1)
    assert (export.bytes, export.bytes_sent) == (len(content), len(content))
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    [event] = events("export.finished")
    assert event.details["sha256"] == export.sha256
    assert events("export.failed") == []


def test_first_bytes_are_sent_before_the_rows(supervisor: User, started: Start) -> None:
    rows = threading.Event()
    _export, file = started(supervisor, Rows(3, go=lambda: rows.wait(TIMEOUT)))
    assert next(file) == b"head\r\n"
    rows.set()
    assert b"".join(file) == LINE * 3
    file.close()


def test_no_connection_is_held_for_a_slow_reader(supervisor: User, started: Start) -> None:
    _export, file = started(supervisor, Rows(20_000))
    next(file)
    if connection.vendor == "postgresql":
        assert connection.connection is None
    wait_until(lambda: not any(one.name == "export-maker" for one in threading.enumerate()))
    file.close()


def test_lost_reader_stops_the_query(supervisor: User, started: Start) -> None:
    rows = Rows(10**9, go=lambda: time.sleep(0.001))
    export, file = started(supervisor, rows)
    next(file)
    file.close()
    assert ended(export).failure_code == "reader_gone"
    wait_until(lambda: rows.stopped_by == "ExportBroken")
    [event] = events("export.failed")
    assert event.details["failure_code"] == "reader_gone"
    file.close()  # the second call does nothing
    assert len(events("export.failed")) == 1


def test_all_bytes_of_a_file_of_known_length_are_recorded_as_sent(supervisor: User, started: Start) -> None:
    export, file = started(supervisor, Rows(10))
    length = file.wait_until_whole()
    next(file)
    file.close()
    export = ended(export)
    assert (export.state, export.bytes, export.bytes_sent) == (State.FINISHED, length, length)


def test_file_that_is_never_read_starts_no_thread(supervisor: User, started: Start) -> None:
    export, file = started(supervisor, Rows(1))
    file.close()
    assert ended(export).failure_code == "reader_gone"


def _deactivate(person: User) -> object:
    return accounts.deactivate_person(person_id=person.pk, actor=TESTS)


def _sign_out(person: User) -> object:
    return accounts.sign_out_everywhere(person_id=person.pk, actor=TESTS)


def _set_password(person: User) -> None:
    accounts.set_password(person_id=person.pk, password="another long enough one", actor=TESTS)


def _revoke(person: User) -> object:
    return accounts.revoke_role(person_id=person.pk, role=SUPERVISOR, actor=TESTS)


@pytest.mark.parametrize(
    ("end_access", "again"),
    [
        (_deactivate, False),
        (_deactivate, True),
        (_sign_out, False),
        (_sign_out, True),
        (_set_password, False),
        (_revoke, False),
    ],
)
def test_running_export_ends_with_the_access_of_its_person(
    supervisor: User, end_access: Callable[[User], object], again: bool, started: Start
) -> None:
    """Also if the person may sign in again: what runs since before is not theirs."""
    rows, hung_up = Rows(3000, go=lambda: time.sleep(0.001)), threading.Event()
    export, file = started(supervisor, rows, hang_up=hung_up.set)
    next(file)
    assert open_work(supervisor.pk)[-1].text == "1 export is running"
    end_access(supervisor)
    if again:
        accounts.reactivate_person(person_id=supervisor.pk, actor=TESTS)
    with pytest.raises(ExportBroken):
        for _ in file:
            pass
    file.close()
    assert hung_up.wait(TIMEOUT)
    assert ended(export).failure_code == "access_ended"
    wait_until(lambda: rows.stopped_by == "ExportBroken")
    [event] = events("export.failed")
    assert (event.details["failure_code"], event.actor_name) == ("access_ended", supervisor.name)
    assert open_work(supervisor.pk) == []


@pytest.mark.parametrize("end_access", [_deactivate, _sign_out, _set_password, _revoke])
def test_end_of_a_file_is_not_sent_to_a_person_whose_access_ended(
    supervisor: User, end_access: Callable[[User], object], monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    """Before the next heartbeat, too."""
    monkeypatch.setattr(delivery, "BEAT_SECONDS", TIMEOUT)
    export, file = started(supervisor, Rows(1))
    file.wait_until_whole()
    end_access(supervisor)
    with pytest.raises(ExportBroken):
        next(file)
    file.close()
    assert ended(export).failure_code == "access_ended"
    assert events("export.finished") == []


@pytest.mark.parametrize(
    "act",
    [
        lambda own: accounts.sign_out_everywhere(person_id=int(own.id), actor=own),
        lambda own: accounts.set_password(person_id=int(own.id), password="another long enough", actor=own),
    ],
)
def test_export_goes_on_in_the_session_that_ends_the_others(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, act: Callable[[Actor], object]
) -> None:
    export, actor, file = _started_in_a_session(supervisor, monkeypatch)
    act(actor)
    assert b"".join(file) == b"head\r\n" + 3 * LINE
    file.close()
    assert ended(export).state == State.FINISHED


def test_export_ends_with_the_session_that_a_new_password_ends(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, _, file = _started_in_a_session(supervisor, monkeypatch)
    accounts.set_password(person_id=supervisor.pk, password="another long enough", actor=acting(supervisor))
    assert not Session.objects.exists()
    with pytest.raises(ExportBroken):
        b"".join(file)
    file.close()
    assert ended(export).failure_code == "access_ended"


def _started_in_a_session(person: User, monkeypatch: pytest.MonkeyPatch) -> tuple[Export, Actor, Delivery]:
    here = Session.objects.create(
        session_key="here",
        person=person,
        sign_in=uuid.uuid4(),
        expire_date=clock.now() + datetime.timedelta(hours=1),
    )
    actor = replace(acting(person), session=str(here.sign_in))
    export = prepared(person)
    lifecycle.start(export, actor)
    monkeypatch.setattr(writing, "write", Rows(3))
    file = Delivery(export, actor, session_hash=person.get_session_auth_hash())
    file.wait_until_begun()
    return export, actor, file


def test_cancelling_stops_the_query_and_breaks_the_download(supervisor: User, started: Start) -> None:
    rows, hung_up = Rows(10**9, go=lambda: time.sleep(0.001)), threading.Event()
    export, file = started(supervisor, rows, hang_up=hung_up.set)
    next(file)
    assert lifecycle.cancel(export, acting(supervisor))
    with pytest.raises(ExportBroken):
        for _ in file:
            pass
    wait_until(hung_up.is_set)
    file.close()
    assert ended(export).state == State.CANCELLED
    wait_until(lambda: rows.stopped_by == "ExportBroken")
    assert (len(events("export.cancelled")), events("export.failed")) == (1, [])


def test_end_is_not_sent_if_cancelled_after_the_last_row(supervisor: User, started: Start) -> None:
    export, file = started(supervisor, Rows(1))
    assert file.wait_until_whole() > 0
    lifecycle.cancel(export, acting(supervisor))
    with pytest.raises(ExportBroken):
        b"".join(file)
    file.close()
    assert events("export.finished") == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full"), "disk_full"),
        (OSError(errno.EIO, "broken"), "disk_failed"),
        (OperationalError(), "database_lost"),
        (as_django_raises(psycopg.errors.LockNotAvailable()), "database_busy"),
        (as_django_raises(psycopg.errors.AdminShutdown()), "database_lost"),
        (DatabaseError(), "database_failed"),
        (ValueError("Marker"), "fault"),
    ],
)
def test_failure_is_recorded_and_breaks_the_download(
    supervisor: User, caplog: pytest.LogCaptureFixture, error: Exception, code: str, started: Start
) -> None:
    def fail() -> None:
        raise error

    export, file = started(supervisor, Rows(1, go=fail))
    with pytest.raises(ExportBroken):
        b"".join(file)
    file.close()
    assert ended(export).failure_code == code
    [event] = events("export.failed")
    assert event.details["failure_code"] == code


def test_full_disk_is_recorded(supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start) -> None:
    """With a real file: the kernel's device without space."""
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(making, "_unnamed_file", lambda: full)
        export, file = started(supervisor, Rows(1))
        with pytest.raises(ExportBroken, match="disk_full"):
            b"".join(file)
        file.close()
        assert ended(export).failure_code == "disk_full"


def test_missing_folder_is_recorded(supervisor: User, settings: Settings, started: Start) -> None:
    folder, settings.EXPORT_DIR = settings.EXPORT_DIR, "/nowhere/at/all"
    export, file = started(supervisor, Rows(1))
    with pytest.raises(ExportBroken, match="disk_failed"):
        b"".join(file)
    file.close()
    settings.EXPORT_DIR = folder
    assert ended(export).failure_code == "disk_failed"


def test_failure_before_the_first_byte_allows_an_error_page(
    supervisor: User, settings: Settings, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    checks, hung_up = threading.Semaphore(0), threading.Event()
    look = Delivery._check

    def counted(self: Delivery) -> None:
        look(self)
        checks.release()

    monkeypatch.setattr(Delivery, "_check", counted)
    folder, settings.EXPORT_DIR = settings.EXPORT_DIR, "/nowhere/at/all"
    export, file = started(supervisor, Rows(1), hang_up=hung_up.set)
    with pytest.raises(ExportBroken, match="disk_failed"):
        file.wait_until_begun()
    for _ in range(2):
        assert checks.acquire(timeout=TIMEOUT)
    file.close()
    settings.EXPORT_DIR = folder
    assert ended(export).failure_code == "disk_failed"
    assert not hung_up.is_set()


def test_wait_for_the_first_bytes_does_not_wait_for_the_rows(supervisor: User, started: Start) -> None:
    rows = threading.Event()
    _export, file = started(supervisor, Rows(1, go=lambda: rows.wait(TIMEOUT)))
    file.wait_until_begun()
    assert not rows.is_set()
    rows.set()
    assert b"".join(file) == b"head\r\n" + LINE
    file.close()


def test_failure_that_cannot_be_recorded_leaves_no_thread(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    def refuse(*_: object) -> bool:
        raise RuntimeError

    _export, file = started(supervisor, Rows(10**9, go=lambda: time.sleep(0.001)))
    next(file)
    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "fail", refuse)
        with pytest.raises(RuntimeError):
            file.close()
    # The fixture above asserts that no thread is left.


@pytest.mark.parametrize("asked", [True, False])
def test_failed_file_that_is_never_closed_ends_by_itself(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, asked: bool, started: Start
) -> None:
    begun = threading.Event()

    def fail() -> None:
        begun.wait(TIMEOUT)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(delivery, "ABANDONED_SECONDS", 0.2)
    export, file = started(supervisor, Rows(1, go=fail))
    file.wait_until_begun()
    begun.set()
    if asked:
        with pytest.raises(ExportBroken):
            b"".join(file)
    assert ended(export).failure_code == "disk_full"
    wait_until(lambda: not file._watcher.is_alive())
    with pytest.raises(ExportBroken, match="disk_full"):  # not an error of the closed file
        next(file)


def test_file_is_not_closed_while_it_is_read(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    """Its file descriptor may be reused immediately."""
    export, file = started(supervisor, Rows(10**9, go=lambda: time.sleep(0.001)))
    file.wait_until_begun()
    reading, pread = threading.Event(), os.pread
    found: list[bytes] = []

    def slow(descriptor: int, size: int, position: int) -> bytes:
        reading.set()
        time.sleep(0.5)
        assert "exports" in str(Path(f"/proc/self/fd/{descriptor}").readlink())
        return pread(descriptor, size, position)

    monkeypatch.setattr(delivery, "ABANDONED_SECONDS", 0.0)
    monkeypatch.setattr(os, "pread", slow)
    reader = threading.Thread(target=lambda: found.append(next(file)))
    reader.start()
    assert reading.wait(TIMEOUT)
    lifecycle.cancel(export, acting(supervisor))
    reader.join(TIMEOUT)
    assert found[0].startswith(b"head")
    wait_until(lambda: not file._watcher.is_alive())


def test_reader_who_takes_nothing_for_too_long_is_disconnected(
    supervisor: User, settings: Settings, started: Start
) -> None:
    settings.EXPORT_STALL_SECONDS = 0
    hung_up = threading.Event()
    export, file = started(supervisor, Rows(20_000), hang_up=hung_up.set)
    next(file)
    assert ended(export).failure_code == "reader_stalled"
    wait_until(hung_up.is_set)
    with pytest.raises(ExportBroken, match="reader_stalled"):
        next(file)
    file.close()
    assert len(events("export.failed")) == 1


def test_stopping_process_ends_running_exports(supervisor: User, started: Start) -> None:
    rows = Rows(10**9, go=lambda: time.sleep(0.001))
    export, file = started(supervisor, rows)
    next(file)
    delivery.end_when(lambda: True, grace=0.2)
    try:
        assert ended(export).failure_code == "portal_stopped"
    finally:
        delivery.end_when(lambda: False, grace=0)
    file.close()


def test_export_that_ends_within_the_grace_period_is_complete(supervisor: User, started: Start) -> None:
    delivery.end_when(lambda: True, grace=TIMEOUT)
    try:
        export, file = started(supervisor, Rows(5, go=lambda: time.sleep(0.05)))
        assert b"".join(file) == b"head\r\n" + LINE * 5
    finally:
        delivery.end_when(lambda: False, grace=0)
    file.close()
    assert ended(export).state == State.FINISHED


def test_lock_of_sqlite_is_recorded_as_such(tmp_path: Path) -> None:
    """With SQLite's own exception: recognised by its code, not by its message."""
    name = tmp_path / "locked.sqlite3"
    with closing(sqlite3.connect(name)) as first, closing(sqlite3.connect(name, timeout=0)) as second:
        first.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as locked:
            second.execute("BEGIN IMMEDIATE")
    assert code_of(as_django_raises(locked.value)) == "database_busy"


@pytest.mark.parametrize("committed", [False, True], ids=["not written", "its answer lost"])
def test_failed_write_of_the_end_is_retried(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, committed: bool, started: Start
) -> None:
    finish, refusals = lifecycle.finish, [OperationalError(), InterfaceError()]

    def refuse(*given: Any) -> bool:
        if refusals:
            if committed:
                finish(*given)
            raise refusals.pop()
        return finish(*given)

    monkeypatch.setattr(lifecycle, "finish", refuse)
    export, file = started(supervisor, Rows(3))
    assert b"".join(file) == b"head\r\n" + LINE * 3
    file.close()
    assert (refusals, ended(export).state) == ([], State.FINISHED)
    assert (len(events("export.finished")), events("export.failed")) == (1, [])


def test_end_with_another_checksum_is_not_taken_as_written(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    export, file = started(supervisor, Rows(3))
    file.wait_until_begun()
    assert lifecycle.finish(export, lifecycle.Progress(), "0" * 64, acting(supervisor))
    with pytest.raises(ExportBroken, match="ended"):
        b"".join(file)
    file.close()


def test_lock_until_the_last_attempt_is_recorded_as_such(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    tries = []

    def locked(*_: object) -> bool:
        tries.append(1)
        raise as_django_raises(psycopg.errors.LockNotAvailable())

    monkeypatch.setattr(lifecycle, "finish", locked)
    export, file = started(supervisor, Rows(3))
    with pytest.raises(ExportBroken, match="not_recorded"):
        b"".join(file)
    file.close()
    assert (len(tries), ended(export).failure_code) == (delivery.FINISH_TRIES, "database_busy")


def test_end_that_cannot_be_recorded_breaks_the_download(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    def refuse(_event: object) -> int:
        raise DatabaseError

    export, file = started(supervisor, Rows(1))
    monkeypatch.setattr(lifecycle, "record", refuse)
    with pytest.raises(ExportBroken, match="not_recorded"):
        b"".join(file)
    file.close()
    export.refresh_from_db()
    assert export.is_active  # nothing can be recorded now; the worker does it later


@pytest.mark.parametrize("stopping", [False, True], ids=["heartbeat", "stop"])
def test_check_of_a_row_that_has_just_finished_breaks_nothing(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, stopping: bool, started: Start
) -> None:
    """Between the commit of the end and this thread's reading of it."""
    beats, hung_up = threading.Semaphore(0), threading.Event()
    store_heartbeat, finish = lifecycle.store_heartbeat, lifecycle.finish

    def counted(*given: Any) -> bool:
        try:
            return store_heartbeat(*given)
        finally:
            beats.release()

    def watched(*given: Any) -> bool:
        ended = finish(*given)
        if stopping:
            delivery.end_when(lambda: True, grace=0)
        while beats.acquire(blocking=False):
            pass
        for _ in range(3):  # the second begins after the commit; with the third, the second is complete
            assert beats.acquire(timeout=TIMEOUT)
        return ended

    monkeypatch.setattr(lifecycle, "store_heartbeat", counted)
    monkeypatch.setattr(lifecycle, "finish", watched)
    export, file = started(supervisor, Rows(3), hang_up=hung_up.set)
    try:
        assert b"".join(file) == b"head\r\n" + LINE * 3
    finally:
        file.close()
        delivery.end_when(lambda: False, grace=0)
    assert not hung_up.is_set()
    assert ended(export).state == State.FINISHED


def test_reader_who_does_not_take_the_end_marker_is_disconnected(
    supervisor: User, settings: Settings, started: Start
) -> None:
    hung_up = threading.Event()
    export, file = started(supervisor, Rows(1), hang_up=hung_up.set)
    b"".join(file)
    settings.EXPORT_STALL_SECONDS = 0
    assert hung_up.wait(TIMEOUT)
    file.close()
    assert (ended(export).state, events("export.failed")) == (State.FINISHED, [])


def test_failed_heartbeats_stop_nothing(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, started: Start
) -> None:
    tries = threading.Event()

    def locked(*_: object) -> bool:
        tries.set()
        raise OperationalError("database is locked")

    monkeypatch.setattr(lifecycle, "store_heartbeat", locked)
    export, file = started(supervisor, Rows(10, go=lambda: time.sleep(0.02)))
    assert b"".join(file) == b"head\r\n" + LINE * 10
    file.close()
    assert tries.is_set()
    assert ended(export).state == State.FINISHED


def test_row_contains_the_progress(supervisor: User, started: Start) -> None:
    go = threading.Semaphore(3)
    export, file = started(supervisor, Rows(6, go=lambda: go.acquire(timeout=TIMEOUT)))
    next(file)
    wait_until(lambda: Export.objects.get(pk=export.pk).rows == 3)
    assert Export.objects.get(pk=export.pk).state == State.RUNNING
    go.release(3)
    wait_until(lambda: Export.objects.get(pk=export.pk).state == State.DELIVERING)
    b"".join(file)
    file.close()
