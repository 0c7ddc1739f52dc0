"""A machine whose clock is 45 minutes off decides and stores like the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import time_machine
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from apps.accounts import password_links
from apps.accounts.audit_events import SESSION_SIGNED_IN, SESSION_SIGNED_OUT
from apps.accounts.models import Session, User
from apps.accounts.sign_in import known_devices
from apps.accounts.sign_in.session_store import SessionStore
from apps.accounts.sign_in.sessions import close_expired_sessions
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.consumers.models import Outcome, Submission
from apps.consumers.reconciliation.resolution import mark_stuck_unknown
from apps.core import clock, heartbeats, machine_clocks
from apps.core.clock import Measurement
from apps.core.limits import Limit
from apps.core.models import Heartbeat, MachineClock
from consumerportal.status import Level
from sandbox.server.sandbox_server import SandboxServer
from tests.support.audit_logs import recorded
from tests.support.entries import posted, store
from tests.support.people import PASSWORD, TESTS
from tests.support.status_lines import line

pytestmark = pytest.mark.django_db

OFF = dt.timedelta(minutes=45)
BOTH_WAYS = pytest.mark.parametrize("ahead", [OFF, -OFF], ids=["ahead", "behind"])
CLOSE = dt.timedelta(seconds=10)


@contextmanager
def machine(ahead: dt.timedelta) -> Iterator[None]:
    """Run the block on a machine whose clock is that far ahead and has been measured."""
    true = dt.datetime.now(dt.UTC)
    measured = Measurement(clock.uptime(), true, ahead.total_seconds())
    with time_machine.travel(true + ahead), mock.patch.object(clock, "_last", measured):
        yield


def is_now(moment: dt.datetime | None) -> bool:
    return moment is not None and abs(dt.datetime.now(dt.UTC) - moment) < CLOSE


def sign_in(client: Client) -> None:
    answer = client.post("/accounts/login/", {"login": "sam", "password": PASSWORD})
    assert answer.status_code == 302


# --- Sessions -------------------------------------------------------------------------------------
@BOTH_WAYS
def test_session_of_one_machine_is_valid_on_the_other(
    staff: User, settings: Settings, ahead: dt.timedelta
) -> None:
    client = Client()
    sign_in(client)
    with machine(ahead):
        assert client.get("/").status_code == 200
        assert close_expired_sessions() == 0
    assert client.get("/").status_code == 200


@BOTH_WAYS
def test_session_that_begins_on_a_wrong_machine_ends_on_time(
    staff: User, settings: Settings, ahead: dt.timedelta
) -> None:
    client = Client()
    with machine(ahead):
        sign_in(client)
        assert client.get("/").status_code == 200
    session = Session.objects.get()
    assert is_now(session.expire_date - dt.timedelta(seconds=settings.SESSION_IDLE_SECONDS))
    assert is_now(User.objects.get(pk=staff.pk).last_login)
    assert client.get("/").status_code == 200


def test_machine_with_a_slow_clock_accepts_no_ended_session(staff: User) -> None:
    client = Client()
    sign_in(client)
    Session.objects.update(expire_date=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
    with machine(-OFF):
        assert client.get("/").status_code == 302
    assert AuditEvent.objects.filter(action=SESSION_SIGNED_OUT.name).count() == 1


def test_machine_with_a_fast_clock_clears_no_valid_session(staff: User) -> None:
    sign_in(Client())
    with machine(OFF):
        SessionStore.clear_expired()
    assert Session.objects.count() == 1


def test_last_sign_in_is_not_written_by_the_machines_clock(staff: User) -> None:
    Client().force_login(staff)
    assert User.objects.get(pk=staff.pk).last_login is None


# --- Limits, links, devices -----------------------------------------------------------------------
@BOTH_WAYS
def test_counted_acts_count_on_every_machine(ahead: dt.timedelta) -> None:
    limit = Limit("wrong_clock", max_acts=1, seconds=60)
    with machine(ahead):
        assert limit.acquire("somebody") is not None
    assert limit.acquire("somebody") is None
    with machine(-ahead):
        assert limit.acquire("somebody") is None


def test_password_attempts_of_a_signed_in_person_are_limited(as_staff: Client) -> None:
    wrong = {"current": "wrong", "password1": "x", "password2": "x"}
    statuses = [as_staff.post("/accounts/password/", wrong).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_one_time_link_has_the_same_lifetime_on_each_machine(staff: User, settings: Settings) -> None:
    settings.PASSWORD_RESET_TIMEOUT = 30 * 60
    token = password_links.make_token(staff, clock.now())
    with machine(OFF):
        assert password_links.opens_account(staff, token)
        token = password_links.make_token(staff, clock.now())
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=31)):
        assert not password_links.opens_account(staff, token)


def test_known_browser_has_the_same_lifetime_on_each_machine(
    staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_devices, "MAX_AGE", 30 * 60)
    response = HttpResponse()
    known_devices.remember(RequestFactory().get("/"), response, staff)
    request = RequestFactory().get("/")
    name = settings.KNOWN_DEVICE_COOKIE_NAME
    request.COOKIES[name] = response.cookies[name].value
    with machine(OFF):
        assert known_devices.device_of(request, staff)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=31)):
        assert not known_devices.device_of(request, staff)


# --- Events and creates ---------------------------------------------------------------------------
@BOTH_WAYS
def test_events_have_the_true_time(ahead: dt.timedelta) -> None:
    with machine(ahead), transaction.atomic():
        first = recorded(Event(SESSION_SIGNED_IN, TESTS))
    second = recorded(Event(SESSION_SIGNED_OUT, TESTS))
    assert is_now(AuditEvent.objects.get(seq=first).at)
    assert is_now(AuditEvent.objects.get(seq=second).at)


@pytest.mark.django_db(transaction=True)
@BOTH_WAYS
def test_machine_with_a_wrong_clock_sends_within_its_limit(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, ahead: dt.timedelta
) -> None:
    with machine(ahead):
        as_staff.post("/consumers/new/", posted())
    submission = Submission.objects.get()
    assert submission.outcome == Outcome.CREATED
    assert submission.deadline - submission.submitted_at == dt.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT)
    assert is_now(submission.submitted_at)
    assert is_now(submission.finished_at)


@pytest.mark.django_db(transaction=True)
@BOTH_WAYS
def test_worker_gives_up_only_stuck_sends(staff: User, ahead: dt.timedelta) -> None:
    store(staff, Outcome.SENDING)
    with machine(ahead):
        assert mark_stuck_unknown(TESTS) == 0
        Submission.objects.update(deadline=dt.datetime.now(dt.UTC) - ahead - dt.timedelta(minutes=10))
        assert mark_stuck_unknown(TESTS) == 1


# --- Heartbeats and status ------------------------------------------------------------------------
def test_heartbeat_from_the_future_is_ignored() -> None:
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert line("worker").level is Level.OK
    Heartbeat.objects.update(seen_at=dt.datetime.now(dt.UTC) + OFF)
    assert heartbeats.current(heartbeats.WORKER) == []
    assert heartbeats.latest(heartbeats.WORKER) is None
    assert line("worker").level is Level.CRITICAL


@BOTH_WAYS
def test_heartbeat_of_a_wrong_machine_has_the_true_time(ahead: dt.timedelta) -> None:
    with machine(ahead):
        heartbeats.record_heartbeat(heartbeats.WORKER)
    assert is_now(Heartbeat.objects.get().seen_at)
    assert len(heartbeats.current(heartbeats.WORKER)) == 1


def test_files_reported_by_a_future_heartbeat_expire() -> None:
    future = dt.datetime.now(dt.UTC) + OFF
    Heartbeat.objects.create(process="worker:here:other:1", seen_at=future, waiting_files=3)
    heartbeats.record_heartbeat(heartbeats.WORKER, folder="here")
    assert Heartbeat.objects.get(process="worker:here:other:1").waiting_files == 0


def stored(machine: str, ahead: float, **ago: float) -> None:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(**ago)
    MachineClock.objects.create(machine=machine, ahead=ahead, measured_at=at)


def test_only_recently_measured_machines_beyond_the_tolerance_differ() -> None:
    stored("ahead", 2700.2, seconds=1)
    stored("behind", -2.5, minutes=1)
    stored("good", 1.9, seconds=1)
    stored("gone", 2700, hours=1)
    assert [one.machine for one in machine_clocks.wrong_clocks()] == ["ahead", "behind"]


def test_each_machine_has_one_row_and_a_removed_machine_is_deleted(settings: Settings) -> None:
    settings.MACHINE_NAME = "web-1"
    stored("gone", 0.0, days=2)
    for ahead in (OFF, -OFF):
        with machine(ahead):
            machine_clocks.store_measurement()
    one = MachineClock.objects.get()
    assert (one.machine, one.ahead) == ("web-1", -2700.0)
    assert is_now(one.measured_at)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine and its clock")
def test_status_names_the_differing_machines() -> None:
    assert line("machine_clocks").level is Level.OK
    stored("ahead", 2700.2, seconds=1)
    stored("behind", -2.5, minutes=1)
    found = line("machine_clocks")
    assert found.level is Level.WARNING
    assert found.text == (
        "ahead is 2700 seconds ahead of the database; behind is 2 seconds behind the database"
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="There may be several machines")
def test_status_reports_a_single_machine_on_sqlite() -> None:
    assert line("machine_clocks").text == "One machine, whose clock is used"
