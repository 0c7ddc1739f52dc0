"""A supervisor resolves an unknown outcome once, with a reason; a stuck send becomes unknown."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.audit.recording import EventRefused
from apps.consumers.models import Outcome, ResolutionReason, ResolvedHow, Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.reconciliation.resolution import (
    MARGIN,
    NotUnknown,
    ReferenceClaimed,
    mark_stuck_unknown,
)
from apps.core.actor import Actor
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, creates, on_page, posted, sent, store, text
from tests.support.people import acting, events, make_person
from tests.support.resolving import AS_NOT_CREATED, mark_created, receipt

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]
REAL = pytest.mark.django_db(transaction=True)  # real commits, for several connections

NOTE = "Marvin at Sitecore said so on the phone"
AS_CREATED = {
    "outcome": "created",
    "created-consumer_ref": REF,
    "created-reason": "seen_in_cdp",
    "created-note": NOTE,
}


@pytest.fixture
def unknown(staff: User) -> Submission:
    return store(staff, Outcome.UNKNOWN)


# --- Visibility of the forms ----------------------------------------------------------------------
def test_supervisor_sees_both_ways_to_resolve_and_staff_none(
    as_staff: Client, as_supervisor: Client, unknown: Submission
) -> None:
    page = text(as_supervisor.get(receipt(unknown)))
    for words in (
        "Mark as created",
        "Mark as not created",
        "Consumer reference",
        "Reason",
        "Note (optional)",
    ):
        assert words in page
    assert "Mark as" not in text(as_staff.get(receipt(unknown)))


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome != Outcome.UNKNOWN])
def test_old_form_cannot_resolve_a_resolved_submission(
    as_supervisor: Client, staff: User, outcome: Outcome
) -> None:
    submission = store(staff, outcome)
    assert "Mark as" not in text(as_supervisor.get(receipt(submission)))
    before = Submission.objects.filter(pk=submission.pk).values().get()
    for way in (AS_CREATED, AS_NOT_CREATED):
        response = as_supervisor.post(f"{receipt(submission)}resolve/", way)
        assert response.status_code == 409
        assert "Your resolution was not saved:" in text(response)
    assert Submission.objects.filter(pk=submission.pk).values().get() == before
    assert events("consumer.resolved") == []


def test_only_a_supervisor_may_resolve(
    as_staff: Client, as_administrator: Client, unknown: Submission
) -> None:
    for client in (as_staff, as_administrator):
        assert client.post(f"{receipt(unknown)}resolve/", AS_CREATED).status_code == 403
    assert Client().post(f"{receipt(unknown)}resolve/", AS_CREATED).status_code == 302
    unknown.refresh_from_db()
    assert unknown.outcome == Outcome.UNKNOWN


# --- Resolved --------------------------------------------------------------------------------------
def test_marked_as_created_stores_reference_reason_and_author(
    as_supervisor: Client, supervisor: User, unknown: Submission, sandbox: SandboxServer
) -> None:
    response = mark_created(as_supervisor, unknown, f" {REF} ", **{"created-note": NOTE})
    assert (response.status_code, response["Location"]) == (303, receipt(unknown))
    unknown.refresh_from_db()
    assert (unknown.outcome, unknown.consumer_ref) == (Outcome.CREATED, REF)
    assert (unknown.resolved_how, unknown.resolved_by) == (ResolvedHow.BY_SUPERVISOR, supervisor)
    assert (unknown.resolved_by_name, unknown.resolution_reason) == (
        supervisor.name,
        ResolutionReason.SEEN_IN_CDP,
    )
    assert unknown.resolved_at is not None
    assert unknown.resolution_note == NOTE
    [event] = events("consumer.resolved")
    assert event.details == {
        "previous_outcome": "unknown",
        "outcome": "created",
        "reason": "seen_in_cdp",
        "verification": "not_verified",
    }
    assert (event.consumer_ref, event.actor_id) == (REF, str(supervisor.pk))
    page = text(as_supervisor.get(receipt(unknown)))
    assert f"Marked as created by {supervisor.name}, not verified" in page
    assert f"Resolved by {supervisor.name}: seen in Sitecore CDP." in page
    assert "Not verified by the portal." in page
    assert "Consumer created" not in page
    assert sandbox.sandbox.requests() == []


def test_marked_as_not_created_it_can_be_corrected_and_sent_again(
    as_staff: Client, as_supervisor: Client, unknown: Submission, sandbox: SandboxServer
) -> None:
    again = f"/consumers/new/?from={unknown.public_id}"
    assert as_staff.get(again).status_code == 404
    assert as_supervisor.post(f"{receipt(unknown)}resolve/", AS_NOT_CREATED).status_code == 303
    unknown.refresh_from_db()
    assert (unknown.outcome, unknown.consumer_ref, unknown.resolution_note) == (Outcome.NOT_CREATED, "", "")
    page = text(as_staff.get(receipt(unknown)))
    assert "A supervisor marked this consumer as not created" in page
    assert "Correct and send again" in page
    values = on_page(as_staff.get(again))
    assert sent(values) == FULL
    assert as_staff.post(again, values)["Location"].startswith("/submissions/")
    assert len(creates(sandbox)) == 1
    assert Submission.objects.latest("id").resubmission_of == unknown


def test_note_is_encrypted_in_every_row_and_shown_only_to_supervisors(
    as_staff: Client, as_supervisor: Client, unknown: Submission
) -> None:
    mark_created(as_supervisor, unknown, **{"created-note": NOTE})
    for model in (Submission, AuditEvent):
        assert "Marvin" not in str(list(model._default_manager.values()))
    assert NOTE in text(as_supervisor.get(receipt(unknown)))
    assert "Marvin" not in text(as_staff.get(receipt(unknown)))


# --- Required input -------------------------------------------------------------------------------
IN_FULL = "Enter the consumer reference in full"
MISSING = [
    (AS_CREATED, {"created-consumer_ref": ""}, f'consumer_ref">{IN_FULL}'),
    (AS_CREATED, {"created-consumer_ref": "B94TXY-1"}, f'consumer_ref">{IN_FULL}'),
    (AS_CREATED, {"created-consumer_ref": "x" * 201}, f'consumer_ref">{IN_FULL}'),
    (AS_CREATED, {"created-reason": ""}, 'reason">Choose the reason'),
    (AS_CREATED, {"created-reason": "not_seen_in_cdp"}, 'reason">'),
    (AS_NOT_CREATED, {"not_created-reason": ""}, 'reason">Choose the reason'),
    (AS_NOT_CREATED, {"not_created-reason": "other"}, 'note">Enter the reason in the note'),
    (
        AS_NOT_CREATED,
        {"not_created-reason": "other", "not_created-note": " "},
        'note">Enter the reason in the note',
    ),
    (AS_CREATED, {"created-note": "n" * 2001}, 'note">The note has at most 2,000 characters'),
]


@pytest.mark.parametrize(("way", "changes", "message"), MISSING)
def test_missing_input_is_an_error_at_its_field_and_changes_nothing(
    as_supervisor: Client, unknown: Submission, way: dict[str, str], changes: dict[str, str], message: str
) -> None:
    response = as_supervisor.post(f"{receipt(unknown)}resolve/", {**way, **changes})
    page = text(response)
    assert response.status_code == 200
    assert f'<a href="#id_{way["outcome"]}-{message}' in page
    assert page.count('<a href="#id_') == 1
    assert "<title>Error: " in page
    unknown.refresh_from_db()
    assert unknown.outcome == Outcome.UNKNOWN
    assert events("consumer.resolved") == []


def test_other_reason_with_a_note_is_accepted(as_supervisor: Client, unknown: Submission) -> None:
    way = {"outcome": "not_created", "not_created-reason": "other", "not_created-note": NOTE}
    assert as_supervisor.post(f"{receipt(unknown)}resolve/", way).status_code == 303
    unknown.refresh_from_db()
    assert (unknown.resolution_reason, unknown.resolution_note) == (ResolutionReason.OTHER, NOTE)


@pytest.mark.parametrize("outcome", ["", "unknown", "rejected", "sending"])
def test_unknown_resolution_is_refused(as_supervisor: Client, unknown: Submission, outcome: str) -> None:
    assert (
        as_supervisor.post(f"{receipt(unknown)}resolve/", {**AS_CREATED, "outcome": outcome}).status_code
        == 404
    )


# --- Twice ----------------------------------------------------------------------------------------
@pytest.mark.sql("new")
def test_reference_resolves_only_one_submission(
    as_supervisor: Client, staff: User, supervisor: User, unknown: Submission
) -> None:
    mark_created(as_supervisor, unknown)
    other = store(staff, Outcome.UNKNOWN, clean())
    page = text(as_supervisor.post(f"{receipt(other)}resolve/", AS_CREATED))
    assert "This consumer belongs to another submission" in page
    other.refresh_from_db()
    assert (other.outcome, other.resolved_how) == (Outcome.UNKNOWN, "")
    assert len(events("consumer.resolved")) == 1
    with pytest.raises(ReferenceClaimed):
        _resolve(other, supervisor)


@pytest.mark.sql("new")
def test_tampered_head_of_the_log_is_not_reported_as_a_claimed_reference(
    unknown: Submission, supervisor: User
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET seq = seq - 1")
    with pytest.raises(EventRefused):
        _resolve(unknown, supervisor)
    unknown.refresh_from_db()
    assert unknown.outcome == Outcome.UNKNOWN


def _resolve(submission: Submission, person: User, outcome: Outcome = Outcome.CREATED) -> None:
    resolution.resolve(
        submission,
        outcome=outcome,
        reason=ResolutionReason.VENDOR_CONFIRMED,
        note="",
        actor=acting(person),
        consumer_ref=REF if outcome == Outcome.CREATED else "",
    )


@pytest.mark.sql("new")
@REAL
def test_two_concurrent_supervisors_resolve_once(supervisor: User, unknown: Submission) -> None:
    people = [(supervisor, Outcome.CREATED), (make_person("sol", "supervisor"), Outcome.NOT_CREATED)]
    barrier = threading.Barrier(2, timeout=20)

    def run(choice: tuple[User, Outcome]) -> str:
        person, outcome = choice
        seen = Submission.objects.get()  # before the other one resolves it: later, it would be a correction
        barrier.wait()
        try:
            _resolve(seen, person, outcome)
        except NotUnknown:
            return "too late"
        finally:
            connection.close()
        return outcome.value

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(run, people, timeout=30))
    unknown.refresh_from_db()
    assert sorted(ends) == sorted(["too late", unknown.outcome])
    assert len(events("consumer.resolved")) == 1


def test_same_content_can_be_sent_after_resolving_as_not_created(
    as_staff: Client, supervisor: User, unknown: Submission, sandbox: SandboxServer
) -> None:
    assert "Nothing was sent" in text(as_staff.post("/consumers/new/", posted()))
    _resolve(unknown, supervisor, Outcome.NOT_CREATED)
    assert as_staff.post("/consumers/new/", posted()).status_code == 303
    assert len(creates(sandbox)) == 1


# --- Overdue --------------------------------------------------------------------------------------
WORKER = Actor.system("worker")


def _since_deadline(submission: Submission, seconds: float) -> None:
    deadline = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    Submission.objects.filter(pk=submission.pk).update(deadline=deadline)


@pytest.mark.sql("new")
def test_only_sends_beyond_their_deadline_become_unknown(staff: User, settings: Settings) -> None:
    settings.CDP_TOTAL_TIMEOUT = 30.0
    rows = [store(staff, Outcome.SENDING, clean(last_name=f"C{number}")) for number in range(4)]
    for row, seconds in zip(rows, (-30, 0, 30 + MARGIN - 2, 30 + MARGIN + 2), strict=True):
        _since_deadline(row, seconds)
    assert mark_stuck_unknown(WORKER) == 1
    assert mark_stuck_unknown(WORKER) == 0
    for row in rows:
        row.refresh_from_db()
    assert [row.outcome for row in rows] == [*["sending"] * 3, "unknown"]
    lost = rows[-1]
    assert (lost.error_code, lost.http_status) == ("process_lost", None)
    assert lost.finished_at is not None
    [event] = events("consumer.outcome_unknown")
    assert event.details == {"error_code": "process_lost"}
    assert (event.submission, event.actor_name) == (str(lost.public_id), "system:worker")


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome != Outcome.SENDING])
def test_final_outcome_stays_at_any_age(staff: User, outcome: Outcome) -> None:
    submission = store(staff, outcome)
    _since_deadline(submission, 1_000_000)
    assert mark_stuck_unknown(WORKER) == 0
    submission.refresh_from_db()
    assert submission.outcome == outcome


@pytest.mark.sql("new")
@REAL
def test_two_concurrent_workers_record_it_once(staff: User) -> None:
    _since_deadline(store(staff, Outcome.SENDING), 1000)
    barrier = threading.Barrier(2, timeout=20)

    def run(_number: int) -> int:
        try:
            connection.ensure_connection()
            barrier.wait()
            return mark_stuck_unknown(WORKER)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(run, range(2), timeout=30)) == 1
    assert len(events("consumer.outcome_unknown")) == 1


@pytest.mark.sql("new")
def test_receipt_of_a_lost_send_explains_it_and_shows_the_next_step(as_staff: Client, staff: User) -> None:
    submission = store(staff, Outcome.SENDING)
    _since_deadline(submission, 1000)
    mark_stuck_unknown(WORKER)
    page = text(as_staff.get(receipt(submission)))
    assert "We do not know whether the consumer was created" in page
    assert "The portal was interrupted while it was sending" in page
    assert "Do not enter it again" in page
