"""The worker does what is due, waits for a lost database, and stops on a signal."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import OperationalError

from apps.accounts.models import User
from apps.consumers.models import Outcome
from apps.consumers.reconciliation.resolution import mark_stuck_unknown
from apps.core import heartbeats
from apps.core.actor import Actor
from consumerportal import status
from consumerportal.management.commands import worker
from tests.support.entries import store
from tests.support.people import events
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = 30  # seconds


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ROUND_INTERVAL", 0.01)


@pytest.fixture(autouse=True)
def _handlers_come_back() -> Iterator[None]:
    """Restore the suite's signal handlers, which the command replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run_worker_with(monkeypatch: pytest.MonkeyPatch, duty: Callable[[Actor], int]) -> None:
    """Run the command with this work; ``look`` sends the signal once it has seen enough."""
    end = time.monotonic() + BOUND

    def bounded(actor: Actor) -> int:
        assert time.monotonic() < end, "The worker does not stop"
        return duty(actor)

    monkeypatch.setattr(worker, "mark_stuck_unknown", bounded)
    call_command("worker")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_worker_marks_stuck_sends_and_stops_on_a_signal(
    staff: User, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    submission = store(staff, Outcome.SENDING, deadline=long_ago)
    seen: list[int] = []

    def duty(actor: Actor) -> int:
        seen.append(mark_stuck_unknown(actor))
        if len(seen) >= 2:
            os.kill(os.getpid(), number)
        return seen[-1]

    run_worker_with(monkeypatch, duty)
    assert seen == [1, 0]
    submission.refresh_from_db()
    assert submission.outcome == Outcome.UNKNOWN
    assert events("consumer.outcome_unknown")[0].actor_name == "system:worker"


def test_worker_waits_for_a_lost_database(
    staff: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    store(staff, Outcome.SENDING, deadline=long_ago)
    ends: list[str] = []

    def duty(actor: Actor) -> int:
        if len(ends) < 3:
            ends.append("lost")
            raise OperationalError("server closed the connection; password=hunter2")
        marked = mark_stuck_unknown(actor)
        ends.append(f"marked {marked}")
        os.kill(os.getpid(), signal.SIGTERM)
        return marked

    with caplog.at_level(logging.WARNING, logger="apps.worker"):
        run_worker_with(monkeypatch, duty)
    assert ends == ["lost", "lost", "lost", "marked 1"]
    assert [record.getMessage() for record in caplog.records] == ["worker_waits_for_the_database"] * 3
    assert "hunter2" not in caplog.text


def test_fault_in_one_duty_is_logged_and_delays_no_other(
    staff: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []

    def fault(_actor: Actor) -> int:
        raise ZeroDivisionError

    def duty(_actor: Actor) -> int:
        rounds.append(1)
        if len(rounds) >= 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return 0

    monkeypatch.setattr(worker, "drain_spool", fault)
    run_worker_with(monkeypatch, duty)
    assert len(rounds) == 2
    assert "worker_duty_failed drain_spool" in caplog.text
    last = heartbeats.latest(heartbeats.WORKER)
    assert last is not None
    assert last.failing == "drain_spool"
    assert "drain_spool" in next(line.text for line in status.lines() if line.name == "worker")


def test_worker_with_an_unreachable_spool_reports_it_and_does_its_other_duties(
    staff: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, unreachable_spool: None
) -> None:
    rounds: list[int] = []
    heartbeats.record_heartbeat(heartbeats.WORKER, folder="folder", waiting_files=3)  # while it could be read

    def duty(_actor: Actor) -> int:
        rounds.append(1)
        if len(rounds) >= 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return 0

    run_worker_with(monkeypatch, duty)
    assert len(rounds) == 2
    assert "worker_duty_failed drain_spool" in caplog.text
    last = heartbeats.latest(heartbeats.WORKER)
    assert last is not None
    assert last.failing == "drain_spool"
    assert [one.text for one in status.lines() if one.name == "spool"] == ["3"]


@pytest.mark.once
def test_worker_process_waits_for_missing_tables_and_ends_on_sigterm(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PORTAL_MODE": "practice",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}",
        "SPOOL_DIR": str(tmp_path / "spool"),
    }
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=django_settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            waits = "worker_waits_for_the_database"
            wait_until(lambda: waits in log.read_text() or process.poll() is not None, BOUND)
            assert process.poll() is None, log.read_text()
            process.terminate()
            assert process.wait(BOUND) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(BOUND)
    assert "worker_waits_for_the_database" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_stop_that_arrives_while_the_main_thread_holds_the_lock_of_its_event_is_not_lost() -> None:
    stop = threading.Event()
    with stop._cond:  # type: ignore[attr-defined]
        worker.request_stop(stop)
    assert stop.wait(BOUND)


@pytest.mark.once
def test_slow_checks_do_not_delay_the_other_duties(monkeypatch: pytest.MonkeyPatch) -> None:
    now, seconds, checked = 0.0, 14.0, 0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

    def check(**_arguments: object) -> bool:
        nonlocal now, checked
        now, checked = now + seconds, checked + 1
        return True

    one = worker.Worker(threading.Event())
    monkeypatch.setattr(worker, "time", Clock)
    monkeypatch.setattr(worker, "run_due_check", check)
    monkeypatch.setattr(one, "record_heartbeat_if_due", lambda: None)
    one.run_due_checks()
    assert checked == 2
    seconds, checked = 0.1, 0
    one.run_due_checks()
    assert checked == worker.CHECKS_PER_ROUND
