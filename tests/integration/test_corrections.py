"""A wrong resolution can be corrected once; the receipt shows both, and the history names their authors."""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.presenters.events import changes
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, PastResolution, ResolvedHow, Submission
from apps.consumers.reconciliation import checks, circuit_breaker
from apps.consumers.reconciliation.resolution import (
    WORKER_DELAY,
    NotUnknown,
    ReferenceClaimed,
    longest_send,
)
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from apps.core import clock
from apps.core.actor import Actor
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import (
    FULL,
    REF,
    clean,
    create_anyway,
    creates,
    on_page,
    posted,
    resolved_by,
    store,
    text,
)
from tests.support.people import events, make_person
from tests.support.resolving import (
    AS_NOT_CREATED,
    NOTE,
    add_elsewhere,
    confirm,
    created_with,
    enter,
    fresh,
    lost_create,
    mark_created,
    receipt,
    resolve,
    resolve_url,
    seen,
    vendor_down,
)

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [3600]


@pytest.fixture
def unknown(as_staff: Client, sandbox: SandboxServer) -> Submission:
    return lost_create(as_staff, sandbox)


@pytest.fixture
def theirs(unknown: Submission, sandbox: SandboxServer) -> str:
    """The reference of the consumer that the lost create made."""
    [consumer] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    return consumer.ref


@pytest.fixture
def as_sol(db: None) -> Client:
    """Another supervisor's client."""
    client = Client()
    client.force_login(make_person("sol", "supervisor"))
    return client


# --- Corrected ------------------------------------------------------------------------------------
@pytest.fixture
def verified(as_supervisor: Client, unknown: Submission, theirs: str) -> Submission:
    assert mark_created(as_supervisor, unknown, theirs, **{"created-note": NOTE}).status_code == 303
    return fresh(unknown)


def test_created_is_corrected_to_not_created_and_the_receipt_shows_both(
    as_supervisor: Client, as_staff: Client, as_sol: Client, verified: Submission, theirs: str
) -> None:
    assert "Correct this resolution" not in text(as_staff.get(receipt(verified)))
    assert "Correct this resolution" in text(as_supervisor.get(receipt(verified)))
    form = {**AS_NOT_CREATED, "not_created-note": "It was somebody else"}
    assert enter(as_sol, verified, form)["Location"] == receipt(verified)
    found = fresh(verified)
    assert (found.outcome, found.consumer_ref, found.consumer_read_at) == (Outcome.NOT_CREATED, "", None)
    assert (found.encrypted_answer, found.guest_ref, found.guest_href) == (b"", "", "")
    assert (found.resolved_by_name, found.resolution_note) == ("Sol Person", "It was somebody else")
    [past] = PastResolution.objects.all()
    assert (past.submission, past.outcome, past.consumer_ref) == (verified, Outcome.CREATED, theirs)
    assert (past.resolution_note, past.resolved_by_name) == (NOTE, "Sue Person")
    assert past.answer is not None
    assert past.answer.last_name == FULL.last_name
    assert NOTE not in str(PastResolution.objects.values())
    [event] = events("consumer.resolution_corrected")
    assert event.details == {
        "previous_outcome": "created",
        "previous_ref": theirs,
        "outcome": "not_created",
        "reason": "vendor_confirmed",
    }
    assert event.actor_name == "Sol Person"
    page = text(as_supervisor.get(receipt(verified)))
    assert "Resolved by Sol Person: confirmed by Sitecore support." in page
    assert "no check proves that a consumer does not exist" in page
    earlier = page[page.index("Earlier resolutions") :]
    for words in (theirs, "Resolved by Sue Person: seen in Sitecore CDP.", "Verified by the portal", NOTE):
        assert words in earlier
    assert "corrected a resolution" in page
    assert "from created to not created" in page
    of_staff = text(as_staff.get(receipt(verified)))
    assert theirs in of_staff
    assert NOTE not in of_staff


def test_after_a_correction_sending_again_meets_a_warning(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, verified: Submission
) -> None:
    assert enter(as_supervisor, verified, AS_NOT_CREATED).status_code == 303
    again = f"{NEW}?from={verified.public_id}"
    stopped = as_staff.post(again, on_page(as_staff.get(again)))
    assert "was marked as created and then corrected to not created" in text(stopped)
    assert len(creates(sandbox)) == 1


def test_marked_as_created_after_a_resend_warns_of_a_possible_duplicate(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, theirs: str
) -> None:
    assert enter(as_supervisor, unknown, AS_NOT_CREATED).status_code == 303
    assert "This consumer was sent again later" not in text(as_supervisor.get(receipt(unknown)))
    assert create_anyway(as_staff, posted()).status_code == 303, "The consumer is on the order"
    assert len(creates(sandbox)) == 2
    later = Submission.objects.latest("id")
    usual = text(as_staff.get(receipt(unknown)))
    assert "It was sent again later:" in usual
    assert "may exist twice" not in usual
    assert "Mark as not created" not in text(as_supervisor.get(resolve_url(unknown)))
    entered = enter(as_supervisor, unknown, created_with(theirs))
    for page in (text(entered), text(as_supervisor.get(resolve_url(unknown)))):
        assert "This consumer was sent again later" in page
        assert receipt(later) in page
    assert confirm(as_supervisor, unknown, entered).status_code == 303
    assert "The consumer may exist twice" in text(as_supervisor.get(receipt(unknown)))


def test_later_submission_that_is_stuck_is_shown_as_unknown(
    as_supervisor: Client, staff: User, unknown: Submission, theirs: str
) -> None:
    assert enter(as_supervisor, unknown, AS_NOT_CREATED).status_code == 303
    store(staff, Outcome.SENDING, deadline=clock.now() - longest_send() - 2 * WORKER_DELAY)
    page = text(enter(as_supervisor, unknown, created_with(theirs)))
    [panel] = re.findall(r"This consumer was sent again later.*?</ul>", page)
    assert str(Outcome.UNKNOWN.label) in panel
    assert str(Outcome.SENDING.label) not in panel


def test_corrected_reference_replaces_the_previous_consumer(
    as_supervisor: Client, sandbox: SandboxServer, verified: Submission, theirs: str
) -> None:
    same = text(enter(as_supervisor, verified, created_with(theirs.upper())))
    assert "already marked as created with this reference" in same
    other = add_elsewhere(replace(FULL, last_name="Dent"))
    assert mark_created(as_supervisor, verified, other.ref).status_code == 303
    found = fresh(verified)
    assert found.consumer_ref == other.ref
    assert found.answer is not None
    assert found.answer.last_name == "Dent"
    [event] = events("consumer.resolution_corrected")
    assert (event.consumer_ref, event.details["previous_ref"]) == (other.ref, theirs)
    assert [(row.label, row.before, row.after) for row in changes(event)] == [
        ("Outcome", "created", "created"),
        ("Consumer reference", theirs, other.ref),
    ]

    sandbox.stop()
    assert mark_created(as_supervisor, verified, OTHER).status_code == 303
    found = fresh(verified)
    assert (found.consumer_ref, found.answer, found.consumer_href, found.guest_ref) == (OTHER, None, "", "")
    assert [past.consumer_ref for past in PastResolution.objects.order_by("id")] == [theirs, other.ref]
    sandbox.start()


def test_unverified_resolution_can_be_verified_later(
    as_supervisor: Client, sandbox: SandboxServer, unknown: Submission, theirs: str
) -> None:
    vendor_down(sandbox)
    assert mark_created(as_supervisor, unknown, theirs).status_code == 303
    assert fresh(unknown).consumer_read_at is None
    sandbox.sandbox.faults.clear()
    assert f'value="{theirs}"' in text(as_supervisor.get(resolve_url(unknown)))
    assert mark_created(as_supervisor, unknown, theirs).status_code == 303
    assert fresh(unknown).consumer_read_at is not None


@pytest.mark.sql("new")
def test_resolution_by_reconciliation_can_be_corrected(
    as_supervisor: Client, unknown: Submission, theirs: str
) -> None:
    checks.check_now(unknown, actor=Actor.system("worker"), client=get_client())
    assert fresh(unknown).resolved_how == ResolvedHow.BY_RECONCILIATION
    assert enter(as_supervisor, unknown, AS_NOT_CREATED).status_code == 303
    [past] = PastResolution.objects.all()
    assert (past.resolved_how, past.consumer_ref, past.resolved_by_name) == ("by_reconciliation", theirs, "")
    page = text(as_supervisor.get(receipt(unknown)))
    assert "Confirmed by reconciliation" in page[page.index("Earlier resolutions") :]


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.REJECTED, Outcome.NOT_SENT, Outcome.SENDING])
def test_outcome_of_the_vendors_answer_cannot_be_corrected(
    as_supervisor: Client, staff: User, supervisor: User, outcome: Outcome
) -> None:
    submission = store(staff, outcome)
    assert "Correct this resolution" not in text(as_supervisor.get(receipt(submission)))
    assert as_supervisor.get(resolve_url(submission))["Location"] == receipt(submission)
    with pytest.raises(NotUnknown):
        resolve(submission, supervisor, Outcome.NOT_CREATED)


@pytest.mark.sql("new")
def test_late_answer_during_a_correction_is_not_overwritten(
    as_supervisor: Client, verified: Submission
) -> None:
    version = seen(as_supervisor, verified)
    late = Result(Outcome.CREATED, consumer_ref=OTHER, http_status=200)
    storing.store_outcome(fresh(verified), late, Actor.system("worker"))
    answer = as_supervisor.post(resolve_url(verified), {"seen": version, **AS_NOT_CREATED})
    assert answer.status_code == 409
    assert fresh(verified).contradicted


# --- A late answer with a doubt --------------------------------------------------------------------
def _late(submission: Submission, ref: str) -> None:
    late = Result(Outcome.CREATED, consumer_ref=ref, http_status=200)
    storing.store_outcome(fresh(submission), late, Actor.system("worker"))


def test_late_answer_with_a_reference_can_only_be_marked_as_created(
    as_supervisor: Client, staff: User
) -> None:
    submission = store(staff, Outcome.NOT_CREATED, refs_before=[OTHER])
    _late(submission, REF)
    page = as_supervisor.get(receipt(submission))
    assert on_page(page)["created-consumer_ref"] == REF
    assert "Mark as not created" not in text(page)


@pytest.mark.parametrize("why", ["known_before", "claimed"])
def test_late_answer_with_a_doubt_allows_both_resolutions_and_fills_in_nothing(
    as_supervisor: Client, as_staff: Client, staff: User, supervisor: User, why: str
) -> None:
    before = [REF.upper()] if why == "known_before" else []
    submission = store(staff, Outcome.NOT_CREATED, refs_before=before)
    if why == "claimed":
        store(staff, Outcome.CREATED, clean(), consumer_ref=REF.replace("-", ""))
    _late(submission, REF)
    assert fresh(submission).contradicted
    page = as_supervisor.get(receipt(submission))
    assert on_page(page)["created-consumer_ref"] == ""
    assert "Mark as not created" in text(page)
    assert "Correct and send again" not in text(as_staff.get(receipt(submission)))
    assert enter(as_supervisor, submission, AS_NOT_CREATED).status_code == 303
    found = fresh(submission)
    assert (found.outcome, found.contradicted) == (Outcome.NOT_CREATED, False)
    assert "Correct and send again" in text(as_staff.get(receipt(submission)))


def test_late_reference_overruled_by_a_supervisor_can_be_given_to_another_submission(
    as_supervisor: Client, staff: User, supervisor: User
) -> None:
    overruled = store(staff, Outcome.NOT_CREATED, refs_before=[REF])
    _late(overruled, REF)
    other = store(staff, Outcome.UNKNOWN, clean())
    with pytest.raises(ReferenceClaimed):
        resolve(other, supervisor)
    resolve(fresh(overruled), supervisor, Outcome.NOT_CREATED)
    resolve(other, supervisor)
    assert fresh(other).consumer_ref == REF
    assert "returned this reference for another submission" not in text(as_supervisor.get(receipt(other)))


# --- Concurrent corrections -----------------------------------------------------------------------
def _at_once(*acts: Callable[[], None]) -> list[str]:
    barrier = threading.Barrier(len(acts), timeout=20)

    def run(act: Callable[[], None]) -> str:
        connection.ensure_connection()
        barrier.wait()
        try:
            act()
        except (NotUnknown, ReferenceClaimed, checks.CheckNotRun) as error:
            return type(error).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts, timeout=30))


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_two_concurrent_corrections_make_one(staff: User, supervisor: User) -> None:
    submission = store(staff, Outcome.CREATED, **resolved_by(supervisor))
    sol = make_person("sol", "supervisor")
    ends = _at_once(
        lambda: resolve(fresh(submission), supervisor, Outcome.NOT_CREATED),
        lambda: resolve(fresh(submission), sol, ref=OTHER),
    )
    assert ends in (["NotUnknown", "done"], ["done", "done"])
    assert PastResolution.objects.count() == ends.count("done")
    assert len(events("consumer.resolution_corrected")) == ends.count("done")


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_two_corrections_of_the_same_resolution_make_one(staff: User, supervisor: User) -> None:
    submission = store(staff, Outcome.CREATED, **resolved_by(supervisor))
    one, other = fresh(submission), fresh(submission)
    ends = _at_once(
        lambda: resolve(one, supervisor, Outcome.NOT_CREATED), lambda: resolve(other, supervisor, ref=OTHER)
    )
    assert ends == ["NotUnknown", "done"]
    assert PastResolution.objects.count() == 1


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_one_reference_for_two_concurrent_corrections_is_used_once(staff: User, supervisor: User) -> None:
    one, other = store(staff, Outcome.UNKNOWN), store(staff, Outcome.UNKNOWN, clean(), order=FAMILY_ORDER)
    ends = _at_once(lambda: resolve(one, supervisor), lambda: resolve(other, supervisor, ref=REF.upper()))
    assert ends == ["ReferenceClaimed", "done"]
    assert Submission.objects.filter(outcome=Outcome.CREATED).count() == 1


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_concurrent_supervisor_and_reconciliation_resolve_once(
    unknown: Submission, supervisor: User, theirs: str
) -> None:
    one, other = fresh(unknown), fresh(unknown)

    def check() -> None:
        checks.check_now(other, actor=Actor.system("worker"), client=get_client())

    _at_once(lambda: resolve(one, supervisor, Outcome.NOT_CREATED), check)
    assert len(events("consumer.resolved")) == 1
    assert PastResolution.objects.count() == 0
    found = fresh(unknown)
    by_supervisor = found.resolved_how == ResolvedHow.BY_SUPERVISOR
    assert found.outcome == (Outcome.NOT_CREATED if by_supervisor else Outcome.CREATED)


# --- Authors --------------------------------------------------------------------------------------
def test_history_names_reconciliation_and_not_the_person_who_pressed_check_now(
    as_staff: Client,
    staff: User,
    sandbox: SandboxServer,
    unknown: Submission,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(0))
    vendor_down(sandbox)
    as_staff.post(f"{receipt(unknown)}check/")
    sandbox.sandbox.faults.clear()
    failed = text(as_staff.get(receipt(unknown)))
    failed = failed[failed.index("What happened") :]
    assert "Reconciliation could not check order" in failed
    assert "timeline-created" not in failed
    circuit_breaker.record_success(datetime.datetime.now(datetime.UTC))
    as_staff.post(f"{receipt(unknown)}check/")
    found = fresh(unknown)
    assert (found.outcome, found.resolved_by, found.resolved_by_name) == (Outcome.CREATED, None, "")
    page = text(as_staff.get(receipt(unknown)))
    assert "Confirmed by reconciliation: this consumer was new on the order" in page
    assert f"by reconciliation, requested by {staff.name}" in page
    assert "Correct this resolution" not in page
    assert [event.actor_name for event in events("consumer.resolved")] == [staff.name]


def test_odd_reference_of_the_vendor_does_not_prevent_a_correction(staff: User, supervisor: User) -> None:
    submission = store(staff, Outcome.CREATED, **{**resolved_by(supervisor), "consumer_ref": "~odd~" * 30})
    resolve(submission, supervisor, Outcome.NOT_CREATED)
    [event] = events("consumer.resolution_corrected")
    assert "previous_ref" not in event.details
    assert PastResolution.objects.get().consumer_ref == "~odd~" * 30
