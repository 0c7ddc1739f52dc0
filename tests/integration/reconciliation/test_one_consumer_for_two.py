"""A consumer that may belong to several submissions is taken by one at most."""

from __future__ import annotations

import datetime
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test import Client

from apps.accounts.models import User
from apps.cdp.consumers import Identifier
from apps.consumers import selectors
from apps.consumers.models import CheckResult, Outcome, Submission
from apps.consumers.reconciliation import checks, findings
from apps.consumers.sending import storing
from apps.consumers.sending.result import Result
from sandbox.data.seed import FAMILY_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, create_anyway, posted, resolved_by, store, text
from tests.support.people import events
from tests.support.reconciling import WORKER, check, lost, only, run_check
from tests.support.resolving import add_elsewhere, fresh

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_consumer_of_another_submission_is_not_taken(as_staff: Client, sandbox: SandboxServer) -> None:
    submission = lost(as_staff, sandbox, done=False)
    same = replace(FULL, identifiers=(Identifier("ProfileSystem", "another"),))
    create_anyway(as_staff, posted(same))
    assert Submission.objects.filter(outcome=Outcome.CREATED).count() == 1
    assert run_check()
    assert fresh(submission).check_result == CheckResult.NONE


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
    real, refusals = checks._record_resolution, [IntegrityError("claimed")]

    def refused(*args: object) -> None:
        if refusals:
            raise refusals.pop()
        real(*args)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(checks, "_record_resolution", refused)
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
    real = selectors.rivals_on_order
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

    monkeypatch.setattr(selectors, "rivals_on_order", answered_after)
    assert run_check()
    assert fresh(twin).consumer_ref == theirs.ref
    assert fresh(first).outcome == Outcome.UNKNOWN


def test_consumer_of_a_submission_that_was_marked_as_not_created_resolves_no_other_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = lost(as_staff, sandbox)  # the consumer was created, and the vendor lists it late
    marked = {"outcome": Outcome.NOT_CREATED, "next_check_at": None, **resolved_by(staff)}
    Submission.objects.filter(pk=first.pk).update(**marked)
    second = lost(as_staff, sandbox, done=False, anyway=True)  # creates nothing
    Submission.objects.filter(pk=second.pk).update(refs_before=[])  # its list was late, too
    assert run_check()
    found = fresh(second)
    assert (found.outcome, found.check_result) == (Outcome.UNKNOWN, CheckResult.SHARED)


def test_submission_marked_as_not_created_is_no_rival_for_a_consumer_of_another_time(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"created_at": "always"})
    first = lost(as_staff, sandbox, done=False)
    day = datetime.timedelta(days=1)
    Submission.objects.filter(pk=first.pk).update(
        outcome=Outcome.NOT_CREATED,
        next_check_at=None,
        submitted_at=first.submitted_at - day,
        deadline=first.deadline - day,
        **resolved_by(staff),
    )
    second = lost(as_staff, sandbox)
    assert run_check()
    assert fresh(second).outcome == Outcome.CREATED


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

    watch("rivals_on_order")
    watch("claimed_refs_on_order")
    assert run_check()
    assert asked == ["claimed_refs_on_order", "rivals_on_order", "claimed_refs_on_order"]


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
