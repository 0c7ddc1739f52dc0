"""After an unknown outcome the order is read again: a proven consumer is taken, anything else is shown."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp import paging
from apps.cdp.client import CdpClient
from apps.cdp.consumers import Identifier, NewConsumer, OrderConsumer
from apps.cdp.errors import CdpRateLimited, CdpTimeout
from apps.cdp.factory import get_client
from apps.consumers import selectors
from apps.consumers.models import CheckResult, ConnectionHealth, Outcome, ResolvedHow, Submission
from apps.consumers.reconciliation import checks, circuit_breaker, findings
from apps.consumers.reconciliation.resolution import resolve
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from apps.core import clock
from apps.core.actor import Actor
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.data.store import StoredConsumer
from sandbox.faults.armed import Armed
from sandbox.options import Switches
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
from tests.support.keys import new_encryption_key
from tests.support.people import acting, events
from tests.support.resolving import enter

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
WORKER = Actor.system("worker")


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [0.001, 0.002, 60]


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(0))


def lost(
    client: Client,
    sandbox: SandboxServer,
    consumer: NewConsumer = FULL,
    *,
    done: bool = True,
    anyway: bool = False,
) -> Submission:
    """A create whose answer is lost, after or before the work was done; ``anyway``: in spite of warnings."""
    sandbox.sandbox.faults.arm(Armed("reset_after" if done else "reset_before"))
    post = create_anyway if anyway else _post
    assert post(client, posted(consumer)).status_code == 303
    submission = Submission.objects.latest("id")
    assert submission.outcome == Outcome.UNKNOWN
    return submission


def _post(client: Client, values: dict[str, str]) -> HttpResponse:
    return client.post(NEW, values)  # type: ignore[return-value]  # the client's own class


def run_check() -> bool:
    return checks.run_due_check(actor=WORKER, client=get_client())


def make_due(submission: Submission) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    Submission.objects.filter(pk=submission.pk).update(next_check_at=past)


def add_elsewhere(consumer: NewConsumer = FULL) -> OrderConsumer:
    """Add a consumer through the API as another system does."""
    deadline = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    return get_client().create_order_consumer(SAMPLE_ORDER, consumer, deadline=deadline).consumer


def only(sandbox: SandboxServer) -> StoredConsumer:
    [consumer] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    return consumer


def fresh(submission: Submission) -> Submission:
    return Submission.objects.get(pk=submission.pk)


# --- Evidence -------------------------------------------------------------------------------------
def test_new_matching_consumer_is_taken_as_created_with_its_evidence(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(clean())
    before = [consumer.ref for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER)]
    submission = lost(as_staff, sandbox)
    assert run_check()
    found = fresh(submission)
    [new] = [c for c in sandbox.sandbox.consumers(SAMPLE_ORDER) if c.ref not in before]
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, new.ref)
    assert (found.resolved_how, found.resolved_by, found.next_check_at) == (
        ResolvedHow.BY_RECONCILIATION,
        None,
        None,
    )
    assert (found.refs_before, found.matching_refs, found.check_result) == (
        before,
        [new.ref],
        CheckResult.ONE,
    )
    assert found.answer is not None
    assert found.guest_ref
    [event] = events("consumer.resolved")
    assert (event.consumer_ref, event.actor_name) == (new.ref, "system:worker")
    assert event.details == {
        "previous_outcome": "unknown",
        "outcome": "created",
        "reason": "reconciliation",
        "result": "one",
        "before": 1,
        "matching": 1,
        "different": 0,
    }
    assert not run_check()
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in page
    assert "Confirmed by reconciliation" in page
    assert len(creates(sandbox)) == 2


def test_consumer_from_before_the_send_is_not_ours(as_staff: Client, sandbox: SandboxServer) -> None:
    add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NONE)
    assert (found.matching_refs, found.different_refs) == ([], [])


def test_new_differing_consumer_is_shown_and_not_taken(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    other = add_elsewhere(replace(FULL, passport_number="X1"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.different_refs) == (
        Outcome.UNKNOWN,
        CheckResult.NONE,
        [other.ref],
    )
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "but not every field matches" in page
    assert f'href="/order-consumers/{other.ref}/"' in page


def test_consumer_of_another_submission_is_not_taken(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    same = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    create_anyway(as_staff, posted(same))
    assert Submission.objects.filter(outcome=Outcome.CREATED).count() == 1
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NONE


def test_without_the_earlier_references_nothing_is_proven(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    assert submission.refs_before is None
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert A_SUPERVISOR_DECIDES in page
    assert WOULD_MARK not in page
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOT_PROVEN)
    assert found.matching_refs == [only(sandbox).ref]
    _names_without_filling_in(as_supervisor, submission, only(sandbox).ref)


def test_several_matches_are_a_suspected_duplicate_for_a_supervisor(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert sorted(found.matching_refs) == sorted(c.ref for c in sandbox.sandbox.consumers(SAMPLE_ORDER))
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert "Possible duplicate" in page
    for consumer in sandbox.sandbox.consumers(SAMPLE_ORDER):
        assert f'href="/order-consumers/{consumer.ref}/"' in page
    assert "Possible duplicate" in text(as_supervisor.get("/submissions/"))


@pytest.mark.sql("new")
def test_consumer_matching_two_unknown_submissions_is_taken_by_neither_and_shown_by_both(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    twin = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    sandbox.sandbox.faults.arm(Armed("reset_before"))
    create_anyway(as_staff, posted(twin))
    # When the second was sent, the order had the first one's consumer, unless the list was late.
    Submission.objects.update(refs_before=[])
    second = Submission.objects.latest("id")
    assert run_check()
    assert run_check()
    for submission in (first, second):
        found = fresh(submission)
        assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SHARED)
        assert found.matching_refs == [only(sandbox).ref]
        assert only(sandbox).ref in text(as_supervisor.get(f"/submissions/{submission.public_id}/"))


def test_consumer_listed_before_the_twins_send_is_not_the_twins(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    twin = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    sandbox.sandbox.faults.arm(Armed("reset_before"))
    create_anyway(as_staff, posted(twin))
    assert run_check()
    assert fresh(first).outcome == Outcome.CREATED


def test_nothing_is_taken_while_a_twin_is_being_sent(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)
    store(staff, Outcome.SENDING, replace(FULL, identifiers=()))
    assert run_check()
    assert fresh(first).check_result == CheckResult.SHARED


@pytest.mark.sql("new")
def test_concurrent_submissions_do_not_both_take_one_reference(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real, refusals = checks._record_check, [IntegrityError("claimed")]

    def refused(*args: object) -> None:
        if refusals:
            raise refusals.pop()
        real(*args)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(checks, "_record_check", refused)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED
    assert len(events("consumer.resolved")) == 1


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite allows no write during the conclusion")
def test_twin_whose_answer_arrives_between_the_two_queries_retains_its_consumer(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lost(as_staff, sandbox, done=False)
    theirs = add_elsewhere(replace(FULL, identifiers=()))  # the consumer that the twin's send has made
    twin = store(staff, Outcome.SENDING, replace(FULL, identifiers=()))
    result = Result(Outcome.CREATED, consumer_ref=theirs.ref, http_status=200)
    real = selectors.open_on_order
    asked: list[int] = []

    def answer() -> None:
        storing.store_outcome(twin, result, WORKER)
        connection.close()

    def answered_after(submission: Submission) -> list[Submission]:
        rivals = real(submission)
        if not asked:
            asked.append(1)
            thread = Thread(target=answer)
            thread.start()
            thread.join(10)
        return rivals

    monkeypatch.setattr(selectors, "open_on_order", answered_after)
    assert run_check()
    assert fresh(twin).consumer_ref == theirs.ref
    assert fresh(first).outcome == Outcome.UNKNOWN


@pytest.mark.sql("repeated")
def test_possible_other_authors_are_queried_before_claimed_references(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the opposite order a twin could change from open to claimed between the two and be missed by both.
    lost(as_staff, sandbox)
    asked: list[str] = []

    def watch(name: str) -> None:
        real: Any = getattr(selectors, name)

        def watched(submission: Submission) -> Any:
            asked.append(name)
            return real(submission)

        monkeypatch.setattr(selectors, name, watched)

    watch("open_on_order")
    watch("claimed_refs_on_order")
    assert run_check()
    assert asked == ["claimed_refs_on_order", "open_on_order", "claimed_refs_on_order"]


def test_reference_resolved_on_another_order_is_shown_and_stops_no_worker(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    wrong = {**resolved_by(staff), "consumer_ref": only(sandbox).ref.upper()}
    store(staff, Outcome.CREATED, clean(), order=FAMILY_ORDER, **wrong)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SHARED)
    assert found.matching_refs == [only(sandbox).ref]


def test_unreadable_consumer_fails_no_check_and_lets_nothing_be_taken(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed("500_before", times=2, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOT_ALL_READ)
    assert found.unread_refs == [only(sandbox).ref]
    assert "could not read" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


def test_without_the_earlier_references_other_travellers_are_not_called_new(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere(clean())
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox, done=False)
    assert run_check()
    found = fresh(submission)
    assert (found.different_refs, found.matching_refs) == ([], [])
    assert "New on the order" not in text(as_staff.get(f"/submissions/{submission.public_id}/"))


@pytest.mark.parametrize(
    ("fault", "result"),
    [("another_consumer_after", CheckResult.MISREAD), ("500_before", CheckResult.NOT_ALL_READ)],
)
def test_without_the_earlier_references_a_consumer_that_was_not_read_may_be_this_one(
    as_staff: Client, sandbox: SandboxServer, fault: str, result: CheckResult
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, result)
    assert found.unread_refs == [only(sandbox).ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "On the order, but could not be read or compared:" in page
    assert "no new consumer matches" not in page


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("fault", ["another_consumer_after", "500_before"])
def test_consumers_that_failed_to_be_read_are_listed_before_those_that_were_left_out(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    sandbox.sandbox.faults.arm(Armed("404", operation="list_order_consumers"))
    submission = lost(as_staff, sandbox)
    failed, left_out = only(sandbox), add_elsewhere(clean())
    monkeypatch.setattr(findings, "MAX_COMPARED", 1)
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="retrieve_order_consumer"))
    assert run_check()
    assert fresh(submission).unread_refs == [failed.ref, left_out.ref]


def test_undecryptable_submission_is_not_compared(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    submission = lost(as_staff, sandbox)
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NOT_COMPARED
    assert "encryption key" in text(as_staff.get(f"/submissions/{submission.public_id}/"))


def test_failed_check_does_not_retract_earlier_findings(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    assert run_check()
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=2, operation="list_order_consumers"))
    make_due(submission)
    assert run_check()
    found = fresh(submission)
    assert (found.check_result, found.failed_check_count, len(found.matching_refs)) == (
        CheckResult.SEVERAL,
        1,
        2,
    )
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Possible duplicate" in page
    assert "The last check could not read the order" in page


@pytest.mark.sql("new")
def test_late_rejection_after_reconciliation_is_pinned_until_a_supervisor_resolves_it(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    assert run_check()
    taken = fresh(submission)
    late = Result(Outcome.REJECTED, http_status=400, error_code="invalid")
    storing.store_outcome(taken, late, WORKER)
    storing.store_outcome(taken, late, WORKER)
    found = fresh(submission)
    assert (found.outcome, found.late_outcome, found.contradicted) == (Outcome.CREATED, "rejected", True)
    assert len(events("consumer.late_answer")) == 1
    receipt = f"/submissions/{submission.public_id}/"
    assert receipt in text(as_supervisor.get("/"))
    page = text(as_supervisor.get(receipt))
    assert "that it had not created this consumer" in page
    assert "Mark as not created" in page
    form = {"outcome": "not_created", "not_created-reason": "vendor_confirmed", "not_created-note": ""}
    assert enter(as_supervisor, submission, form).status_code == 303
    assert (fresh(submission).outcome, fresh(submission).contradicted) == (Outcome.NOT_CREATED, False)
    assert receipt not in text(as_supervisor.get("/"))


@pytest.mark.sql("new")
def test_agreeing_late_answer_is_no_contradiction(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    assert run_check()
    taken = fresh(submission)
    storing.store_outcome(
        taken, Result(Outcome.CREATED, consumer_ref=taken.consumer_ref, http_status=200), WORKER
    )
    storing.store_outcome(taken, Result(Outcome.UNKNOWN, error_code="read_timeout"), WORKER)
    assert not fresh(submission).contradicted
    assert [event.details["answer_outcome"] for event in events("consumer.late_answer")] == ["created"]


# --- Schedule and number of checks ----------------------------------------------------------------
@pytest.mark.sql("new")
def test_after_the_last_check_the_submission_stays_unknown_and_pinned(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION_AFTER = [0.001]
    submission = lost(as_staff, sandbox, done=False)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_count, found.next_check_at) == (Outcome.UNKNOWN, 1, None)
    assert not run_check()
    assert str(submission.public_id) in text(as_supervisor.get("/"))
    assert "a supervisor checks the order" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert [event.details["result"] for event in events("consumer.checked")] == ["none"]


def test_consumer_listed_late_is_found_by_a_later_check(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 3600})
    submission = lost(as_staff, sandbox)
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NONE
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"lag_seconds": 0})
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


def test_unanswered_check_concludes_nothing_and_is_repeated(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.faults.arm(Armed("503_html_before", times=2, operation="list_order_consumers"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.check_count, found.failed_check_count) == (
        Outcome.UNKNOWN, CheckResult.FAILED, 0, 1,
    )  # fmt: skip
    assert found.next_check_at is not None
    [failed] = events("consumer.check_failed")
    assert (failed.failure, failed.details) == (True, {"error_code": "http_503"})
    assert events("consumer.checked") == []
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.sql("new")
def test_failing_vendor_is_asked_once_per_pause(as_staff: Client, sandbox: SandboxServer) -> None:
    unknown = [lost(as_staff, sandbox, clean(last_name=f"No {number}")) for number in range(6)]
    sandbox.stop()
    taken = 0
    for _ in range(3 * len(unknown)):
        for submission in unknown:
            make_due(submission)
        taken += run_check()
    assert taken == circuit_breaker.FAILURE_THRESHOLD
    assert circuit_breaker.state().failures == circuit_breaker.FAILURE_THRESHOLD
    sandbox.start()


@pytest.mark.sql("new")
def test_check_of_a_lost_process_is_due_again_after_its_lease(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(findings, "read_order", killed)
        with pytest.raises(KeyboardInterrupt):
            run_check()
    found = fresh(submission)
    assert found.outcome == Outcome.UNKNOWN
    assert found.next_check_at is not None
    assert not run_check(), "The lease holds"
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_the_order_is_read(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(as_staff, sandbox)
    held: list[bool] = []

    def watch(name: str) -> None:
        real = getattr(CdpClient, name)

        def watched(self: CdpClient, order_ref: str, **options: Any) -> object:
            held.append(connection.vendor != "sqlite" and connection.connection is not None)
            return real(self, order_ref, **options)

        monkeypatch.setattr(CdpClient, name, watched)

    watch("observe_order_consumers")  # by a check
    watch("read_order_consumers")  # before a send
    assert run_check()
    as_staff.post(NEW, posted(clean()))
    assert held == [False, False]


@pytest.mark.sql("new")
def test_concurrent_resolution_by_a_supervisor_wins(
    as_staff: Client, supervisor: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.consumers.models import ResolutionReason

    submission = lost(as_staff, sandbox)
    real = findings.read_order

    def slow(*args: object) -> findings.Found:
        resolve(
            submission,
            outcome=Outcome.CREATED,
            reason=ResolutionReason.SEEN_IN_CDP,
            note="",
            consumer_ref=REF,
            actor=acting(supervisor),
        )
        return real(*args)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(findings, "read_order", slow)
    assert run_check()
    found = fresh(submission)
    assert (found.consumer_ref, found.resolved_how) == (REF, ResolvedHow.BY_SUPERVISOR)


# --- Worthless evidence ---------------------------------------------------------------------------
WOULD_MARK = "If a new consumer matches every returned field, this is marked as created."
A_SUPERVISOR_DECIDES = "A supervisor then decides"


def _names_without_filling_in(client: Client, submission: Submission, ref: str) -> None:
    """The receipt names a consumer that may not be new, and does not call it new."""
    response = client.get(f"/submissions/{submission.public_id}/")
    page = text(response)
    assert "On the order, and matches every returned field:" in page
    assert ref in page
    assert "New on the order since the send" not in page
    assert on_page(response)["created-consumer_ref"] == ""


def test_older_twin_hidden_before_the_send_is_detected_by_its_creation_time(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox, done=False)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.OTHER_TIME)
    assert found.matching_refs == [twin.ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "created at another time than this send" in page
    _names_without_filling_in(as_supervisor, submission, twin.ref)


def test_unreadable_creation_time_excludes_nothing_and_proves_nothing(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "number"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox, done=False)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.OTHER_TIME)
    assert found.matching_refs == [twin.ref]
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "or that time could not be read" in page
    second = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json())
    make_due(submission)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert set(found.matching_refs) == {twin.ref, second.ref}


def test_consumer_of_the_send_is_taken_beside_an_older_twin(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    old = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    twin = sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=old, listed_in=3600)
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.list_consumer(twin.ref)
    assert run_check()
    found = fresh(submission)
    [ours] = [one.ref for one in sandbox.sandbox.consumers(SAMPLE_ORDER) if one.ref != twin.ref]
    assert (found.outcome, found.consumer_ref) == (Outcome.CREATED, ours)


@pytest.mark.once
@pytest.mark.parametrize(
    ("seconds", "ahead", "result"),
    [
        (-100, 0.0, CheckResult.ONE),
        (-130, 0.0, CheckResult.OTHER_TIME),
        (-3700, 3600.0, CheckResult.ONE),  # our clock is ahead of the vendor's by an hour
        (-3730, 3600.0, CheckResult.OTHER_TIME),
        (3500, -3600.0, CheckResult.ONE),
        (3460, -3600.0, CheckResult.OTHER_TIME),
        (-100, -3600.0, CheckResult.OTHER_TIME),
        (600, 0.0, CheckResult.OTHER_TIME),  # long after any possible answer
    ],
)
def test_creation_time_is_judged_by_the_vendors_clock(
    as_staff: Client, sandbox: SandboxServer, seconds: int, ahead: float, result: CheckResult
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    submission = lost(as_staff, sandbox, done=False)
    moment = submission.submitted_at + datetime.timedelta(seconds=seconds)
    sandbox.sandbox.add_consumer(SAMPLE_ORDER, FULL.to_json(), created_at=moment)
    ConnectionHealth.objects.update_or_create(pk=1, defaults={"clock_ahead": ahead})
    assert run_check()
    assert fresh(submission).check_result == result


@pytest.mark.once
@pytest.mark.parametrize(
    ("switches", "result"),
    [
        ({"paging": "gap", "page_size": 1}, CheckResult.BEFORE_PARTIAL),
        ({"paging": "overlapping", "page_size": 1}, CheckResult.BEFORE_PARTIAL),
        ({"paging": "shuffled", "page_size": 2}, CheckResult.BEFORE_PARTIAL),
        ({"cache": "stubborn"}, CheckResult.BEFORE_PARTIAL),
        ({"cache": "obeying"}, CheckResult.ONE),
    ],
)
def test_incomplete_list_before_the_send_proves_nothing(
    as_staff: Client,
    as_supervisor: Client,
    sandbox: SandboxServer,
    switches: dict[str, Any],
    result: CheckResult,
) -> None:
    for _ in range(3):
        add_elsewhere(clean())
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed(switches)
    get_client().observe_order_consumers(SAMPLE_ORDER)  # an answer from a cache
    submission = lost(as_staff, sandbox)
    assert submission.refs_before_whole is (result is CheckResult.ONE)
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert (WOULD_MARK in page) is (result is CheckResult.ONE)
    assert (A_SUPERVISOR_DECIDES in page) is (result is not CheckResult.ONE)
    sandbox.sandbox.switches = Switches()
    sandbox.sandbox.list_cache.clear()
    assert run_check()
    found = fresh(submission)
    assert found.check_result == result
    assert (found.outcome == Outcome.CREATED) is (result is CheckResult.ONE)
    if result is CheckResult.BEFORE_PARTIAL:
        page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
        assert "read before the send was incomplete" in page
        [matching] = found.matching_refs
        _names_without_filling_in(as_supervisor, submission, matching)


def test_incomplete_list_now_may_lack_a_second_match(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    sandbox.sandbox.switches = Switches().changed({"paging": "gap", "page_size": 1})
    add_elsewhere()
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NOW_PARTIAL)
    assert "another consumer may match too" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    sandbox.sandbox.switches = Switches()
    make_due(submission)
    assert run_check()
    assert fresh(submission).check_result == CheckResult.SEVERAL


@pytest.mark.parametrize("fault", ["known_ref", "another_consumer_after"])
def test_new_reference_that_returns_another_consumer_proves_nothing(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    add_elsewhere()  # an older twin
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    new = sandbox.sandbox.add_consumer(SAMPLE_ORDER, clean().to_json())
    sandbox.sandbox.faults.arm(Armed(fault, operation="retrieve_order_consumer"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.MISREAD)
    assert found.unread_refs == [new.ref]
    assert "answered with another consumer" in text(as_staff.get(f"/submissions/{submission.public_id}/"))


def test_older_twin_returned_for_a_new_reference_is_not_taken(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    sandbox.sandbox.add_consumer(SAMPLE_ORDER, clean().to_json())
    sandbox.sandbox.switches = Switches().changed({"retrieved": "oldest"})
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.MISREAD)


@pytest.mark.sql("new")
def test_references_are_compared_without_case_and_dashes(as_staff: Client, sandbox: SandboxServer) -> None:
    twin = add_elsewhere()
    submission = lost(as_staff, sandbox, done=False, anyway=True)
    for spelling in (twin.ref.upper(), twin.ref.replace("-", "")):
        Submission.objects.filter(pk=submission.pk).update(refs_before=[spelling])
        make_due(submission)
        assert run_check()
        assert fresh(submission).check_result == CheckResult.NONE


def test_two_consumers_of_one_request_are_a_suspected_duplicate(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("doubled_no_answer_after"))
    as_staff.post(NEW, posted())
    submission = Submission.objects.get()
    assert run_check()
    assert fresh(submission).check_result == CheckResult.SEVERAL


def test_order_too_large_to_read_is_left_to_a_supervisor(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE_LIMIT", 2)
    add_elsewhere(clean())
    sandbox.sandbox.switches = Switches().changed({"page_size": 1})
    submission = lost(as_staff, sandbox)
    assert (submission.refs_before, submission.refs_before_whole) == (
        [sandbox.sandbox.consumers(SAMPLE_ORDER)[0].ref],
        True,
    )
    add_elsewhere(clean(first_name="Ina"))
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.TOO_MANY)
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "could not read the whole order: it has too many consumers" in page


@pytest.mark.sql("repeated")
def test_order_not_read_in_time_is_left_to_a_supervisor_and_stops_no_other_check(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere(clean())
    sandbox.sandbox.switches = Switches().changed({"page_size": 1})
    real, left = paging.Page.from_json, [0]

    def late(data: object) -> paging.Page:
        left[0] -= 1
        if left[0] < 0:
            raise CdpTimeout("total_timeout")
        return real(data)

    monkeypatch.setattr(paging.Page, "from_json", late)
    for _ in range(circuit_breaker.FAILURE_THRESHOLD + 1):
        make_due(submission)
        left[0] = 1
        assert run_check()
        found = fresh(submission)
        assert (found.outcome, found.check_result, found.failed_check_count) == (
            "unknown",
            CheckResult.TOO_MANY,
            0,
        )
    assert circuit_breaker.paused_until(datetime.datetime.now(datetime.UTC)) is None


@pytest.mark.sql("repeated")
def test_new_consumers_not_read_in_time_are_unread(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    others = [add_elsewhere(clean()), add_elsewhere(clean())]
    real, left = OrderConsumer.from_json, [1]

    def late(data: object) -> OrderConsumer:
        left[0] -= 1
        if left[0] < 0:
            raise CdpTimeout("total_timeout")
        return real(data)

    monkeypatch.setattr(OrderConsumer, "from_json", late)
    assert run_check()
    found = fresh(submission)
    assert (found.outcome, found.check_result, found.failed_check_count) == (
        "unknown",
        CheckResult.NOT_ALL_READ,
        0,
    )
    assert found.unread_refs == [one.ref for one in others]


@pytest.mark.sql("repeated")
def test_receipt_lists_25_of_many_unread_consumers(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    refs = [str(uuid.UUID(int=number)) for number in range(1, 28)]
    submission.unread_refs = refs
    submission.save()
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert [ref in page for ref in refs] == [True] * 25 + [False] * 2
    assert "and 2 more" in page


def test_firewall_page_in_place_of_the_order_is_no_check(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    for operation in ("list_order_consumers", "retrieve_order_consumer"):
        sandbox.sandbox.faults.arm(Armed("404_html", operation=operation))
        make_due(submission)
        assert run_check()
        found = fresh(submission)
        assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.FAILED)
    make_due(submission)
    assert run_check()
    assert fresh(submission).outcome == Outcome.CREATED


# --- Check now ------------------------------------------------------------------------------------
def check(client: Client, submission: Submission) -> str:
    response = client.post(f"/submissions/{submission.public_id}/check/", follow=True)
    assert response.status_code == 200
    return text(response)


def test_check_now_reads_the_order_for_the_author(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    assert "Check now" in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "Consumer created" in check(as_staff, submission)
    [event] = events("consumer.resolved")
    assert event.actor_name == "Sam Person"


def test_check_now_is_rate_limited(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox, done=False)
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(seconds=2))
    asked = len(sandbox.sandbox.requests())
    check(as_staff, submission)
    once = len(sandbox.sandbox.requests()) - asked
    assert "Checked moments ago. Try again in a few seconds." in check(as_staff, submission)
    assert len(sandbox.sandbox.requests()) - asked == once


def test_without_reconciliation_there_is_no_check_now_and_no_call(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_RECONCILIATION = False
    submission = lost(as_staff, sandbox)
    assert "Check now" not in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    check(as_staff, submission)
    assert not run_check()
    assert len(sandbox.sandbox.requests()) == 1
    assert submission.refs_before is None
    assert fresh(submission).next_check_at is None


@pytest.mark.sql("new")
def test_failed_check_keeps_the_result_of_a_check_that_ended_meanwhile(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    real = findings.read_order

    def slow(*_: object) -> findings.Found:
        monkeypatch.setattr(findings, "read_order", real)
        assert "Possible duplicate" in check(as_staff, submission)
        raise CdpTimeout("total_timeout")

    monkeypatch.setattr(findings, "read_order", slow)
    page = check(as_staff, submission)
    found = fresh(submission)
    assert (found.check_result, found.failed_check_count) == (CheckResult.SEVERAL, 0)
    assert "Possible duplicate" in page
    assert "The last check could not read the order" not in page
    assert len(events("consumer.check_failed")) == 1


@pytest.mark.sql("new")
def test_consumer_that_another_submission_gets_at_the_last_moment_is_not_taken(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real, refs = findings.conclude, list[str]()

    def late(*arguments: Any) -> findings.Conclusion:
        if refs:  # the first attempt was rolled back, with the other submission
            store(staff, Outcome.CREATED, consumer_ref=refs[0])
            return real(*arguments)
        conclusion = real(*arguments)
        assert conclusion.result is CheckResult.ONE
        refs.append(conclusion.matching[0].ref)
        store(staff, Outcome.CREATED, consumer_ref=refs[0])
        return conclusion

    monkeypatch.setattr(findings, "conclude", late)
    check(as_staff, submission)
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.NONE)


@pytest.mark.sql("new")
def test_result_keeps_the_time_of_its_reading_when_a_later_check_fails(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    add_elsewhere()
    check(as_staff, submission)
    before = fresh(submission)

    def unanswered(*_: object) -> findings.Found:
        assert fresh(submission).last_check_at == before.last_check_at, "a claim is no reading"
        raise CdpTimeout("total_timeout")

    monkeypatch.setattr(findings, "read_order", unanswered)
    check(as_staff, submission)
    after = fresh(submission)
    assert (after.check_result, after.last_check_at) == (CheckResult.SEVERAL, before.last_check_at)
    assert after.check_claimed_at != before.check_claimed_at
    found = re.sub("<[^>]*>", "", text(as_staff.get(f"/submissions/{submission.public_id}/")))
    assert re.search(
        r"supervisor has to check each\. \(.{,30}:\d\d:\d\d\) The last check could not read the order", found
    )


@pytest.mark.sql("new")
def test_order_that_no_check_could_read_has_the_time_of_the_last_attempt(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)

    def unanswered(*_: object) -> findings.Found:
        raise CdpTimeout("total_timeout")

    real = findings.read_order
    monkeypatch.setattr(findings, "read_order", unanswered)
    check(as_staff, submission)
    first = fresh(submission)
    check(as_staff, submission)
    second = fresh(submission)
    assert second.check_result == CheckResult.FAILED
    assert first.last_check_at is not None
    assert second.last_check_at is not None
    assert first.last_check_at < second.last_check_at
    monkeypatch.setattr(findings, "read_order", real)
    check(as_staff, submission)
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.sql("new")
def test_clock_that_was_set_back_stops_no_check(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    ahead = clock.now() + datetime.timedelta(hours=1)
    Submission.objects.filter(pk=submission.pk).update(
        check_claimed_at=ahead, last_check_at=ahead, check_result=CheckResult.NONE
    )
    check(as_staff, submission)
    assert fresh(submission).outcome == Outcome.CREATED


@pytest.mark.sql("new")
def test_slow_check_keeps_the_result_of_a_check_that_began_later(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    real = findings.read_order

    def slow(*arguments: Any) -> findings.Found:
        monkeypatch.setattr(findings, "read_order", real)
        found = real(*arguments)
        add_elsewhere()
        assert "Possible duplicate" in check(as_staff, submission)
        return found

    monkeypatch.setattr(findings, "read_order", slow)
    page = check(as_staff, submission)
    found = fresh(submission)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SEVERAL)
    assert len(found.matching_refs) == 2
    assert "Possible duplicate" in page
    assert [event.details["result"] for event in events("consumer.checked")] == ["several", "one"]


def test_check_now_needs_permission_to_see_the_submission(
    as_staff: Client, as_administrator: Client, sandbox: SandboxServer
) -> None:
    submission = lost(as_staff, sandbox)
    assert as_administrator.post(f"/submissions/{submission.public_id}/check/").status_code == 403
    assert as_staff.get(f"/submissions/{submission.public_id}/check/").status_code == 405


@pytest.mark.sql("new")
def test_check_that_the_circuit_breaker_refuses_leaves_the_submission_as_it_was(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = lost(as_staff, sandbox)
    before = fresh(submission)
    monkeypatch.setattr(circuit_breaker, "acquire", lambda _now: False)
    with pytest.raises(checks.CheckNotRun):
        checks.check_now(before, actor=WORKER, client=get_client())
    after = fresh(submission)
    assert (after.check_claimed_at, after.next_check_at) == (before.check_claimed_at, before.next_check_at)


def test_check_now_during_a_pause_shows_its_end_and_reason(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox)
    circuit_breaker.record_failure(CdpRateLimited(retry_after=600.0), datetime.datetime.now(datetime.UTC))
    said = r"Checks are paused until \d\d:\d\d:\d\d\. Sitecore CDP received too many requests\.\s*<"
    page = check(as_staff, submission)
    assert re.search(said, page)
    assert "Sitecore CDP does not answer" not in page
    assert fresh(submission).check_count == 0


@pytest.mark.once
def test_page_reloads_itself_only_while_a_result_is_expected(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, settings: Settings, staff: User
) -> None:
    settings.CDP_RECONCILIATION_AFTER = [30]
    receipt = f"/submissions/{lost(as_staff, sandbox).public_id}/"
    assert 30 <= int(as_staff.get(receipt)["Refresh"]) <= 40
    assert "Refresh" not in as_supervisor.get(receipt), "A form in use is not reloaded"
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10)
    Submission.objects.update(next_check_at=long_ago)
    page = as_staff.get(receipt)
    assert "Refresh" not in page
    assert "should have read the order by now" in text(page)
    settings.CDP_RECONCILIATION = False
    assert "Refresh" not in as_staff.get(receipt)
    stuck = store(staff, Outcome.SENDING, clean(), deadline=long_ago)
    assert "Refresh" not in as_staff.get(f"/submissions/{stuck.public_id}/")


# --- Step 0 ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", ["no_answer_before", "503_html_before", "truncated_json"])
def test_unreadable_order_before_the_send_costs_only_the_evidence(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    sandbox.sandbox.faults.arm(Armed(fault, times=2, operation="list_order_consumers"))
    assert as_staff.post(NEW, posted()).status_code == 303
    submission = Submission.objects.get()
    assert (submission.outcome, submission.refs_before) == (Outcome.CREATED, None)


# --- Concurrent checks ----------------------------------------------------------------------------
@contextmanager
def every_slot_taken() -> Iterator[None]:
    """All call slots of this process are taken by another thread."""
    assert django_settings.CDP_IN_FLIGHT == 1
    slots = get_client()._exchange.slots  # type: ignore[union-attr]  # it is configured
    assert slots._free.acquire(blocking=False)
    try:
        yield
    finally:
        slots._free.release()


def test_beyond_the_call_limit_the_entry_is_returned_immediately_and_nothing_stored(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.CDP_IN_FLIGHT = 1
    entry = posted()
    with every_slot_taken():
        response = as_staff.post(NEW, entry)
        assert response.status_code == 503
        assert "Nothing was sent: the portal is busy" in text(response)
        assert entry["token"] in text(response)
        assert FULL.passport_number in text(response)
        assert as_staff.get(f"/orders/{SAMPLE_ORDER}/").status_code in (200, 503)
        decision = {"accepted": "similar_consumer:1", "similar_reason": "family_member"}
        anyway = as_staff.post(NEW, {**entry, **decision})
        assert on_page(anyway)["similar_reason"] == "family_member"
        assert 'value="similar_consumer:1"' in text(anyway), "What was accepted need not be accepted again"
    assert Submission.objects.count() == 0
    assert sandbox.sandbox.requests() == []
    assert as_staff.post(NEW, entry).status_code == 303
    assert Submission.objects.get().outcome == Outcome.CREATED
