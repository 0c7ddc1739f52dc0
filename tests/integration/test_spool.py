"""An outcome that the database refuses is stored in a file without personal data, and imported later."""

from __future__ import annotations

import json
import os
import stat
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.presenters.events import actor_label, sentence
from apps.consumers.models import Outcome, ResolutionReason, Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.sending import spool, storing
from apps.consumers.sending.result import Result
from apps.core.actor import Actor
from consumerportal.announcement import record_start
from sandbox.data.seed import FAULT_ORDERS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, creates, posted, store, text
from tests.support.people import acting, events

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "/consumers/new/"
SPOOL = Actor.system("worker")


@pytest.fixture
def lost_database(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The database refuses outcomes while this list is not empty."""
    away = [1]
    real = storing.store_outcome

    def flawed(*args: Any) -> Submission:
        if away:
            raise OperationalError("gone")
        return real(*args)

    monkeypatch.setattr(storing, "store_outcome", flawed)
    return away


def test_created_outcome_is_spooled_and_stored_once_the_database_answers(
    as_staff: Client, sandbox: SandboxServer, lost_database: list[int], settings: Settings
) -> None:
    response = as_staff.post(NEW, posted())
    [created] = sandbox.sandbox.consumers(posted()["order_ref"])
    assert response.status_code == 503
    assert created.ref in text(response)
    assert "will be stored as soon as the database accepts it" in text(response)
    with pytest.raises(OperationalError):
        storing.drain_spool(SPOOL)
    assert len(spool.paths()) == 1
    lost_database.clear()
    assert storing.drain_spool(SPOOL) == 1
    submission = Submission.objects.get()
    assert (submission.outcome, submission.consumer_ref) == (Outcome.CREATED, created.ref)
    assert submission.duration_ms is not None
    assert (submission.guest_ref, submission.http_status) == (created.guest_ref, 200)
    [event] = events("consumer.created")
    assert event.consumer_ref == created.ref
    assert spool.paths() == []
    assert storing.drain_spool(SPOOL) == 0
    assert len(creates(sandbox)) == 1


@pytest.mark.parametrize(("fault", "outcome"), [("500_before", Outcome.UNKNOWN), ("404", Outcome.REJECTED)])
def test_every_outcome_can_be_imported_from_the_spool(
    as_staff: Client, sandbox: SandboxServer, lost_database: list[int], fault: str, outcome: Outcome
) -> None:
    as_staff.post(NEW, posted(order=FAULT_ORDERS[fault]))
    lost_database.clear()
    assert storing.drain_spool(SPOOL) == 1
    submission = Submission.objects.get()
    assert submission.outcome == outcome
    assert submission.error_code == ("http_500" if fault == "500_before" else "not_found")


@pytest.mark.parametrize(("hours", "least", "most"), [(0, 3590, 3600), (2, 0, 0)])
def test_wait_that_the_vendor_asked_for_has_passed_while_its_answer_was_in_the_spool(
    staff: User, hours: int, least: int, most: int
) -> None:
    submission = store(staff, Outcome.SENDING)
    limited = Result(Outcome.REJECTED, http_status=429, error_code="rate_limited", retry_after=3600)
    spool.write(submission.public_id, limited)
    [path] = spool.paths()
    written = path.stat().st_mtime - hours * 3600
    os.utime(path, (written, written))
    assert storing.drain_spool(SPOOL) == 1
    stored = Submission.objects.get().retry_after
    assert stored is not None
    assert least <= stored <= most


def test_spool_file_has_no_personal_data_and_is_private_to_the_user(
    as_staff: Client, sandbox: SandboxServer, lost_database: list[int]
) -> None:
    as_staff.post(NEW, posted())
    [path] = spool.paths()
    content = path.read_text()
    for value in (FULL.first_name, FULL.last_name, FULL.passport_number, *FULL.emails, *FULL.phone_numbers):
        assert value not in content
    assert set(json.loads(content)) == {"submission", "outcome", "columns"}
    assert "encrypted" not in content
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_start_of_the_portal_imports_the_spool(staff: User) -> None:
    submission = store(staff, Outcome.SENDING)
    spool.write(submission.public_id, Result(Outcome.CREATED, consumer_ref=REF, http_status=200))
    record_start()
    assert Submission.objects.get().consumer_ref == REF
    assert spool.paths() == []


def test_importing_twice_changes_nothing(staff: User) -> None:
    submission = store(staff, Outcome.SENDING)
    result = Result(Outcome.CREATED, consumer_ref=REF, http_status=200)
    assert spool.write(submission.public_id, result)
    assert spool.write(submission.public_id, result)
    assert storing.drain_spool(SPOOL) == 2
    assert Submission.objects.get().consumer_ref == REF
    assert len(events("consumer.created")) == 1
    assert events("consumer.late_answer") == []


@pytest.mark.parametrize("is_start", [False, True])
@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            Result(Outcome.CREATED, consumer_ref=REF, http_status=200),
            "The order consumer {ref} was created on order {order}",
        ),
        (
            Result(Outcome.REJECTED, http_status=404, error_code="not_found"),
            "Sitecore CDP rejected an order consumer for order {order}: not found",
        ),
        (
            Result(Outcome.NOT_SENT, error_code="connect_refused"),
            "An order consumer for order {order} was not sent: the connection was refused",
        ),
    ],
)
def test_event_of_a_spooled_outcome_does_not_name_the_portal_as_the_person_who_sent_it(
    staff: User, result: Result, told: str, is_start: bool
) -> None:
    submission = store(staff, Outcome.SENDING)
    spool.write(submission.public_id, result)
    if is_start:
        record_start()
    else:
        storing.drain_spool(SPOOL)
    event = AuditEvent.objects.get(submission=str(submission.public_id))
    assert actor_label(event) == ("The portal (portal)" if is_start else "The portal (worker)")
    assert sentence(event) == told.format(ref=REF, order=submission.order_ref)


def test_spooled_outcome_after_a_resolution_is_a_late_answer(staff: User) -> None:
    submission = store(staff, Outcome.NOT_CREATED)
    spool.write(submission.public_id, Result(Outcome.CREATED, consumer_ref=REF, http_status=200))
    storing.drain_spool(SPOOL)
    submission.refresh_from_db()
    assert (submission.outcome, submission.late_consumer_ref) == (Outcome.NOT_CREATED, REF)


def test_outcome_that_was_stored_before_the_resolution_is_no_late_answer(staff: User) -> None:
    submission = store(staff, Outcome.SENDING)
    result = Result(Outcome.UNKNOWN, http_status=500, error_code="http_500", duration_ms=1_234)
    storing.store_outcome(submission, result, SPOOL)
    resolution.resolve(
        submission,
        outcome=Outcome.NOT_CREATED,
        reason=ResolutionReason.VENDOR_CONFIRMED,
        note="",
        actor=acting(staff),
    )
    spool.write(submission.public_id, result)  # another worker has read it before
    assert storing.drain_spool(SPOOL) == 1
    assert Submission.objects.get().late_outcome == ""
    assert events("consumer.late_answer") == []


def test_unreadable_or_unmatched_file_stays_and_blocks_no_other(
    staff: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    submission = store(staff, Outcome.SENDING)
    result = Result(Outcome.CREATED, consumer_ref=REF, http_status=200)
    spool.write(uuid.UUID(int=0), result)
    spool.write(submission.public_id, result)
    spool.write(
        store(staff, Outcome.SENDING, clean()).public_id, Result(Outcome.REJECTED)
    )  # without its status
    (settings.SPOOL_DIR / "00000000.json").write_text("{")
    for number, (name, value) in enumerate(
        [("shoe_size", "44"), ("consumer_ref", ["a"]), ("http_status", {})]
    ):
        odd = {"submission": str(submission.public_id), "outcome": "created", "columns": {name: value}}
        (settings.SPOOL_DIR / f"1111111{number}.json").write_text(json.dumps(odd))
    (settings.SPOOL_DIR / "22222222.json").write_text(
        '{"submission": 5, "outcome": "created", "columns": []}'
    )
    (settings.SPOOL_DIR / "half.unfinished").write_text("{")
    assert storing.drain_spool(SPOOL) == 1
    assert len(spool.paths()) == 7
    record_start()  # starts nevertheless
    assert storing.drain_spool(SPOOL) == 0
    # Each file once, although every round reads it again.
    assert caplog.text.count("spooled_outcome_refused") == 1
    assert caplog.text.count("spooled_outcome_of_unknown_submission") == 1
    assert caplog.text.count("spool_file_unreadable") == 5


def test_unfinished_file_of_a_killed_writer_is_imported(
    staff: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    submission = store(staff, Outcome.SENDING)
    assert spool.write(submission.public_id, Result(Outcome.CREATED, consumer_ref=REF, http_status=200))
    [whole] = spool.paths()
    killed = whole.rename(whole.with_suffix(".unfinished"))
    half = settings.SPOOL_DIR / f"{uuid.uuid4()}.unfinished"
    half.write_text(killed.read_text()[:40])
    assert storing.drain_spool(SPOOL) == 0, "Somebody may still be writing"
    for path in (killed, half):
        os.utime(path, (1, 1))
    assert storing.drain_spool(SPOOL) == 1
    submission.refresh_from_db()
    assert (submission.outcome, submission.consumer_ref) == (Outcome.CREATED, REF)
    assert [path.name for path in settings.SPOOL_DIR.iterdir() if path.name != "place"] == []
    assert "spool_file_unfinished" in caplog.text


def test_unwritable_spool_is_reported_on_the_page_and_in_the_log(
    as_staff: Client,
    sandbox: SandboxServer,
    lost_database: list[int],
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.SPOOL_DIR = tmp_path / "file"
    settings.SPOOL_DIR.write_text("in the way")
    response = as_staff.post(NEW, posted())
    [created] = sandbox.sandbox.consumers(posted()["order_ref"])
    assert created.ref in text(response)
    assert "will be stored as soon as" not in text(response)
    assert "spool_not_written" in caplog.text
    assert any(created.ref in record.getMessage() for record in caplog.records)


def test_portal_fault_after_the_send_does_not_lose_the_vendors_answer(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [OperationalError("gone"), ZeroDivisionError()]
    real = storing.store_outcome

    def flawed(*args: Any) -> Submission:
        if faults:
            raise faults.pop(0)
        return real(*args)

    monkeypatch.setattr(storing, "store_outcome", flawed)
    assert as_staff.post(NEW, posted()).status_code == 503
    assert storing.drain_spool(SPOOL) == 1
    assert Submission.objects.get().outcome == Outcome.CREATED
