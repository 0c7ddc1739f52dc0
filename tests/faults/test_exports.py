"""Exports over real connections: slow and lost readers, cancelled exports, killed and stopped processes."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from apps.history.models import State
from tests.support.deployed import Person, Place, Portal, place, portal
from tests.support.deployed_exports import TIMEOUT, Exports
from tests.support.processes import run
from tests.support.waiting import wait_until

# The portals use their own databases; the mark only determines their kind.
# A reader can exhaust only the connections of PostgreSQL.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.processes("postgresql"),
    pytest.mark.xdist_group("exports"),
]

ROWS = 10_000  # more bytes than the buffers between portal and reader hold

FAIL_LOST = """
import django
django.setup()
from apps.core.actor import Actor
from apps.history.exports.lifecycle import fail_lost_exports
print(fail_lost_exports(Actor.system("worker")))
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("exports")) as prepared:
        fill = [sys.executable, "-m", "tests.support.filled_database", str(ROWS), "500"]
        run(fill, prepared.environment, log=prepared.folder / "log")
        yield prepared


@pytest.fixture(scope="module")
def one(there: Place) -> Iterator[Portal]:
    """A portal of one process with a pool of two connections."""
    folder = there.folder / "files"
    folder.mkdir()
    chosen = {"EXPORT_DIR": str(folder), "DATABASE_POOL_SIZE": "2", "EXPORTS_AT_ONCE": "4"}
    with portal(there, workers=1, threads=24, **chosen) as started:
        yield started


@pytest.fixture(scope="module")
def sue(one: Portal) -> Person:
    return one.person("sue")


@pytest.fixture
def exports(one: Portal, there: Place, sue: Person) -> Exports:
    return Exports(one, there, sue)


def test_slow_reader_gets_the_whole_file(exports: Exports) -> None:
    address = exports.prepare()
    with exports.download(address) as response:
        content = response.read(50_000)
        exports.until(address, (State.DELIVERING, ""))  # the file is complete long before it is read
        content += response.read()
    exports.until(address, (State.FINISHED, ""))
    assert content.count(b"\n") == ROWS + 1
    assert hashlib.sha256(content).hexdigest() in exports.page(address)


def test_two_stalled_readers_hold_no_connection_and_pages_stay_fast(exports: Exports, there: Place) -> None:
    first, second = exports.prepare(), exports.prepare()
    with exports.download(first) as one, exports.download(second) as two:
        assert one.read(1000)
        assert two.read(1000)
        for address in (first, second):
            exports.until(address, (State.DELIVERING, ""))
        slowest = 0.0
        for _ in range(10):
            begun = time.monotonic()
            assert "Submissions" in exports.page("/submissions/")
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 9.0  # if each held a pooled connection, it would take the pool's ten seconds
        if not there.database_url.startswith("sqlite"):
            assert _sessions(there) <= 2
        assert one.read(1000)
    for address in (first, second):
        exports.until(address, (State.FAILED, "reader_gone"))


def _sessions(there: Place) -> int:
    """The number of the portal's connections, without the asking one."""
    with psycopg.connect(there.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_cancelling_breaks_the_download_of_a_stalled_reader(exports: Exports) -> None:
    address = exports.prepare()
    with exports.download(address) as response:
        assert response.read(1000)
        exports.until(address, (State.DELIVERING, ""))
        assert exports.press(f"{address}cancel/") == 303
        exports.until(address, (State.CANCELLED, ""))
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    assert "The export was cancelled" in exports.page(address)


def test_http_1_0_reader_detects_a_truncated_file_by_its_length(exports: Exports) -> None:
    address = exports.prepare()
    with exports.download(address, version="HTTP/1.0") as response:
        length = int(response.headers["Content-Length"])
        assert exports.press(f"{address}cancel/") == 303
        content = b""
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            content = response.read()
        assert len(content) < length


def test_temporary_file_has_no_name_and_none_is_left(exports: Exports, there: Place) -> None:
    address = exports.prepare()
    with exports.download(address) as response:
        assert response.read(1000)
        assert [*(there.folder / "files").iterdir()] == []
    exports.until(address, (State.FAILED, "reader_gone"))
    assert [*(there.folder / "files").iterdir()] == []


def test_killed_process_leaves_a_failed_export_and_a_free_slot(
    exports: Exports, there: Place, one: Portal
) -> None:
    address = exports.prepare()
    with exports.download(address) as response:
        assert response.read(1000)
        exports.until(address, (State.DELIVERING, ""))
        old = one.server.workers
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    wait_until(lambda: one.server.workers not in (old, []), TIMEOUT, "another process")
    assert exports.state(address) == (State.DELIVERING, "")
    failed = there.events("export.failed")
    _age(there)
    assert run([sys.executable, "-c", FAIL_LOST], there.environment, log=there.folder / "log").strip() == "1"
    assert exports.state(address) == (State.FAILED, "process_lost")
    assert there.events("export.failed") == failed + 1
    assert there.rows("SELECT slot FROM history_export WHERE slot IS NOT NULL") == []


def _age(there: Place) -> None:
    """Make the last heartbeats old."""
    statement = "UPDATE history_export SET beat_at = '2026-01-01 00:00:00' WHERE slot IS NOT NULL"
    if there.database_url.startswith("sqlite"):
        import sqlite3

        with (
            closing(sqlite3.connect(there.database_url.removeprefix("sqlite:///"), timeout=20)) as file,
            file,
        ):
            file.execute(statement)
    else:
        with psycopg.connect(there.database_url) as connection:
            connection.execute(statement)


def test_reader_who_takes_nothing_for_too_long_is_disconnected(there: Place) -> None:
    with portal(there, workers=1, threads=24, EXPORT_STALL_SECONDS="1") as quick:
        exports = Exports(quick, there, quick.person("sue"))
        address = exports.prepare()
        with exports.download(address) as response:
            assert response.read(1000)
            exports.until(address, (State.FAILED, "reader_stalled"))
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()


def test_full_disk_redirects_the_reader_to_a_page_with_the_reason(there: Place) -> None:
    with portal(there, workers=1, threads=24, EXPORT_DIR="/nowhere/at/all") as without:
        exports = Exports(without, there, without.person("sue"))
        address = exports.prepare()
        with exports.browser.tab() as tab:
            answer = tab.post(f"{address}file/", {})
        assert (answer.status, answer.location) == (303, address)
        assert "The portal could not write the file" in exports.page(address)
        assert exports.state(address) == (State.FAILED, "disk_failed")


def test_stopping_the_portal_ends_an_export_within_its_grace_period(there: Place) -> None:
    grace = 20
    times = {"CDP_TOTAL_TIMEOUT": "3", "CDP_CONNECT_TIMEOUT": "1", "CDP_READ_TIMEOUT": "2"}
    with portal(there, workers=1, threads=24, WEB_GRACEFUL_SECONDS=str(grace), **times) as stopping:
        exports = Exports(stopping, there, stopping.person("sue"))
        address = exports.prepare()
        with exports.download(address) as response:
            assert response.read(1000)
            exports.until(address, (State.DELIVERING, ""))
            stopping.server.process.terminate()
            assert stopping.server.process.wait(grace + TIMEOUT) == 0
            # A worker that gunicorn kills at the end of the period records nothing.
            assert exports.state(address) == (State.FAILED, "portal_stopped")
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                response.read()
