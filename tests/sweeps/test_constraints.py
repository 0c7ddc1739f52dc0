"""Every named constraint is violated once, by writing directly to the database."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from apps.accounts.models import User
from apps.batches.models import Batch, BatchRow, BatchState
from apps.consumers.models import (
    MAX_IDENTITY_RULES,
    CircuitBreaker,
    ConnectionHealth,
    DigestKind,
    Draft,
    IdentityRule,
    OrderReading,
    Outcome,
    PasteColumns,
    PastResolution,
    RecordedSearchDigest,
    ShownKey,
    ShownRange,
    Submission,
    SubmissionDigest,
)
from apps.history.models import Export, PeriodTotals, SavedView, State
from apps.notices.models import Delivery, Notice
from tests.support.batch_sending import stored_batch
from tests.support.entries import REF, clean, resolved_by, store
from tests.support.export_rows import stored
from tests.support.people import make_person
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 7, tzinfo=datetime.UTC)


def _person() -> User:
    return User.objects.filter(username="sam").first() or make_person("sam", "staff")


def _view(**columns: Any) -> None:
    SavedView.objects.create(**{"name": "A", "query": {}, "columns": [], **columns})


def _two_views(second: str = "A", **columns: Any) -> None:
    _view(**columns)
    _view(name=second, **columns)


def _notice(**columns: Any) -> Notice:
    return Notice.objects.create(**{"cause": "a", "key": "b", "path": "/", "opened_at": NOW, **columns})


def _delivery(**columns: Any) -> Delivery:
    sound = {"channel": "mail", "about": "opened", "created_at": NOW, "due_at": NOW}
    notice = columns.pop("notice", None) or _notice()
    return Delivery.objects.create(**{**sound, "notice": notice, **columns})


def _two_deliveries() -> None:
    first = _delivery()
    _delivery(notice=first.notice)


def _turn(was: Outcome, /, **columns: Any) -> None:
    """Store a valid submission of that outcome, then write these columns directly."""
    submission = store(_person(), was)
    Submission.objects.filter(pk=submission.pk).update(**columns)


def _resolved_not_created(**columns: Any) -> None:
    _turn(Outcome.NOT_CREATED, **columns)


def _past(**columns: Any) -> None:
    submission = store(_person(), Outcome.NOT_CREATED)
    base = {**resolved_by(_person()), "replaced_at": NOW, "outcome": "not_created", "consumer_ref": ""}
    names = {field.name for field in PastResolution._meta.fields}
    sound = {name: value for name, value in {**base, **columns}.items() if name in names}
    PastResolution.objects.create(submission=submission, **sound)


def _totals(ends: datetime.datetime = NOW + datetime.timedelta(days=1), times: int = 1) -> None:
    for _ in range(times):
        PeriodTotals.objects.create(begins=NOW, ends=ends, by_person="", by_group="")


def _columns_twice() -> None:
    for _ in range(2):
        PasteColumns.objects.create(person=_person(), column_count=2, targets=["first_name", "last_name"])


def _finished_with_values() -> None:
    Draft.objects.create(
        person=_person(),
        page=uuid.uuid4(),
        version=1,
        saved_at=NOW,
        is_finished=True,
        encrypted_values=b"x",
    )


def _open_twice() -> None:
    store(_person(), Outcome.SENDING)
    store(_person(), Outcome.UNKNOWN)


def _claimed_twice() -> None:
    for name in ("One", "Two"):
        store(_person(), Outcome.CREATED, clean(last_name=name), **resolved_by(_person()))


def _claimed_in_other_letters() -> None:
    store(_person(), Outcome.CREATED, clean(last_name="One"), **resolved_by(_person()))
    upper = {**resolved_by(_person()), "consumer_ref": REF.upper()}
    store(_person(), Outcome.CREATED, clean(last_name="Two"), **upper)


def _digest(kind: str) -> None:
    submission = store(_person(), Outcome.CREATED)
    for _ in range(2):
        SubmissionDigest.objects.create(submission=submission, kind=kind, digest=b"d" * 32)


def _shown_range(first: int, last: int) -> object:
    return ShownRange.objects.create(seq=1, level=1, first=first, last=last)


def _shown_key(key: str) -> object:
    for _time in range(2):
        made = ShownKey.objects.create(seq=1, key=key)
    return made


def _search_digest(kind: str) -> None:
    search = recorded(_person(), email="ida@example.com")
    for _ in range(2):
        RecordedSearchDigest.objects.create(search=search, kind=kind, digest=b"d" * 32)


def _rule(**columns: Any) -> None:
    IdentityRule.objects.create(**{"name": "Profile", "provider": "ProfileSystem", "priority": 1, **columns})


def _export(was: State, /, **columns: Any) -> None:
    """Store a valid export in that state, then write these columns directly."""
    export = stored(_person(), was)
    Export.objects.filter(pk=export.pk).update(**columns)


def _two_in_one_slot() -> None:
    for _ in range(2):
        stored(_person(), State.RUNNING)


def _batch(was: BatchState = BatchState.CHECKED, /, **columns: Any) -> None:
    """Store a valid batch in that state, then write these columns directly."""
    batch = stored_batch(_person(), was)
    Batch.objects.filter(pk=batch.pk).update(**columns)


def _row(**columns: Any) -> None:
    batch = stored_batch(_person(), BatchState.CHECKED)
    BatchRow.objects.create(**{"batch": batch, "number": 2, **columns})


def _two_rows() -> None:
    batch = stored_batch(_person(), BatchState.CHECKED)
    for _ in range(2):
        BatchRow.objects.create(batch=batch, number=2)


def _two_leases(order: str = REF) -> None:
    for ref in (REF, order):
        _batch(order_ref=ref, lease=uuid.uuid4(), leased_until=NOW)


Break = Callable[[], object]
BREAKS: dict[str, list[Break]] = {
    "submission_outcome_is_known": [lambda: _turn(Outcome.REJECTED, outcome="lost", error_code="")],
    "submission_same_content_open_once": [_open_twice],
    "submission_claimed_reference_once": [_claimed_twice, _claimed_in_other_letters],
    "submission_late_reference_after_resolution": [
        lambda: _turn(Outcome.CREATED, late_consumer_ref=REF),
        lambda: _turn(Outcome.CREATED, late_outcome="rejected"),
        lambda: _turn(Outcome.CREATED, contradicted=True),
    ],
    "submission_finished_unless_sending": [
        lambda: _turn(Outcome.SENDING, finished_at=NOW),
        lambda: _turn(Outcome.CREATED, finished_at=None),
        lambda: _turn(Outcome.UNKNOWN, finished_at=None),
    ],
    "submission_reference_exactly_when_created": [
        lambda: _turn(Outcome.CREATED, consumer_ref=""),
        lambda: _turn(Outcome.REJECTED, consumer_ref=REF),
        lambda: _turn(Outcome.UNKNOWN, consumer_ref=REF),
        lambda: _turn(Outcome.SENDING, consumer_ref=REF),
    ],
    "submission_failure_says_why": [
        lambda: _turn(Outcome.REJECTED, error_code=""),
        lambda: _turn(Outcome.NOT_SENT, error_code=""),
        lambda: _turn(Outcome.UNKNOWN, error_code=""),
    ],
    "submission_rejected_by_an_answer": [lambda: _turn(Outcome.REJECTED, http_status=None)],
    "submission_not_sent_has_no_answer": [lambda: _turn(Outcome.NOT_SENT, http_status=400)],
    "submission_resolved_completely": [
        lambda: _resolved_not_created(resolved_at=None),
        lambda: _resolved_not_created(resolved_by=None),
        lambda: _resolved_not_created(resolution_reason=""),
        lambda: _turn(Outcome.UNKNOWN, **resolved_by(_person())),
        lambda: _turn(Outcome.REJECTED, **resolved_by(_person())),
        lambda: _turn(Outcome.CREATED, resolved_at=NOW),
        lambda: _turn(Outcome.CREATED, resolution_reason="other"),
        lambda: _turn(Outcome.CREATED, resolved_by=_person()),
        lambda: _turn(Outcome.CREATED, **{**resolved_by(_person()), "resolved_how": "by_magic"}),
        lambda: _resolved_not_created(resolved_how="by_reconciliation", resolution_reason=""),
        lambda: _turn(Outcome.CREATED, resolved_how="by_reconciliation"),
    ],
    "submission_read_only_when_marked_created": [
        lambda: _turn(Outcome.CREATED, consumer_read_at=NOW),
        lambda: _resolved_not_created(consumer_read_at=NOW),
    ],
    "past_resolution_reference_exactly_when_created": [
        lambda: _past(outcome="created"),
        lambda: _past(outcome="not_created", consumer_ref=REF),
        lambda: _past(outcome="unknown"),
    ],
    "past_resolution_complete": [
        lambda: _past(resolved_by=None),
        lambda: _past(resolution_reason=""),
        lambda: _past(resolved_how="", resolved_by=None, resolution_reason=""),
        lambda: _past(resolved_how="by_reconciliation", resolution_reason=""),
        *(
            lambda columns=columns: _past(outcome="created", consumer_ref=REF, **columns)
            for columns in (
                {"resolved_how": ""},
                {"resolved_how": "", "resolved_by": None},
                {"resolved_how": "", "resolution_reason": ""},
                {"resolved_how": "by_reconciliation"},
                {"resolved_how": "by_magic"},
            )
        ),
    ],
    "past_resolution_read_only_when_marked_created": [
        lambda: _past(consumer_read_at=NOW),
        *(
            lambda how=how: _past(
                outcome="created",
                consumer_ref=REF,
                resolved_how=how,
                resolved_by=None,
                resolution_reason="",
                consumer_read_at=NOW,
            )
            for how in ("", "by_reconciliation")
        ),
    ],
    "submission_of_a_batch_names_its_row": [
        lambda: _turn(Outcome.CREATED, batch=uuid.uuid4()),
        lambda: _turn(Outcome.CREATED, batch_row=2),
    ],
    "submission_not_created_is_resolved": [
        lambda: _resolved_not_created(
            resolved_how="", resolved_at=None, resolved_by=None, resolution_reason=""
        ),
    ],
    "submission_taken_completely": [
        lambda: _turn(Outcome.UNKNOWN, taken_at=NOW),
        lambda: _turn(Outcome.UNKNOWN, taken_by=_person()),
        lambda: _turn(Outcome.UNKNOWN, taken_by_name="Sam"),
    ],
    "submission_check_due_only_while_unknown": [
        lambda: _turn(Outcome.CREATED, next_check_at=NOW),
        lambda: _turn(Outcome.SENDING, next_check_at=NOW),
    ],
    "submission_doubted_only_where_created": [
        lambda: _turn(Outcome.UNKNOWN, doubt_code="known_before"),
        lambda: _turn(Outcome.CREATED, doubt_code="odd"),
        lambda: _turn(Outcome.CREATED, doubt_code="claimed", **resolved_by(_person())),
    ],
    "order_reading_is_whole_only_with_consumers": [
        lambda: OrderReading.objects.create(order_key=REF, read_at=NOW, is_whole=True)
    ],
    "submission_list_is_whole_only_where_read": [lambda: _turn(Outcome.CREATED, refs_before_whole=True)],
    "circuit_breaker_is_one_row": [lambda: CircuitBreaker.objects.create(pk=2)],
    "connection_health_is_one_row": [lambda: ConnectionHealth.objects.create(pk=2)],
    "connection_health_refused_with_status": [
        lambda: ConnectionHealth.objects.create(refused_status=401),
        lambda: ConnectionHealth.objects.create(refused_since=NOW),
    ],
    "digest_kind_is_known": [lambda: _digest("shoe_size")],
    "batch_state_is_known": [lambda: _batch(state="lost")],
    "batch_paused_with_a_reason": [
        lambda: _batch(BatchState.PAUSED, pause_reason=""),
        lambda: _batch(pause_reason="fault"),
    ],
    "batch_sent_only_when_confirmed": [
        *(
            lambda state=state, columns=columns: _batch(state, **columns)
            for state in (BatchState.SENDING, BatchState.PAUSED, BatchState.FINISHED)
            for columns in ({"confirmed_by": None}, {"confirmed_at": None})
        ),
    ],
    "batch_due_exactly_while_sending": [
        lambda: _batch(BatchState.SENDING, due_at=None),
        lambda: _batch(due_at=NOW),
    ],
    "batch_lease_has_an_end": [
        lambda: _batch(lease=uuid.uuid4()),
        lambda: _batch(leased_until=NOW),
    ],
    "batch_of_an_order_sent_one_at_a_time": [_two_leases, lambda: _two_leases(REF.upper())],
    "batch_row_number_once": [_two_rows],
    "batch_row_state_is_known": [lambda: _row(state="lost")],
    "batch_row_left_out_by_a_stop": [lambda: _row(left_out_by_stop=True)],
    "batch_row_confirmed_as_it_was": [lambda: _row(confirmed_version=2)],
    "batch_row_already_sent_names_a_submission": [lambda: _row(state="already_sent")],
    "batch_row_ready_with_values": [lambda: _row(state="ready")],
    "draft_is_finished_only_without_values": [_finished_with_values],
    "paste_columns_once": [_columns_twice],
    "digest_once": [lambda: _digest(DigestKind.EMAIL)],
    "search_digest_kind_is_known": [lambda: _search_digest("shoe_size")],
    "shown_range_in_order": [lambda: _shown_range(5, 4)],
    "shown_key_once": [lambda: _shown_key("search:1")],
    "search_digest_once": [lambda: _search_digest(DigestKind.EMAIL)],
    "identity_rule_priority_in_range": [
        lambda: _rule(priority=0),
        lambda: _rule(priority=MAX_IDENTITY_RULES + 1),
    ],
    "export_state_is_known": [
        lambda: _export(State.RUNNING, state="lost", slot=None, beat_at=None),
    ],
    "export_slot_once": [_two_in_one_slot],
    "export_slot_and_beat_while_active": [
        lambda: _export(State.RUNNING, slot=None),
        lambda: _export(State.DELIVERING, slot=0),
        lambda: _export(State.DELIVERING, beat_at=None),
        lambda: _export(State.READY, slot=1),
        lambda: _export(State.FINISHED, slot=1),
    ],
    "export_started_unless_ready": [
        lambda: _export(State.READY, started_at=NOW),
        lambda: _export(State.RUNNING, started_at=None),
    ],
    "export_ended_with_its_time": [
        lambda: _export(State.RUNNING, finished_at=NOW),
        *(
            lambda state=state: _export(state, finished_at=None)
            for state in (State.FINISHED, State.FAILED, State.CANCELLED)
        ),
    ],
    "export_checksum_exactly_when_finished": [
        lambda: _export(State.FINISHED, sha256=""),
        lambda: _export(State.FAILED, sha256="0" * 64),
    ],
    "export_failure_says_why": [
        lambda: _export(State.FAILED, failure_code=""),
        lambda: _export(State.CANCELLED, failure_code="reader_gone"),
    ],
    "export_personal_with_a_reason": [
        lambda: _export(State.READY, personal=True),
        lambda: _export(State.READY, reason="other"),
        lambda: _export(State.READY, encrypted_note=b"x"),
    ],
    "view_of_a_person_or_of_a_role": [
        _view,
        lambda: _view(owner=_person(), role="staff"),
    ],
    "view_name_once_for_a_person": [lambda: _two_views(owner=_person())],
    "view_name_once_for_a_role": [lambda: _two_views(role="staff")],
    "view_default_once_for_a_person": [lambda: _two_views(owner=_person(), second="B", is_default=True)],
    "view_default_once_for_a_role": [lambda: _two_views(role="staff", second="B", is_default=True)],
    "totals_once_for_a_period": [lambda: _totals(times=2)],
    "totals_of_a_period_that_ends": [lambda: _totals(ends=NOW)],
    "view_warns_above_a_number_that_is_counted": [lambda: _view(role="staff", warn_above=1_001)],
    "notice_open_once": [lambda: [_notice() for _ in range(2)]],
    "notice_momentary_once": [
        lambda: [_notice(momentary=True, ended_at=NOW) for _ in range(2)],
    ],
    "notice_momentary_has_ended": [lambda: _notice(momentary=True)],
    "delivery_once_over_a_channel": [_two_deliveries],
    "delivery_channel_is_known": [lambda: _delivery(channel="pigeon")],
    "delivery_is_about_a_side": [lambda: _delivery(about="middle")],
    "delivery_due_exactly_while_waiting": [
        lambda: _delivery(due_at=None),
        lambda: _delivery(finished_at=NOW),
        lambda: _delivery(state="sent"),
        lambda: _delivery(state="given_up", due_at=None),
        lambda: _delivery(state="lost", due_at=None, finished_at=NOW),
    ],
    "identity_rule_is_named": [lambda: _rule(name=""), lambda: _rule(provider="")],
}
CASES = [
    pytest.param(name, break_it, id=f"{name}-{number}")
    for name, breaks in BREAKS.items()
    for number, break_it in enumerate(breaks)
]


def _constraints() -> dict[str, tuple[type[models.Model], models.BaseConstraint]]:
    return {
        constraint.name: (model, constraint)
        for label in ("batches", "consumers", "history", "notices")
        for model in apps.get_app_config(label).get_models()
        for constraint in model._meta.constraints
    }


def test_constraints_and_cases_correspond() -> None:
    assert set(BREAKS) == set(_constraints())


@pytest.mark.parametrize("outcome", list(Outcome))
def test_valid_submission_of_every_outcome_is_accepted(outcome: Outcome) -> None:
    store(_person(), outcome)
    assert Submission.objects.get().outcome == outcome


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"outcome": "created", "consumer_ref": REF, "consumer_read_at": NOW},
        {
            "outcome": "created",
            "consumer_ref": REF,
            "resolved_how": "",
            "resolved_by": None,
            "resolution_reason": "",
        },
        {
            "outcome": "created",
            "consumer_ref": REF,
            "resolved_how": "by_reconciliation",
            "resolution_reason": "",
        },
    ],
    ids=["not created", "created and read", "the vendor's answer", "reconciliation"],
)
def test_valid_past_resolution_is_accepted(columns: dict[str, Any]) -> None:
    _past(**columns)
    assert PastResolution.objects.count() == 1


@pytest.mark.parametrize("state", list(BatchState))
def test_valid_batch_in_every_state_is_accepted(state: BatchState) -> None:
    assert stored_batch(_person(), state).state == state


@pytest.mark.parametrize("state", list(State))
def test_valid_export_in_every_state_is_accepted(state: State) -> None:
    assert stored(_person(), state).state == state


@pytest.mark.parametrize(("name", "break_it"), CASES)
def test_database_enforces_the_constraint(name: str, break_it: Break) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        break_it()
    assert _names(str(refusal.value), name)


def _names(text: str, name: str) -> bool:
    """Whether the database's message names the constraint; SQLite names a unique one by its columns."""
    model, constraint = _constraints()[name]
    if connection.vendor == "sqlite" and isinstance(constraint, models.UniqueConstraint):
        columns = (f"{model._meta.db_table}.{field}" for field in _columns(model, constraint))
        return name in text or text.endswith(", ".join(columns))
    return name in text


def _columns(model: type[models.Model], constraint: models.UniqueConstraint) -> list[str]:
    return [str(model._meta.get_field(field).column) for field in constraint.fields]  # type: ignore[union-attr]  # all are columns


@pytest.mark.parametrize("field", ["public_id", "token"])
def test_unique_fields_are_unique(field: str) -> None:
    first = store(_person(), Outcome.CREATED)
    with pytest.raises(IntegrityError), transaction.atomic():
        store(_person(), Outcome.CREATED, clean(), **{field: getattr(first, field)})


def test_two_rules_cannot_share_a_provider_or_a_priority() -> None:
    _rule()
    for same in ({"provider": "Other"}, {"priority": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            _rule(**same)


def test_repeated_vendor_reference_is_stored_and_claimed_at_most_once() -> None:
    store(_person(), Outcome.CREATED)
    store(_person(), Outcome.CREATED, clean())
    store(_person(), Outcome.CREATED, clean(last_name="Three"), **resolved_by(_person()))
    assert Submission.objects.filter(consumer_ref=REF).count() == 3
