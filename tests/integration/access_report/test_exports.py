"""Whether an export showed a submission: its filters, its bounds, and changes meanwhile."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from django.test import Client

from apps.accounts.models import User
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.consumers import recording, searches, selectors
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_FOUND_LATE,
    CONSUMER_LATE_ANSWER,
    CONSUMER_OUTCOME_UNKNOWN,
    CONSUMER_RESOLVED,
    SUBMISSION_VIEWED,
)
from apps.consumers.models import (
    DigestKind,
    Outcome,
    RecordedSearch,
    ShownRange,
    Submission,
    SubmissionDigest,
)
from apps.core.actor import Actor
from apps.core.references import spellings
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import FailureCode, Progress
from apps.history.models import Export
from apps.history.selection import SubmissionFilter
from apps.privacy.exports import COMPARED, Uncertainty
from apps.privacy.verdicts import AccessVerdict
from tests.support.access_report import change, export, exported, finish, of, verdicts
from tests.support.entries import FULL, REF, clean, resolved_by, store
from tests.support.people import acting, events
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db(transaction=True)


def test_export_with_filters_that_match_showed_it(one: Submission, supervisor: User) -> None:
    export(supervisor, finish)
    same = {"outcomes": (Outcome.UNKNOWN,), "person": str(one.actor_id), "order_ref": one.order_ref}
    export(supervisor, finish, same)
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)] * 2


@pytest.mark.parametrize("column", ["order_ref", "consumer_ref", "guest_ref"])
@pytest.mark.parametrize("stored", [REF, REF.upper(), REF.replace("-", "")])
def test_export_for_a_reference_in_another_spelling_showed_it(
    one: Submission, supervisor: User, column: str, stored: str
) -> None:
    columns = {"outcome": Outcome.CREATED, "error_code": "", "consumer_ref": REF, column: stored}
    Submission.objects.filter(pk=one.pk).update(**columns)
    for asked in (REF, REF.upper(), REF.replace("-", "")):
        export(supervisor, finish, {column: asked})
    assert {one.rows_expected for one in Export.objects.all()} == {1}
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)] * 3


@pytest.mark.parametrize("column", ["order_ref", "consumer_ref", "guest_ref"])
@pytest.mark.parametrize("compared", [spellings, lambda ref: (ref.lower(),)], ids=["now", "before"])
def test_export_for_another_spelling_is_an_uncertainty_between_its_bounds(
    staff: User,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    compared: Callable[[str], tuple[str, ...]],
) -> None:
    """Earlier versions of the portal did not select it, and no event says which version made the file."""
    made = []
    for spelling in (REF, REF.replace("-", ""), REF.upper(), REF):
        columns: dict[str, Any] = {"consumer_ref": str(uuid.uuid4()), column: spelling}
        made.append(store(staff, Outcome.CREATED, **columns))
        with transaction.atomic():
            record(recording.event_of(CONSUMER_CREATE_REQUESTED, made[-1], acting(staff)))
    monkeypatch.setattr("apps.history.selection.spellings", compared)
    export(supervisor, finish, {column: REF})
    uncertain = (AccessVerdict.POSSIBLE, Uncertainty.OTHER_SPELLING)
    showed = (AccessVerdict.SHOWED, None)
    assert [verdicts(one) for one in made] == [[showed], [uncertain], [showed], [showed]]


@pytest.mark.parametrize(
    "asked", [{"outcomes": (Outcome.CREATED,)}, {"person": "0"}, {"order_ref": "x-1"},
              {"consumer_ref": "x-1"}, {"reason": "busy"}, {"answered_from": 5}]
)  # fmt: skip
def test_export_with_filters_that_do_not_match_is_not_in_the_report(
    one: Submission, supervisor: User, asked: dict[str, Any]
) -> None:
    export(supervisor, finish, asked)
    assert verdicts(one) == []


def test_export_of_a_list_showed_the_submissions_of_the_list_only(staff: User, supervisor: User) -> None:
    batch = uuid.uuid4()
    made = [store(staff, Outcome.REJECTED, batch=of, batch_row=1) for of in (batch, uuid.uuid4(), batch)]
    export(supervisor, finish, {"batch": batch})
    assert [verdicts(one) for one in made] == [
        [(AccessVerdict.SHOWED, None)],
        [],
        [(AccessVerdict.SHOWED, None)],
    ]


@pytest.mark.sql("repeated")
def test_each_filter_of_an_export_is_compared() -> None:
    names = {one.name for one in dataclasses.fields(SubmissionFilter)} - {"search"}  # its kinds are named
    assert {*names, *DigestKind} == COMPARED


@pytest.mark.sql("repeated")
def test_filter_that_is_not_compared_is_an_uncertainty(
    one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(supervisor, finish, {"order_ref": one.order_ref})
    monkeypatch.setattr("apps.privacy.exports.COMPARED", COMPARED - {"order_ref"})
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.NOT_RECORDED)]


def test_outcome_that_changed_since_is_the_one_of_the_export(one: Submission, supervisor: User) -> None:
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN,)})
    export(supervisor, finish, {"reason": "read_timeout"})
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=REF, error_code="")
    with transaction.atomic():
        record(recording.event_of(SUBMISSION_VIEWED, one, acting(supervisor)))
    change(one, supervisor)
    showed = (AccessVerdict.SHOWED, None)
    assert verdicts(one) == [showed, (AccessVerdict.POSSIBLE, Uncertainty.CHANGED_SINCE), showed]


@pytest.mark.parametrize(
    ("event_type", "facts", "is_unknown"),
    [
        (CONSUMER_FOUND_LATE, {}, True),
        (CONSUMER_LATE_ANSWER, {"answer_outcome": "created"}, True),
        (CONSUMER_LATE_ANSWER, {"answer_outcome": "rejected"}, False),
    ],
)
def test_contradicted_absence_is_unknown_to_an_export(
    one: Submission, supervisor: User, event_type: EventType, facts: dict[str, str], is_unknown: bool
) -> None:
    Submission.objects.update(outcome=Outcome.NOT_CREATED, **resolved_by(supervisor), contradicted=is_unknown)
    resolved = {"outcome": "not_created"}
    for recorded_type, data in ((CONSUMER_RESOLVED, resolved), (event_type, facts)):
        with transaction.atomic():
            record(recording.event_of(recorded_type, one, acting(supervisor), **data))
    for outcome in (Outcome.UNKNOWN, Outcome.NOT_CREATED):
        export(supervisor, finish, {"outcomes": (outcome,)})
    expected = [int(is_unknown), int(not is_unknown)]
    assert [made.rows_expected for made in Export.objects.order_by("pk")] == expected
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)]


@pytest.mark.parametrize("is_earlier_version", [False, True])
def test_export_of_one_outcome_of_a_contradicted_absence_is_an_uncertainty_between_its_bounds(
    staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch, is_earlier_version: bool
) -> None:
    """Earlier versions of the portal selected by the stored outcome."""
    made = []
    for number, is_absent in enumerate((False, True, True, False)):
        outcome = Outcome.NOT_CREATED if is_absent else Outcome.UNKNOWN
        columns = resolved_by(supervisor) if is_absent else {}
        made.append(store(staff, outcome, clean(first_name=f"Number {number}"), **columns))
        with transaction.atomic():
            record(recording.event_of(CONSUMER_CREATE_REQUESTED, made[-1], acting(staff)))
            record(recording.event_of(CONSUMER_OUTCOME_UNKNOWN, made[-1], acting(staff)))
            if is_absent:
                resolved = recording.event_of(
                    CONSUMER_RESOLVED, made[-1], acting(supervisor), outcome=outcome.value
                )
                record(resolved)
    with transaction.atomic():
        record(recording.event_of(CONSUMER_FOUND_LATE, made[1], acting(supervisor)))
    Submission.objects.filter(pk=made[1].pk).update(contradicted=True)
    if is_earlier_version:
        monkeypatch.setattr(selectors, "outcome_conditions", lambda outcome: (Q(outcome=outcome),))
        monkeypatch.setattr(selectors, "has_outcome", lambda outcomes: Q(outcome__in=outcomes))
    uncertain, showed = (AccessVerdict.POSSIBLE, Uncertainty.TWO_OUTCOMES), (AccessVerdict.SHOWED, None)
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN,)})
    assert [verdicts(one) for one in made] == [[showed], [uncertain], [], [showed]]
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN, Outcome.NOT_CREATED)})
    assert verdicts(made[1]) == [uncertain, showed]


@pytest.mark.sql("repeated")
def test_change_while_a_file_is_written_is_an_uncertainty(one: Submission, supervisor: User) -> None:
    def end(made: Any, actor: Actor) -> None:
        change(one, supervisor)
        finish(made, actor)

    export(supervisor, end, {"outcomes": (Outcome.CREATED,)})
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.WHILE_WRITTEN)]


@pytest.mark.sql("repeated")
def test_submission_while_a_file_is_written_is_an_uncertainty_and_after_it_none(
    supervisor: User, staff: User
) -> None:
    late: list[Submission] = []

    def end(made: Any, actor: Actor) -> None:
        for ended in (False, True):
            if ended:
                finish(made, actor)
            late.append(store(staff, Outcome.REJECTED))
            with transaction.atomic():
                record(recording.event_of(CONSUMER_CREATE_REQUESTED, late[-1], acting(staff)))

    export(supervisor, end)
    assert [verdicts(one) for one in late] == [[(AccessVerdict.POSSIBLE, Uncertainty.WHILE_WRITTEN)], []]


@pytest.mark.sql("repeated")
def test_file_that_was_not_completed_is_an_uncertainty(one: Submission, supervisor: User) -> None:
    export(supervisor, None)
    export(supervisor, lambda made, actor: lifecycle.fail(made, FailureCode.READER_GONE, Progress(), actor))
    export(supervisor, lifecycle.cancel)
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.NOT_COMPLETED)] * 3


def test_erased_person_is_an_uncertainty_of_an_export_of_a_search(
    one: Submission, as_supervisor: Client, supervisor: User
) -> None:

    search = recorded(supervisor, passport=FULL.passport_number)

    export(supervisor, finish, {"search": searches.find(search.public_id)})
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)]
    SubmissionDigest.objects.all().delete()
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.ERASED)]
    RecordedSearch.objects.update(encrypted_values=b"")
    assert verdicts(one) == [(AccessVerdict.POSSIBLE, Uncertainty.SEARCH_GONE)]


def test_ranges_of_every_width_are_found(one: Submission, supervisor: User) -> None:
    """The index finds each range that contains a submission, wherever the range begins and however wide."""
    pk = one.pk
    for seq, (first, last) in enumerate(
        (max(pk - before, 0), pk + after)
        for before in (0, 1, 2, 7, 64, 5000)
        for after in (0, 1, 3, 100, 900)
    ):
        recording.index_range(seq + 1, first, last, owner=one.actor_id if seq % 2 else 0)
    assert len(of(one).candidates.all()) == ShownRange.objects.count() == 30
    ShownRange.objects.all().delete()
    recording.index_range(1, pk + 1, pk + 50)
    recording.index_range(2, 0, max(pk - 1, 0))
    recording.index_range(3, pk, pk, owner=one.actor_id + 1)
    assert of(one).candidates.all() == []


def test_change_between_the_selection_and_the_start_is_an_uncertainty(
    one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounds of the selected rows say nothing of a submission that came to match after they were read."""
    made = exported(supervisor, SubmissionFilter(reason="read_timeout"))
    Submission.objects.update(error_code="busy")
    reserve = lifecycle._start_in_free_slot

    def change_first(*arguments: Any) -> None:
        change(one, supervisor, error_code="read_timeout")
        reserve(*arguments)

    monkeypatch.setattr(lifecycle, "_start_in_free_slot", change_first)
    lifecycle.start(made, acting(supervisor))
    finish(made, acting(supervisor))
    [started] = events("export.started")
    assert started.details["expected"] == 0
    assert verdicts(one) == [(AccessVerdict.SHOWED, None)]


@pytest.mark.sql("repeated")
def test_row_outside_the_bounds_was_not_in_the_file_whatever_the_event_does_not_say(
    one: Submission, supervisor: User
) -> None:
    export(supervisor, finish, {"reason": "busy"})
    change(one, supervisor)
    assert verdicts(one) == []
