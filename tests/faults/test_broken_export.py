"""Exports of the audit log over a real connection: a truncated file is never taken for a whole one."""

from __future__ import annotations

import http.client
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from apps.audit.integrity.bulk_hashing import COLUMNS_AND_MAC
from tests.support.deployed import Person, Place, Portal, place, portal
from tests.support.waiting import wait_until

# On SQLite alone: only its file can be damaged from here.
pytestmark = [pytest.mark.once, pytest.mark.xdist_group("broken export")]

PAGE = "/audit/export/"
GOOD, BEHIND = 6_000, 500
LONG = "x" * 20_000  # makes the database store the text outside the row


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("export")) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def first_bad(there: Place) -> int:
    """Store many events, then one whose data are partly lost on the disk; returns its sequence."""
    path = Path(there.database_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        seq, time, link = file.execute("SELECT seq, time, hash FROM audit_head").fetchone()
        bad, last = int(seq) + GOOD + 1, int(seq) + GOOD + 1 + BEHIND
        marks = ", ".join("?" * len(COLUMNS_AND_MAC))
        file.execute("BEGIN")
        for number in range(seq + 1, last + 1):
            own, data = f"{number:064d}", LONG if number == bad else "{}"
            row = (number, 1, time, "session.signed_in", False, "1", "Anna", "", None, None, "", *[None] * 6)
            file.execute(
                f"INSERT INTO audit_event ({', '.join(COLUMNS_AND_MAC)}) VALUES ({marks})",
                (*row, data, link, own, "", ""),
            )
            link = own
        file.execute("UPDATE audit_head SET seq = ?, hash = ?", (last, link))
        file.execute("COMMIT")
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [size] = file.execute("PRAGMA page_size").fetchone()
    _damage(path, size)
    return bad


def _damage(path: Path, size: int) -> None:
    """Invalidate the overflow pages of the long text: each begins with the number of the next page."""
    own, damaged = LONG[: size - 4].encode(), 0
    with path.open("r+b") as file:
        for place in range(0, path.stat().st_size, size):
            file.seek(place)
            if file.read(size)[4:] == own:
                file.seek(place)
                file.write(b"\x7f\xff\xff\xff")
                damaged += 1
    assert damaged


@pytest.fixture(scope="module")
def one(there: Place, first_bad: int) -> Iterator[Portal]:
    with portal(there, workers=1, threads=24) as started:
        yield started


@pytest.fixture(scope="module")
def administrator(one: Portal) -> Person:
    person = one.person("ada")
    person.browser.get(PAGE)
    person.browser.reconnect()  # each download has its own connection
    return person


@contextmanager
def download(one: Portal, person: Person, **values: str) -> Iterator[http.client.HTTPResponse]:
    """The unread answer to the form; its connection has a small receive buffer and is closed afterwards."""
    browser = person.browser
    connection = http.client.HTTPConnection("127.0.0.1", one.server.port, timeout=30)
    with closing(connection), closing(socket.socket()) as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect(("127.0.0.1", one.server.port))
        connection.sock = small
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in browser._cookies.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode({**values, "csrfmiddlewaretoken": browser._csrf})
        connection.request("POST", PAGE, body, headers)
        with closing(connection.getresponse()) as response:
            assert response.status == 200
            yield response


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_complete_export_arrives_complete(
    one: Portal, administrator: Person, there: Place, first_bad: int, form: str
) -> None:
    before = there.events("audit.exported")
    with download(one, administrator, format=form, last=str(first_bad - 1)) as response:
        text = response.read().decode()
    assert len(text.splitlines()) == first_bad  # the events, and a header or end line
    assert ('"export":"whole"' in text[-300:]) is (form == "jsonl")
    assert there.events("audit.exported") == before + 1


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_export_that_fails_in_the_middle_is_a_failed_download(
    one: Portal, administrator: Person, there: Place, form: str
) -> None:
    failed, exported = there.events("audit.export_failed"), there.events("audit.exported")
    with (
        download(one, administrator, format=form) as response,
        pytest.raises(http.client.IncompleteRead) as broken,
    ):
        response.read()
    assert len(broken.value.partial) > 1_000_000
    assert b'"export":"whole"' not in broken.value.partial
    wait_until(lambda: there.events("audit.export_failed") == failed + 1, what="the failure is in the log")
    assert there.events("audit.exported") == exported


def test_lost_reader_is_recorded_in_the_log(
    one: Portal, administrator: Person, there: Place, first_bad: int
) -> None:
    failed = there.events("audit.export_failed")
    with download(one, administrator, format="csv", last=str(first_bad - 1)) as response:
        assert response.read(1000)
    wait_until(lambda: there.events("audit.export_failed") == failed + 1, what="the failure is in the log")
