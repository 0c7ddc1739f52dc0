"""The sending of one create: recorded before and after, sent at most once, with a true outcome."""

from __future__ import annotations

import datetime
import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from django.db import DatabaseError, connection, models
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.client import CdpClient
from apps.cdp.consumers import Creation, NewConsumer, OrderConsumer
from apps.cdp.factory import get_client
from apps.consumers.models import DigestKind, Doubt, Outcome, ResolutionReason, Submission, SubmissionDigest
from apps.consumers.reconciliation import resolution
from apps.consumers.sending import submit as submitting
from apps.consumers.sending.digests import content_digest, search_digest
from apps.consumers.sending.result import Result
from apps.consumers.sending.submit import IdenticalOpen, NotConfirmed, NotSubmitted, TokenUsed
from apps.consumers.sending.warnings import find_warnings
from apps.core.actor import Actor
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, REF, clean, creates, store
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import acting, events, make_person
from tests.support.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = 20  # seconds


def submit(person: User, consumer: NewConsumer = FULL, **given: Any) -> Submission:
    """Submit as that person, by default with a new token and the sample order."""
    values: dict[str, Any] = {
        "order_ref": SAMPLE_ORDER,
        "token": uuid.uuid4(),
        "client": get_client(),
        **given,
    }
    return submitting.submit(consumer=consumer, actor=acting(person), **values)


def client_that(*, before: Callable[[], object] = int, after: Callable[[], object] = int) -> MagicMock:
    """The real client, with an action before or after its one call."""
    real = get_client()

    def create(*args: Any, **kwargs: Any) -> Any:
        before()
        try:
            return real.create_order_consumer(*args, **kwargs)
        finally:
            after()

    client: MagicMock = create_autospec(CdpClient, instance=True, spec_set=True)
    client.create_order_consumer.side_effect = create
    return client


def actions_of(submission: Submission) -> list[str]:
    found = AuditEvent.objects.filter(submission=str(submission.public_id)).order_by("seq")
    return [event.action for event in found]


# --- Created --------------------------------------------------------------------------------------
@pytest.mark.sql("repeated")
def test_consumer_is_created_with_one_call_and_exactly_the_forms_values(
    staff: User, sandbox: SandboxServer
) -> None:
    submission = submit(staff)
    [stored] = sandbox.sandbox.consumers(SAMPLE_ORDER)
    [request] = creates(sandbox)
    assert json.loads(stored.body) == FULL.to_json()
    assert (request.method, request.path) == ("POST", f"/v2.1/orders/{SAMPLE_ORDER}/consumers")
    row = Submission.objects.get()
    assert row == submission
    assert (row.outcome, row.consumer_ref, row.http_status) == (Outcome.CREATED, stored.ref, 200)
    assert (row.error_code, row.error_field, row.vendor_message) == ("", "", "")
    assert row.consumer_href == f"{sandbox.base_url}/v2.1/orderConsumers/{stored.ref}"
    assert row.guest_href == f"{sandbox.base_url}/v2.1/guests/{stored.guest_ref}"
    assert row.guest_ref == stored.guest_ref
    assert row.order_href.startswith(f"{sandbox.base_url}/v2.1/orders?guestRef=")
    assert (row.actor, row.actor_name) == (staff, staff.name)
    assert row.consumer == FULL
    assert row.answer is not None
    assert row.answer.last_name == FULL.last_name
    assert row.finished_at is not None
    assert row.submitted_at <= row.finished_at <= row.deadline
    assert row.duration_ms is not None
    assert 0 <= row.duration_ms < BOUND * 1000


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(("before", "doubt"), [([], ""), (["ABC"], Doubt.KNOWN_BEFORE)])
def test_references_of_an_answer_are_doubted_if_they_were_known_before(before: list[str], doubt: str) -> None:
    creation = Creation(OrderConsumer(ref="abc"), 200)
    found = Result.of_references(creation, Submission(refs_before=before), duration_ms=1)
    assert (found.consumer_ref, found.doubt_code) == ("abc", doubt)


@pytest.mark.sql("repeated")
def test_answer_that_cannot_be_processed_keeps_its_reference(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_args: object, **_given: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(Result, "of_creation", fault)
    submission = submit(staff)
    [created] = sandbox.sandbox.consumers(SAMPLE_ORDER)[-1:]
    assert (submission.outcome, submission.consumer_ref) == (Outcome.CREATED, created.ref)
    assert submission.answer is None


@pytest.mark.sql("repeated")
def test_status_201_is_created(staff: User, sandbox: SandboxServer) -> None:
    sandbox.sandbox.switches = sandbox.sandbox.switches.changed({"create_status": 201})
    submission = submit(staff)
    assert (submission.outcome, submission.http_status) == (Outcome.CREATED, 201)


@pytest.mark.sql("repeated")
def test_request_is_recorded_before_the_call_and_the_outcome_after_it_without_values(
    staff: User, sandbox: SandboxServer
) -> None:
    on_record: list[str] = []

    def inspect() -> None:
        on_record.extend(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
        connection.close()

    submission = submit(staff, client=client_that(before=inspect))
    assert on_record[-1] == "consumer.create_requested"
    assert actions_of(submission) == ["consumer.create_requested", "consumer.created"]
    [asked], [created] = events("consumer.create_requested"), events("consumer.created")
    assert asked.details == {"fields": sorted(FULL.to_json()), "compared": 0}
    assert (asked.order_ref, asked.consumer_ref, asked.actor_id) == (SAMPLE_ORDER, None, str(staff.pk))
    assert created.details == {"http_status": 200, "duration_ms": submission.duration_ms}
    assert (created.consumer_ref, created.guest_ref) == (submission.consumer_ref, submission.guest_ref)
    assert created.order_ref == SAMPLE_ORDER


def test_row_is_sending_during_the_call(staff: User, sandbox: SandboxServer, settings: Settings) -> None:
    seen: list[tuple[str, datetime.timedelta]] = []

    def inspect() -> None:
        row = Submission.objects.get()
        seen.append((row.outcome, row.deadline - row.submitted_at))
        connection.close()

    submit(staff, client=client_that(before=inspect))
    assert seen == [(Outcome.SENDING, datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT))]


def test_no_database_connection_is_held_during_the_call(staff: User, sandbox: SandboxServer) -> None:
    held: list[bool] = []

    def inspect() -> None:
        held.append(connection.vendor != "sqlite" and connection.connection is not None)
        held.append(connection.in_atomic_block)

    submit(staff, client=client_that(before=inspect))
    assert held == [False, False]


# --- What is stored -------------------------------------------------------------------------------
TYPED = [
    FULL.first_name,
    FULL.last_name,
    *(f"{FULL.date_of_birth:{form}}" for form in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%B %Y")),
    *FULL.emails,
    *FULL.phone_numbers,
    "Irish",
    FULL.passport_number,
    *(item.id for item in FULL.identifiers),
    *(item.provider for item in FULL.identifiers),
]


def _everything_stored(model: type[models.Model]) -> str:
    names = [field.attname for field in model._meta.concrete_fields]
    rows = model._default_manager.values_list(*names)
    stored = "\n".join(str(value) for row in rows for value in row).casefold()
    # Tokens and hashes contain any short text by chance, sooner or later.
    return re.sub(r"[0-9a-z_=-]{40,}", "", stored)


@pytest.mark.parametrize("fault", ["", "404", "500_after"])
def test_no_column_contains_typed_text(staff: User, sandbox: SandboxServer, fault: str) -> None:
    submission = submit(staff, order_ref=FAULT_ORDERS.get(fault, SAMPLE_ORDER))
    assert submission.consumer == FULL
    for model in (Submission, SubmissionDigest, AuditEvent):
        stored = _everything_stored(model)
        for value in TYPED:
            assert value.casefold() not in stored


@pytest.mark.sql("repeated")
def test_vendors_message_is_stored_encrypted(staff: User, sandbox: SandboxServer) -> None:
    quoting = NewConsumer(first_name="Ida", last_name="C", gender="Zaphod-7391", emails=("i@example.com",))
    submission = submit(staff, quoting)
    assert (submission.outcome, submission.error_code) == (Outcome.REJECTED, "invalid")
    assert submission.error_field == "gender"
    assert submission.vendor_message.startswith("gender")
    stored = _everything_stored(Submission) + _everything_stored(AuditEvent)
    assert submission.vendor_message.casefold() not in stored
    assert "zaphod" not in stored


def test_submission_can_be_found_by_the_digest_of_each_value(staff: User, sandbox: SandboxServer) -> None:
    submission = submit(staff)
    stored = {(row.kind, row.digest) for row in SubmissionDigest.objects.filter(submission=submission)}
    assert stored == {
        (DigestKind.EMAIL, search_digest(DigestKind.EMAIL, "AOIFE.zed@EXAMPLE.com")),
        (DigestKind.EMAIL, search_digest(DigestKind.EMAIL, " aoife@example.org")),
        (DigestKind.PHONE, search_digest(DigestKind.PHONE, "085 123 4567")),
        (DigestKind.PHONE, search_digest(DigestKind.PHONE, "00 353 161123345")),
        (DigestKind.PASSPORT, search_digest(DigestKind.PASSPORT, "pz4a9565")),
        (DigestKind.IDENTIFIER, search_digest(DigestKind.IDENTIFIER, "PS-77-Zaphod")),
        (DigestKind.IDENTIFIER, search_digest(DigestKind.IDENTIFIER, "LP-42-Zaphod")),
        (DigestKind.LAST_NAME, search_digest(DigestKind.LAST_NAME, "O’BEEBLEBROX ")),
    }
    assert submission.content_digest == content_digest(SAMPLE_ORDER.upper(), FULL)


# --- Not created ----------------------------------------------------------------------------------
@pytest.mark.sql("repeated")
def test_after_the_deadline_nothing_is_sent(staff: User, sandbox: SandboxServer, settings: Settings) -> None:
    settings.CDP_TOTAL_TIMEOUT = settings.CDP_READ_TIMEOUT = settings.CDP_CONNECT_TIMEOUT = 0.2
    submission = submit(staff, client=client_that(before=lambda: time.sleep(0.3)))
    assert (submission.outcome, submission.error_code) == (Outcome.NOT_SENT, "deadline_passed")
    assert creates(sandbox) == []
    [event] = events("consumer.not_sent")
    assert event.details == {"error_code": "deadline_passed", "duration_ms": submission.duration_ms}


@pytest.mark.sql("repeated")
def test_refused_connection_sends_nothing(staff: User, sandbox: SandboxServer) -> None:
    sandbox.stop()
    submission = submit(staff)
    assert (submission.outcome, submission.error_code) == (Outcome.NOT_SENT, "connect_refused")
    assert submission.http_status is None
    assert actions_of(submission) == ["consumer.create_requested", "consumer.not_sent"]


def test_submission_that_cannot_be_stored_is_not_sent(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(_event: object) -> int:
        raise DatabaseError("disk full")

    monkeypatch.setattr(submitting, "record", full_disk)
    with pytest.raises(submitting.NotWritten):
        submit(staff)
    assert creates(sandbox) == []
    assert not Submission.objects.exists()
    assert not SubmissionDigest.objects.exists()


# --- Again ----------------------------------------------------------------------------------------
@pytest.mark.sql("repeated")
def test_same_form_again_returns_the_same_submission(staff: User, sandbox: SandboxServer) -> None:
    token = uuid.uuid4()
    first = submit(staff, token=token)
    again = submit(staff, token=token)
    assert again == first
    assert len(creates(sandbox)) == 1
    [event] = events("submission.repeat_blocked")
    assert event.details == {"why": "same_form_again"}
    assert event.submission == str(first.public_id)


@pytest.mark.sql("repeated")
def test_same_form_with_another_entry_is_stopped(staff: User, sandbox: SandboxServer) -> None:
    token = uuid.uuid4()
    first = submit(staff, token=token)
    with pytest.raises(TokenUsed) as stop:
        submit(staff, clean(), token=token)
    assert stop.value.submission == first
    assert len(creates(sandbox)) == Submission.objects.count() == 1
    assert events("submission.repeat_blocked")[0].details == {"why": "form_used_for_another_entry"}


@pytest.mark.sql("repeated")
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL stores bytes only")
def test_same_form_is_stopped_if_the_digest_of_its_submission_is_no_bytes(
    staff: User, sandbox: SandboxServer
) -> None:
    token = uuid.uuid4()
    submit(staff, token=token)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consumers_submission SET content_digest = 'altered text'")
    with pytest.raises(TokenUsed):
        submit(staff, token=token)
    assert len(creates(sandbox)) == 1


@pytest.mark.sql("repeated")
def test_form_does_not_lead_another_person_to_the_first_persons_submission(
    staff: User, sandbox: SandboxServer
) -> None:
    token = uuid.uuid4()
    submit(staff, token=token)
    with pytest.raises(TokenUsed):
        submit(make_person("sid", "staff"), token=token)
    assert len(creates(sandbox)) == 1


@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
def test_identical_consumer_that_may_exist_is_never_sent_again(
    staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    earlier = store(staff, outcome)
    everything = frozenset({"similar_consumer", f"similar_consumer:{earlier.public_id}"})
    with pytest.raises(IdenticalOpen) as stop:
        submit(make_person("sid", "staff"), order_ref=SAMPLE_ORDER.upper(), accepted=everything)
    assert stop.value.submission == earlier
    assert creates(sandbox) == []
    assert Submission.objects.count() == 1
    assert events("submission.repeat_blocked")[0].details == {"why": "identical_one_is_open"}


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED])
def test_identical_consumer_that_does_not_exist_is_sent(
    staff: User, sandbox: SandboxServer, outcome: Outcome
) -> None:
    earlier = store(staff, outcome)
    submission = submit(staff, resubmission_of=earlier)
    assert submission.outcome == Outcome.CREATED
    assert submission.resubmission_of == earlier
    [event] = events("consumer.create_requested")
    assert event.details["resubmission_of"] == str(earlier.public_id)


@pytest.mark.sql("repeated")
def test_same_consumer_on_another_order_is_sent(staff: User, sandbox: SandboxServer) -> None:
    store(staff, Outcome.UNKNOWN, order=FAULT_ORDERS["slow"])
    assert submit(staff).outcome == Outcome.CREATED


# --- Concurrent submissions -----------------------------------------------------------------------
WRITERS = 4


def _all_at_once(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[int], Submission]
) -> list[Submission | NotSubmitted]:
    """Make every thread check first, find nothing blocking, and only then let any of them write."""
    barrier = threading.Barrier(WRITERS, timeout=BOUND)
    write_before = submitting._store_submission

    def together(*args: Any, **named: Any) -> Any:
        barrier.wait()
        return write_before(*args, **named)

    def run(number: int) -> Submission | NotSubmitted:
        try:
            return work(number)
        except NotSubmitted as stop:
            return stop
        finally:
            connection.close()

    monkeypatch.setattr(submitting, "_store_submission", together)
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS), timeout=BOUND))


def test_same_form_sent_concurrently_is_one_call(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = uuid.uuid4()
    client = client_that(after=lambda: time.sleep(0.3))
    ends = _all_at_once(monkeypatch, lambda _number: submit(staff, token=token, client=client))
    assert len(creates(sandbox)) == 1
    assert {end.pk if isinstance(end, Submission) else end for end in ends} == {Submission.objects.get().pk}
    assert len(events("submission.repeat_blocked")) == WRITERS - 1


def test_same_form_with_several_concurrent_entries_is_one_call(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = uuid.uuid4()
    client = client_that(after=lambda: time.sleep(0.3))
    ends = _all_at_once(
        monkeypatch,
        lambda number: submit(staff, clean(last_name=f"Clean{number}"), token=token, client=client),
    )
    assert len(creates(sandbox)) == Submission.objects.count() == 1
    assert sorted(type(end).__name__ for end in ends) == ["Submission"] + ["TokenUsed"] * (WRITERS - 1)


def test_same_consumer_sent_concurrently_by_several_people_is_one_call(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_that(after=lambda: time.sleep(0.3))
    ends = _all_at_once(monkeypatch, lambda _number: submit(staff, client=client))
    assert len(creates(sandbox)) == Submission.objects.count() == 1
    assert sum(isinstance(end, Submission) for end in ends) == 1
    assert all(isinstance(end, (Submission, IdenticalOpen, NotConfirmed)) for end in ends)


@pytest.mark.parametrize("other", [FULL, clean(first_name=FULL.first_name, last_name=FULL.last_name)])
def test_consumer_created_between_check_and_write_is_detected(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, other: NewConsumer
) -> None:
    write_before = submitting._store_submission

    def store_after_a_competitor(*args: Any, **named: Any) -> Any:
        monkeypatch.setattr(submitting, "_store_submission", write_before)
        submit(staff, other)
        return write_before(*args, **named)

    monkeypatch.setattr(submitting, "_store_submission", store_after_a_competitor)
    with pytest.raises(NotConfirmed) as stop:
        submit(staff)
    assert [warning.submission for warning in stop.value.warnings] == [Submission.objects.get()]
    assert len(creates(sandbox)) == 1


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_of_two_similar_consumers_at_the_same_moment_one_needs_a_confirmation(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = list[Future[Submission]]()

    def send_another() -> Submission:
        try:
            return submit(staff, replace(FULL, passport_number="PZ4A9566"))
        finally:
            connection.close()

    def while_the_other_is_submitted(*args: Any, **named: Any) -> Any:
        found = find_warnings(*args, **named)
        if not others:
            others.append(pool.submit(send_another))
            assert wait_for(lambda: is_a_transaction_waiting() or others[0].done(), BOUND)
        return found

    monkeypatch.setattr(submitting, "find_warnings", while_the_other_is_submitted)
    with ThreadPoolExecutor(1) as pool:
        submission = submit(staff)
    with pytest.raises(NotConfirmed) as stop:
        others[0].result()
    assert [warning.submission for warning in stop.value.warnings] == [submission]
    assert len(creates(sandbox)) == 1


# --- Late answers ---------------------------------------------------------------------------------
def _resolve_as(supervisor: User, outcome: Outcome, consumer_ref: str = "") -> Callable[[], None]:
    def resolve() -> None:
        row = Submission.objects.get()
        Submission.objects.filter(pk=row.pk).update(
            outcome=Outcome.UNKNOWN, error_code="process_lost", finished_at=row.submitted_at
        )
        resolution.resolve(
            row,
            outcome=outcome,
            reason=ResolutionReason.VENDOR_CONFIRMED,
            note="",
            actor=acting(supervisor),
            consumer_ref=consumer_ref,
        )
        connection.close()

    return resolve


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("", {"answer_outcome": "created", "http_status": 200}),
        ("401", {"answer_outcome": "rejected", "http_status": 401}),
        ("500_after", {"answer_outcome": "unknown", "http_status": 500}),
    ],
)
@pytest.mark.parametrize("reference", ["", REF], ids=["not created", "created"])
def test_contradicting_answer_after_resolving_changes_no_outcome_but_is_recorded(
    staff: User, sandbox: SandboxServer, fault: str, answer: dict[str, object], reference: str
) -> None:
    supervisor = make_person("sue", "supervisor")
    resolved = Outcome.CREATED if reference else Outcome.NOT_CREATED
    if fault:
        sandbox.sandbox.faults.arm(Armed(fault))
    submission = submit(staff, client=client_that(after=_resolve_as(supervisor, resolved, reference)))
    row = Submission.objects.get()
    assert row == submission
    assert (row.outcome, row.consumer_ref, row.http_status) == (resolved, reference, None)
    assert (row.resolved_by, row.duration_ms, row.encrypted_answer) == (supervisor, None, b"")
    [late] = events("consumer.late_answer")
    assert {key: value for key, value in late.details.items() if key != "duration_ms"} == answer
    created = sandbox.sandbox.consumers(SAMPLE_ORDER)
    assert late.consumer_ref == (created[0].ref if answer["answer_outcome"] == "created" else None)
    assert events("consumer.created") == events("consumer.rejected") == []


def test_missing_answer_after_resolving_is_no_late_answer(staff: User, sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.arm(Armed("reset_before"))
    resolve = _resolve_as(make_person("sue", "supervisor"), Outcome.NOT_CREATED, "")
    assert submit(staff, client=client_that(after=resolve)).outcome == Outcome.NOT_CREATED
    assert events("consumer.late_answer") == []


def test_answer_after_the_worker_gave_up_becomes_the_outcome(staff: User, sandbox: SandboxServer) -> None:
    def give_up() -> None:
        long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        Submission.objects.update(deadline=long_ago)
        assert resolution.mark_stuck_unknown(Actor.system("worker")) == 1
        connection.close()

    submission = submit(staff, client=client_that(after=give_up))
    assert (submission.outcome, submission.error_code) == (Outcome.CREATED, "")
    assert actions_of(submission) == [
        "consumer.create_requested",
        "consumer.outcome_unknown",
        "consumer.created",
    ]


# --- Warnings -------------------------------------------------------------------------------------
@pytest.mark.sql("repeated")
def test_nothing_is_stored_or_sent_until_every_warning_is_accepted(
    staff: User, sandbox: SandboxServer
) -> None:
    odd = clean(emails=(), phone_numbers=("reception",))
    keys = frozenset(warning.key for warning in find_warnings(SAMPLE_ORDER, odd))
    [of_phone] = keys - {"no_matching_identity"}
    for accepted in (
        (),
        ("no_matching_identity",),
        (of_phone, "similar_consumer"),
        ("phone_number_not_read",),
    ):
        with pytest.raises(NotConfirmed) as stop:
            submit(staff, odd, accepted=frozenset(accepted))
        assert {warning.key for warning in stop.value.warnings} == keys
    assert not Submission.objects.exists()
    assert creates(sandbox) == []
    assert submit(staff, odd, accepted=keys).consumer == odd
    [event] = events("consumer.create_requested")
    assert event.details["overridden"] == ["no_matching_identity", "phone_number_not_read"]
