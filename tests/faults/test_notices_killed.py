"""Workers are killed, receivers fail and come back: each cause is reported once, or with the same id."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from tests.support.deployed import Place, place, portal
from tests.support.notice_receivers import OK, SECRET, Mailbox, mail_server, mail_settings
from tests.support.processes import ROOT
from tests.support.supervised_processes import send
from tests.support.waiting import wait_for

# The processes use their own database; this fixture's only determines the kind.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.processes("postgresql"),
    pytest.mark.xdist_group("notices killed"),
]

PATIENCE = 90.0  # seconds
EXPORTS = 12
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Receivers:
    """A mail server and a web hook that record what they accept. Each can hold, refuse and accept."""

    def __init__(self, box: Mailbox, server: HTTPServer) -> None:
        self.box, self.server = box, server
        self.hooked: list[Request] = []
        self.begun = threading.Event()  # an answer is held
        self.release = threading.Event()
        self.release.set()
        self.status = 200
        server.expect_request("/hook", method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.hooked.append(request)
        if not self.release.is_set():
            self.begun.set()
            self.release.wait(PATIENCE)
        if self.status >= 300:
            self.hooked.remove(request)
        return Response(status=self.status)

    @property
    def ids(self) -> list[str]:
        return [one.headers["webhook-id"] for one in self.hooked]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as prepared:
        yield prepared


@pytest.fixture
def receivers(httpserver: HTTPServer) -> Iterator[Receivers]:
    with mail_server() as box:
        made = Receivers(box, httpserver)
        yield made
        made.release.set()


@contextmanager
def worker(there: Place, receivers: Receivers, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with (there.folder / "worker.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=ROOT,
            env={**os.environ, **settings_for(there, receivers), **environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def settings_for(there: Place, receivers: Receivers) -> dict[str, str]:
    mail = {name: str(value) for name, value in mail_settings(receivers.box.port).items()}
    hook = {"NOTICE_HOOK_URL": receivers.server.url_for("/hook"), "NOTICE_HOOK_SECRETS": SECRET}
    return {**there.environment, **mail, **hook}


def execute(there: Place, statement: str, *values: object) -> None:
    if there.database_url.startswith("sqlite"):
        path = there.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20)) as file, file:
            file.execute(statement.replace("%s", "?"), values)
    else:
        with psycopg.connect(there.database_url) as server:
            server.execute(statement, values)


def stored_moment(there: Place, moment: dt.datetime) -> str:
    """A moment as Django stores it: on SQLite as text in UTC, which is compared as text."""
    zone = "" if there.database_url.startswith("sqlite") else "+00:00"
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}{zone}"


def refuse_credentials(there: Place, *, refused: bool) -> None:
    """As the portal stores it for an answer with the status 401, or 200."""
    execute(there, "DELETE FROM consumers_connectionhealth")
    if refused:
        now = stored_moment(there, dt.datetime.now(dt.UTC))
        execute(
            there,
            "INSERT INTO consumers_connectionhealth (id, answered_at, refused_since, refused_status)"
            " VALUES (1, %s, %s, 401)",
            now,
            now,
        )


def due_now(there: Place) -> None:
    """Let every delivery that waits be due, as after its pause or its lease. While no worker runs."""
    past = stored_moment(there, LONG_AGO)
    execute(there, "UPDATE notices_delivery SET due_at = %s WHERE state = 'waiting'", past)


def states(there: Place) -> Counter[str]:
    return Counter(state for [state] in there.rows("SELECT state FROM notices_delivery"))


def log(there: Place) -> str:
    return (there.folder / "worker.log").read_text()


def test_worker_that_is_killed_between_send_and_store_sends_again_with_the_same_id(
    there: Place, receivers: Receivers
) -> None:
    refuse_credentials(there, refused=True)
    receivers.release.clear()
    with worker(there, receivers) as first:
        assert receivers.begun.wait(PATIENCE), log(there)
        # A slow receiver delays neither the other channel nor the worker's heartbeat.
        assert wait_for(lambda: len(receivers.box.mails) == 1, PATIENCE), log(there)
        seen = there.rows("SELECT max(seen_at) FROM core_heartbeat")
        assert wait_for(lambda: there.rows("SELECT max(seen_at) FROM core_heartbeat") != seen, PATIENCE), log(
            there
        )
        send(first.pid, signal.SIGKILL)
        first.wait()
    receivers.release.set()
    assert len(receivers.hooked) == 1
    assert states(there) == {"waiting": 1, "sent": 1}
    due_now(there)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(worker(there, receivers))
        assert wait_for(lambda: states(there) == {"sent": 2}, PATIENCE), log(there)
    assert len(receivers.hooked) == 2
    assert len({*receivers.ids}) == 1
    bodies = {one.get_data() for one in receivers.hooked}
    assert len(bodies) == 1
    for one in receivers.hooked:
        Webhook(SECRET).verify(one.get_data(), dict(one.headers))
    assert len(receivers.box.mails) == 1


def test_two_workers_tell_each_cause_once_through_an_outage_of_both_receivers(
    there: Place, receivers: Receivers
) -> None:
    answers = ["421 not now"]
    receivers.box.answer = lambda: answers[0]
    receivers.status = 503
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(there, receivers)) for _ in range(2)]
        watched = "SELECT count(*) FROM notices_watchedcause"
        assert wait_for(lambda: there.rows(watched) == [(8,)], PATIENCE), log(there)
        refuse_credentials(there, refused=True)
        for number in range(EXPORTS):
            _ended_export(there, number)
        expected = 2 * (EXPORTS + 1)
        assert wait_for(lambda: states(there) == {"waiting": expected}, PATIENCE), log(there)
        tried = "SELECT count(*) FROM notices_delivery WHERE attempts > 0"
        assert wait_for(lambda: there.rows(tried) == [(expected,)], PATIENCE), log(there)
        for one in workers:  # they complete their attempts, so that no lease is cut short below
            send(one.pid, signal.SIGTERM)
        assert [one.wait(PATIENCE) for one in workers] == [0, 0]
    assert (receivers.hooked, receivers.box.mails) == ([], [])
    answers[0], receivers.status = OK, 204
    due_now(there)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(worker(there, receivers))
        assert wait_for(lambda: states(there) == {"sent": expected}, PATIENCE), log(there)
    assert len({*receivers.ids}) == len(receivers.ids) == EXPORTS + 1
    assert len({*receivers.box.ids}) == len(receivers.box.ids) == EXPORTS + 1
    told = Counter(one.get_json()["type"] for one in receivers.hooked)
    assert told == {"export_ended.opened": EXPORTS, "credentials_refused.opened": 1}
    assert "Traceback" not in log(there)


def test_silent_worker_is_told_by_the_web_processes_and_so_is_its_return(
    there: Place, receivers: Receivers
) -> None:
    chosen = {**settings_for(there, receivers), "WORKER_SILENT_SECONDS": "6"}
    with portal(there, workers=2, threads=30, **chosen):
        assert wait_for(lambda: len(receivers.hooked) >= 1 and receivers.box.mails, PATIENCE)
        assert wait_for(lambda: states(there) == {"sent": 2}, PATIENCE)
        assert [one.get_json()["type"] for one in receivers.hooked] == ["worker_silent.opened"]
        with worker(there, receivers, WORKER_SILENT_SECONDS="6"):
            past = stored_moment(there, LONG_AGO)

            def has_ended() -> bool:
                # Again, because the worker's heartbeat may be late on a busy machine: then it begins anew.
                execute(there, "UPDATE notices_notice SET gone_since = %s WHERE gone_since IS NOT NULL", past)
                return states(there) == {"sent": 4}

            assert wait_for(has_ended, PATIENCE), log(there)
    assert [one.get_json()["type"] for one in receivers.hooked][1:] == ["worker_silent.ended"]
    assert len(receivers.box.mails) == 2


def test_worker_that_is_stopped_completes_its_attempt(there: Place, receivers: Receivers) -> None:
    refuse_credentials(there, refused=True)
    receivers.release.clear()
    with worker(there, receivers) as one:
        assert receivers.begun.wait(PATIENCE), log(there)
        assert wait_for(lambda: states(there)["sent"] == 1, PATIENCE)
        send(one.pid, signal.SIGTERM)
        assert not wait_for(lambda: one.poll() is not None, 1.0)
        receivers.release.set()
        assert one.wait(PATIENCE) == 0
    assert states(there) == {"sent": 2}
    assert len(receivers.hooked) == 1


def _ended_export(there: Place, number: int) -> None:
    """A row of an export that finished now."""
    now = stored_moment(there, dt.datetime.now(dt.UTC))
    columns = {
        "public_id": f"{number:032x}",
        "person_id": there.rows("SELECT min(id) FROM accounts_user")[0][0],
        "person_name": "Sam",
        "created_at": now,
        "started_at": now,
        "finished_at": now,
        "state": "finished",
        "selection": "{}",
        "filters": "[]",
        "format": "csv",
        "columns": "[]",
        "personal": False,
        "time_zone": "UTC",
        "separator": ",",
        "byte_order_mark": True,
        "reason": "",
        "encrypted_note": b"",
        "rows_expected": 1,
        "rows": 1,
        "unreadable": 0,
        "bytes": 1,
        "bytes_sent": 1,
        "sha256": "0" * 64,
        "failure_code": "",
    }
    marks = ", ".join(["%s"] * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    execute(there, f"INSERT INTO history_export ({names}) VALUES ({marks})", *columns.values())
