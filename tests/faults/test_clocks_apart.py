"""Two web machines and two workers over one PostgreSQL, one pair with a clock that is 45 minutes ahead."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.support.deployed import Place, Portal, place, portal
from tests.support.entries import posted
from tests.support.http_browser import Browser
from tests.support.ports import free_port
from tests.support.processes import BIN, ROOT
from tests.support.unique_entries import consumer
from tests.support.waiting import wait_until
from tests.support.wrong_clock import clock_ahead, needs_library

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.xdist_group("clocks apart"),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine: on PostgreSQL alone"),
    needs_library,
]

AHEAD = 45 * 60  # seconds
CLOSE = 3.0  # seconds between request and storage of the same action
TIMEOUT = 60.0
SILENT = 6  # WORKER_SILENT_SECONDS
WRONG = {**clock_ahead(AHEAD), "MACHINE_NAME": "wrong-one"}
RIGHT = {"MACHINE_NAME": "right-one"}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("apart")) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def machines(there: Place) -> Iterator[tuple[Portal, Portal]]:
    """The right machine and the wrong one; each has its own spool."""
    with ExitStack() as stack:
        right, wrong = (
            stack.enter_context(
                portal(there, workers=1, threads=30, **one, WORKER_SILENT_SECONDS=str(SILENT))
            )
            for one in (RIGHT, WRONG | {"SPOOL_DIR": str(there.folder / "other-spool")})
        )
        yield right, wrong


@contextmanager
def worker(there: Place, machine: dict[str, str]) -> Iterator[None]:
    """Run a background worker that sends heartbeats; kill it after the block."""
    earlier = len(heartbeats(there))
    environment = {**os.environ, **there.environment, **machine}
    log = there.folder / f"worker-{machine['MACHINE_NAME']}.log"
    with log.open("ab") as output:
        command = [sys.executable, "manage.py", "worker"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: len(heartbeats(there)) > earlier, TIMEOUT, "a heartbeat of the worker")
        yield
    finally:
        process.kill()
        process.wait()


def heartbeats(there: Place) -> list[dt.datetime]:
    return [at for [at] in there.rows("SELECT seen_at FROM core_heartbeat")]


def true_now(there: Place) -> dt.datetime:
    [[now]] = there.rows("SELECT clock_timestamp()")
    assert isinstance(now, dt.datetime)
    return now


def is_now(there: Place, moment: dt.datetime) -> bool:
    return abs((true_now(there) - moment).total_seconds()) < CLOSE


def last_event(there: Place) -> dt.datetime:
    [[time]] = there.rows("SELECT time FROM audit_event ORDER BY seq DESC LIMIT 1")
    return dt.datetime.fromtimestamp(time / 1e6, dt.UTC)


def status(there: Place, machine: dict[str, str]) -> str:
    environment = {**os.environ, **there.environment, **machine, "WORKER_SILENT_SECONDS": str(SILENT)}
    command = [sys.executable, "manage.py", "status"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    ).stdout


def is_ready(one: Portal) -> bool:
    with Browser(one.server.port).tab() as tab:
        return tab.get("/readyz").status == 200


def test_machine_has_the_configured_clock_error() -> None:
    command = [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"]
    clocks = subprocess.run(command, env={**os.environ, **WRONG}, check=True, capture_output=True, text=True)
    local, monotonic = map(float, clocks.stdout.split())
    assert local - dt.datetime.now(dt.UTC).timestamp() == pytest.approx(AHEAD, abs=30)
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert monotonic == pytest.approx(uptime, abs=3600)


def test_events_sessions_and_deadlines_are_the_same_on_both_machines(
    there: Place, machines: tuple[Portal, Portal]
) -> None:
    right, wrong = machines
    for first, second in ((right, wrong), (wrong, right)):
        person = first.sign_in("sam")
        assert is_now(there, last_event(there))
        assert person.at(second).get("/submissions/").status == 200
        answer = person.at(second).post(posted(consumer(), order=there.order()))
        assert answer.status in (302, 303)
        [[deadline, submitted, finished, outcome]] = there.rows(
            "SELECT deadline, submitted_at, finished_at, outcome FROM consumers_submission"
            " ORDER BY id DESC LIMIT 1"
        )
        assert outcome == "created"
        assert is_now(there, submitted)
        assert is_now(there, finished)
        assert (deadline - submitted).total_seconds() == 30
        assert is_now(there, last_event(there))
        assert person.at(first).get("/").status == 200
    times = [time for [time] in there.rows("SELECT time FROM audit_event ORDER BY seq")]
    assert times == sorted(times)
    ends = [end for [end] in there.rows("SELECT expire_date FROM accounts_session")]
    assert {(end - true_now(there)).total_seconds() // 120 for end in ends} == {14}  # of 30 minutes


def test_worker_with_a_fast_clock_gives_nothing_up_and_ends_no_session(
    there: Place, machines: tuple[Portal, Portal]
) -> None:
    right = machines[0]
    person = right.sign_in("sam")
    order = there.order()
    with worker(there, RIGHT), worker(there, WRONG):
        with there.held_answers() as answer, ThreadPoolExecutor(1) as meanwhile:
            post = meanwhile.submit(person.post, posted(consumer(), order=order))
            wait_until(lambda: bool(there.creates(order)), TIMEOUT, "the create is sent")
            sent = true_now(there)
            wait_until(
                lambda: sum(seen > sent for seen in heartbeats(there)) == 2, TIMEOUT, "a round of each worker"
            )
            answer()
        assert post.result().status in (302, 303)
        assert there.rows(f"SELECT outcome FROM consumers_submission WHERE order_ref = '{order}'") == [
            ("created",)
        ]
        assert there.events("consumer.outcome_unknown") == 0
        assert person.get("/submissions/").status == 200
        assert all(is_now(there, seen) or seen < true_now(there) for seen in heartbeats(there))
        for machine in (RIGHT, WRONG):
            report = status(there, machine)
            assert "wrong-one is 2700 seconds ahead of the database" in report
            assert "right-one is" not in report
            assert not re.search(r"Background worker.*(Silent|Not seen)", report)
        page = right.sign_in("ada").get("/status/").text
        assert "wrong-one is 2700 seconds ahead of the database" in page
        for one in machines:
            assert is_ready(one)
    with psycopg.connect(there.database_url) as past_the_portal:
        past_the_portal.execute(
            f"UPDATE core_heartbeat SET seen_at = seen_at - interval '{SILENT + 1} seconds'"
        )
    for machine in (RIGHT, WRONG):
        assert "Silent: start manage.py worker" in status(there, machine)
    for one in machines:  # without a worker, pages and creates still work
        assert is_ready(one)


def test_heartbeat_from_the_future_is_ignored(there: Place, machines: tuple[Portal, Portal]) -> None:
    with psycopg.connect(there.database_url) as past_the_portal:
        past_the_portal.execute("UPDATE core_heartbeat SET seen_at = now() + interval '45 minutes'")
    report = status(there, RIGHT)
    assert "No heartbeat within a day: start manage.py worker" in report


def test_machine_with_another_digest_key_does_not_start_and_reports_it_once(there: Place) -> None:
    environment = {**os.environ, **there.environment, **WRONG, "PORTAL_PORT": str(free_port())}
    environment["DIGEST_KEYS"] = "another-digest-key-than-that-of-the-others"
    before = there.events("keys.registered")
    for command in (
        [str(BIN / "gunicorn"), "--config", "gunicorn.conf.py", "consumerportal.wsgi"],
        [sys.executable, "manage.py", "worker"],
    ):
        done = subprocess.run(
            command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=TIMEOUT
        )
        assert done.returncode != 0
        assert (done.stdout + done.stderr).count("DIGEST_KEYS") == 1
        assert "Traceback" not in done.stdout + done.stderr
    assert there.events("keys.registered") == before
