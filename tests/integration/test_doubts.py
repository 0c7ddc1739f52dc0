"""An answer "created" with a doubt never shows a plain green page; a supervisor decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import Creation, Identifier, NewConsumer, OrderConsumer
from apps.consumers import selectors
from apps.consumers.models import Doubt, Outcome, Submission
from apps.consumers.reconciliation.resolution import can_be_resolved
from apps.consumers.sending import spool, storing
from apps.consumers.sending.result import Result
from apps.core.actor import Actor
from consumerportal.status import Level, lines
from sandbox.data.seed import FAMILY_ORDER, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, creates, posted, resolved_by, store, text
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import events
from tests.support.resolving import AS_NOT_CREATED, add_elsewhere, enter, mark_created
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
WORKER = Actor.system("worker")
CHECKED = "Consumer created, but it has to be checked"
PINNED = "reated, to be checked"  # in a row, and in the line of what needs attention


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [3600]


def known(sandbox: SandboxServer) -> str:
    """Add a consumer to the order as another system does; returns its reference."""
    return sandbox.sandbox.add_consumer(SAMPLE_ORDER, clean().to_json()).ref


def created_with(client: Client, sandbox: SandboxServer, fault: str) -> Submission:
    sandbox.sandbox.faults.arm(Armed(fault))
    assert client.post(NEW, posted()).status_code == 303
    return Submission.objects.get()


def test_reference_from_before_the_send_is_created_with_a_doubt_for_supervisors(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    ref = known(sandbox)
    submission = created_with(as_staff, sandbox, "known_ref")
    assert (submission.outcome, submission.doubt_code) == (Outcome.CREATED, Doubt.KNOWN_BEFORE)
    assert (submission.consumer_ref, submission.refs_before) == (ref, [ref])
    [event] = events("consumer.created")
    assert event.details["doubt"] == "known_before"

    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert CHECKED in page
    assert 'class="panel panel-warning' in page
    assert "panel-created" not in page
    assert "was on the order before the send" in page
    for address in ("/", "/submissions/"):
        pinned = text(as_supervisor.get(address))
        assert "1 created, to be checked" in pinned
    [line] = [line for line in lines() if line.name == "doubtful"]
    assert (line.text, line.level) == ("1", Level.WARNING)


def test_supervisors_resolution_ends_the_doubt(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    known(sandbox)
    submission = created_with(as_staff, sandbox, "known_ref")
    page = text(as_supervisor.get(f"/submissions/{submission.public_id}/"))
    assert f'action="/submissions/{submission.public_id}/resolve/"' in page
    assert enter(as_supervisor, submission, AS_NOT_CREATED).status_code == 303
    submission.refresh_from_db()
    assert (submission.outcome, submission.doubt_code) == (Outcome.NOT_CREATED, "")
    assert PINNED not in text(as_supervisor.get("/"))
    assert "Correct and send again" in text(as_staff.get(f"/submissions/{submission.public_id}/"))


@pytest.mark.sql("new")
@pytest.mark.parametrize("outcome", ["not_created", "created"])
def test_resolution_preserves_the_answer_that_it_replaces(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer, outcome: str
) -> None:
    ref = known(sandbox)
    submission = created_with(as_staff, sandbox, "known_ref")
    answered = submission.answer
    assert answered is not None
    other = add_elsewhere(replace(FULL, last_name="Dent"))
    if outcome == "created":
        assert mark_created(as_supervisor, submission, other.ref).status_code == 303
    else:
        assert enter(as_supervisor, submission, AS_NOT_CREATED).status_code == 303
    [past] = submission.past_resolutions.all()
    assert (past.outcome, past.consumer_ref, past.resolved_how) == (Outcome.CREATED, ref, "")
    assert past.resolved_at == submission.finished_at
    assert past.answer == answered
    [event] = events("consumer.resolution_corrected")
    assert (event.details["previous_outcome"], event.details["previous_ref"]) == ("created", ref)
    assert event.details["outcome"] == outcome
    assert events("consumer.resolved") == []
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert "marked an unknown order consumer" not in page
    earlier = page[page.index("Earlier resolutions") :]
    for words in (ref, "Sitecore CDP answered that it had created this consumer.", "Answered:"):
        assert words in earlier


def test_similar_consumer_meets_a_warning_after_a_doubted_answer_was_marked_as_not_created(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    known(sandbox)
    submission = created_with(as_staff, sandbox, "known_ref")
    assert enter(as_supervisor, submission, AS_NOT_CREATED).status_code == 303
    sent_before = len(creates(sandbox))
    stopped = as_staff.post(NEW, posted())
    assert "was marked as created and then corrected to not created" in text(stopped)
    assert len(creates(sandbox)) == sent_before


def test_usual_answer_has_no_doubt(as_staff: Client, as_supervisor: Client, sandbox: SandboxServer) -> None:
    known(sandbox)
    as_staff.post(NEW, posted())
    submission = Submission.objects.get()
    assert (submission.outcome, submission.doubt_code, submission.refs_before_whole) == ("created", "", True)
    assert 'class="panel panel-created' in text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert PINNED not in text(as_supervisor.get("/"))
    [line] = [line for line in lines() if line.name == "doubtful"]
    assert line.level is Level.OK


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("another_consumer_after", "another_person", "with the data of another person"),
        ("order_ref_after", "order_reference", "with the reference of the order"),
    ],
)
def test_answer_about_another_person_or_the_order_itself_is_unknown(
    as_staff: Client, sandbox: SandboxServer, fault: str, code: str, words: str
) -> None:
    known(sandbox)
    submission = created_with(as_staff, sandbox, fault)
    assert (submission.outcome, submission.error_code, submission.http_status) == ("unknown", code, 200)
    assert submission.answer is None
    page = text(as_staff.get(f"/submissions/{submission.public_id}/"))
    assert words in page
    assert "Do not enter it again" in page


@pytest.mark.sql("new")
@pytest.mark.parametrize("spelling", [str.upper, lambda ref: ref.replace("-", "")])
def test_reference_of_another_submission_is_a_doubt_in_any_spelling(
    as_staff: Client, staff: User, sandbox: SandboxServer, settings: Settings, spelling: object
) -> None:
    settings.CDP_RECONCILIATION = False
    ref = known(sandbox)
    assert callable(spelling)
    store(staff, Outcome.CREATED, clean(), order=FAMILY_ORDER, consumer_ref=spelling(ref))
    sandbox.sandbox.faults.arm(Armed("known_ref"))
    as_staff.post(NEW, posted())
    submission = Submission.objects.latest("id")
    assert (submission.outcome, submission.doubt_code) == (Outcome.CREATED, Doubt.CLAIMED)
    earlier = Submission.objects.earliest("id")
    assert CHECKED in text(as_staff.get(f"/submissions/{earlier.public_id}/"))
    assert earlier.doubt_code == Doubt.CLAIMED, "Either of the two may be wrong"


def _answered(staff: User, name: str, ref: str, **columns: Any) -> Submission:
    """A submission for which the vendor answered "created" with this reference."""
    sending = store(staff, Outcome.SENDING, clean(last_name=name))
    result = Result(Outcome.CREATED, consumer_ref=ref, http_status=200, **columns)
    return storing.store_outcome(sending, result, Actor.system("worker"))


@pytest.mark.sql("new")
@pytest.mark.postgresql
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_both_submissions_that_get_one_reference_at_the_same_moment_are_doubted(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, others = selectors.is_claimed, list[Thread]()
    second = store(staff, Outcome.SENDING, clean(last_name="Two"))

    def answer() -> None:
        storing.store_outcome(second, Result(Outcome.CREATED, consumer_ref=REF.upper()), WORKER)
        connection.close()

    def and_the_other_answer_arrives(ref: str, *, besides: Submission) -> bool:
        found = real(ref, besides=besides)
        if not others:
            others.append(Thread(target=answer))
            others[0].start()
            assert wait_for(lambda: is_a_transaction_waiting() or not others[0].is_alive(), 10)
        return found

    monkeypatch.setattr(selectors, "is_claimed", and_the_other_answer_arrives)
    first = _answered(staff, "One", REF)
    others[0].join(10)
    for one in (first, second):
        one.refresh_from_db()
        assert (one.outcome, one.doubt_code) == (Outcome.CREATED, Doubt.CLAIMED)
    assert [event.submission for event in events("consumer.doubted")] == [str(first.public_id)]


@pytest.mark.parametrize("owner", ["first", "second"])
def test_reference_of_two_submissions_can_be_given_to_either(
    as_supervisor: Client, staff: User, settings: Settings, owner: str
) -> None:
    settings.CDP_RECONCILIATION = False
    first = _answered(staff, "One", REF)
    second = _answered(staff, "Two", REF.replace("-", "").upper())
    first.refresh_from_db()
    assert (first.doubt_code, second.doubt_code) == (Doubt.CLAIMED, Doubt.CLAIMED)
    pinned = text(as_supervisor.get("/"))
    assert "2 created, to be checked" in pinned
    right, wrong = (first, second) if owner == "first" else (second, first)
    assert enter(as_supervisor, wrong, AS_NOT_CREATED).status_code == 303
    assert mark_created(as_supervisor, right, REF).status_code == 303
    right.refresh_from_db()
    wrong.refresh_from_db()
    assert (right.outcome, right.doubt_code, right.resolved_how) == (Outcome.CREATED, "", "by_supervisor")
    assert (wrong.outcome, wrong.consumer_ref, wrong.doubt_code) == (Outcome.NOT_CREATED, "", "")
    assert PINNED not in text(as_supervisor.get("/"))


@pytest.mark.sql("new")
def test_doubt_that_another_answer_causes_is_an_event(as_staff: Client, staff: User) -> None:
    first = _answered(staff, "One", REF)
    assert events("consumer.doubted") == []
    second = _answered(staff, "Two", REF)
    assert [event.details["doubt"] for event in events("consumer.created")[1:]] == ["claimed"]
    [event] = events("consumer.doubted")
    assert (event.submission, event.consumer_ref) == (str(first.public_id), REF)
    assert event.details == {"doubt": "claimed", "other": str(second.public_id)}
    told = f"The order consumer {REF} on order {first.order_ref} has to be checked: another submission has"
    assert f"{told} the reference" in text(as_staff.get(f"/submissions/{first.public_id}/"))
    assert _answered(staff, "Three", REF).doubt_code == Doubt.CLAIMED
    assert len(events("consumer.doubted")) == 1, "The other two were doubted before"


@pytest.mark.sql("new")
def test_answer_with_a_reference_from_before_the_send_doubts_the_submission_that_has_it(
    as_staff: Client, as_supervisor: Client, staff: User
) -> None:
    first = _answered(staff, "One", REF)
    second = _answered(staff, "Two", REF, doubt_code=Doubt.KNOWN_BEFORE)
    first.refresh_from_db()
    assert (first.doubt_code, second.doubt_code) == (Doubt.CLAIMED, Doubt.KNOWN_BEFORE)
    assert [event.submission for event in events("consumer.doubted")] == [str(first.public_id)]
    assert CHECKED in text(as_staff.get(f"/submissions/{first.public_id}/"))
    assert "2 created, to be checked" in text(as_supervisor.get("/"))
    assert can_be_resolved(first)


@pytest.mark.sql("new")
@pytest.mark.parametrize("is_same", [True, False])
def test_late_answer_with_the_reference_of_a_submission_doubts_it(
    as_staff: Client, as_supervisor: Client, staff: User, supervisor: User, is_same: bool
) -> None:
    first = _answered(staff, "One", REF)
    resolved = store(staff, Outcome.NOT_CREATED, clean(last_name="Two"), **resolved_by(supervisor))
    late = Result(Outcome.CREATED, consumer_ref=REF.upper() if is_same else str(uuid4()), http_status=200)
    storing.store_outcome(resolved, late, WORKER)
    first.refresh_from_db()
    assert first.doubt_code == (Doubt.CLAIMED if is_same else "")
    assert [event.submission for event in events("consumer.doubted")] == [str(first.public_id)] * is_same
    assert (CHECKED in text(as_staff.get(f"/submissions/{first.public_id}/"))) == is_same
    assert ("1 created, to be checked" in text(as_supervisor.get("/"))) == is_same


@pytest.mark.sql("new")
def test_resolved_and_doubted_submissions_are_not_changed(staff: User, supervisor: User) -> None:
    resolved = store(staff, Outcome.CREATED, **resolved_by(supervisor))
    known_before = store(
        staff, Outcome.CREATED, clean(), consumer_ref=REF.upper(), doubt_code=Doubt.KNOWN_BEFORE
    )
    assert _answered(staff, "Two", REF).doubt_code == Doubt.CLAIMED
    resolved.refresh_from_db()
    known_before.refresh_from_db()
    assert (resolved.doubt_code, known_before.doubt_code) == ("", Doubt.KNOWN_BEFORE)
    assert events("consumer.doubted") == []


@pytest.mark.parametrize("order", [SAMPLE_ORDER, FAMILY_ORDER])
def test_reference_from_a_late_answer_is_claimed(staff: User, order: str) -> None:
    late: dict[str, Any] = {"late_outcome": "created", "late_consumer_ref": REF.upper(), "contradicted": True}
    store(staff, Outcome.NOT_CREATED, order=order, **late)
    submission = _answered(staff, "Two", REF)
    assert submission.doubt_code == Doubt.CLAIMED
    elsewhere = selectors.refs_claimed_elsewhere(submission, [REF.replace("-", "")])
    assert bool(elsewhere) == (order == FAMILY_ORDER)


@pytest.mark.parametrize("spelled", [str.upper, lambda ref: ref.replace("-", "")])
def test_late_answer_with_the_same_reference_in_another_spelling_is_no_contradiction(
    staff: User, supervisor: User, spelled: Callable[[str], str]
) -> None:
    resolved = store(staff, Outcome.CREATED, **resolved_by(supervisor))
    for ref in (spelled(REF), REF):
        late = Result(Outcome.CREATED, consumer_ref=ref, http_status=200)
        storing.store_outcome(resolved, late, Actor.system("worker"))
    resolved.refresh_from_db()
    assert (resolved.contradicted, resolved.late_consumer_ref) == (False, spelled(REF))
    assert len(events("consumer.late_answer")) == 1, "The second is the same answer"


def test_stored_answer_in_another_spelling_is_not_late(staff: User) -> None:
    submission = _answered(staff, "One", REF)
    again = Result(Outcome.CREATED, consumer_ref=REF.replace("-", ""), http_status=200)
    storing.store_outcome(submission, again, Actor.system("worker"))
    assert events("consumer.late_answer") == []


IDA = NewConsumer("Ida", "Twin", emails=("ida@example.com", "i@example.com"), passport_number="P1234567")


@pytest.mark.parametrize(
    ("answered", "doubt"),
    [
        ({"firstName": "Ben", "emails": ["ben@example.com"], "passportNumber": "X7"}, Doubt.ANOTHER_DATA),
        ({"firstName": "Ida", "emails": ["ben@example.com"], "passportNumber": "X7"}, Doubt.ANOTHER_DATA),
        ({"firstName": "Ben", "emails": ["I@EXAMPLE.COM"], "passportNumber": "X7"}, ""),
        ({"firstName": "Ben", "emails": ["ben@example.com"], "passportNumber": "p1234567"}, ""),
        ({"firstName": "Ben", "emails": ["ben@example.com"]}, ""),
        ({"firstName": "Ben", "passportNumber": "X7"}, ""),
    ],
)
def test_data_of_a_relative_are_a_doubt(
    as_staff: Client, as_supervisor: Client, staff: User, answered: dict[str, object], doubt: str
) -> None:
    sending = store(staff, Outcome.SENDING, IDA)
    consumer = OrderConsumer.from_json({"ref": REF, "lastName": "Twin", **answered})
    result = Result.of_creation(Creation(consumer, 200), sending, duration_ms=5)
    storing.store_outcome(sending, result, Actor.system("worker"))
    sending.refresh_from_db()
    assert (sending.outcome, sending.doubt_code) == (Outcome.CREATED, doubt)
    page = text(as_staff.get(f"/submissions/{sending.public_id}/"))
    assert (CHECKED in page) is bool(doubt)
    assert ("another email address and another passport number" in page) is bool(doubt)
    assert ('class="panel panel-warning' in page) is bool(doubt)
    assert (PINNED in text(as_supervisor.get("/submissions/"))) is bool(doubt)


@pytest.mark.sql("new")
def test_doubt_survives_the_spool(staff: User, sandbox: SandboxServer) -> None:
    sending = store(staff, Outcome.SENDING)
    answered = Result(Outcome.CREATED, consumer_ref=REF, http_status=200, doubt_code=Doubt.KNOWN_BEFORE)
    assert spool.write(sending.public_id, answered)
    assert storing.drain_spool(Actor.system("worker")) == 1
    sending.refresh_from_db()
    assert (sending.outcome, sending.doubt_code) == (Outcome.CREATED, Doubt.KNOWN_BEFORE)


def test_no_page_shows_a_secret_that_the_vendor_echoed(as_staff: Client, sandbox: SandboxServer) -> None:
    for fault in ("400_secrets", "secrets"):
        sandbox.sandbox.faults.arm(Armed(fault))
        response = as_staff.post(
            NEW, posted(replace(FULL, identifiers=(Identifier("ProfileSystem", fault),)))
        )
        submission = Submission.objects.latest("id")
        pages = (as_staff.get(response["Location"]), as_staff.get(f"/submissions/{submission.public_id}/"))
        for page in map(text, pages):
            assert "practice-" not in page
            assert "****" in page
        stored = f"{submission.vendor_message} {submission.answer and submission.answer.to_json()}"
        assert "practice-" not in stored
        assert "practice-" not in " ".join(
            [submission.consumer_href, submission.guest_href, submission.order_href]
        )
