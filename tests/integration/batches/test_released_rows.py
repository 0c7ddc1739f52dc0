"""A row whose content was sent already is released with a reason, unless its consumer may exist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.changing.decisions import release_row
from apps.batches.changing.held_rows import NotPossible, RowChanged
from apps.batches.checking.check import check_batch, recheck
from apps.batches.models import BatchState, ReleaseReason, RowState
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.submit import submit
from apps.consumers.sending.warnings import similar_key
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import (
    IDA,
    KAI,
    batch_of,
    checked,
    findings,
    paused,
    resolve_as_not_created,
    row_of,
    sent_row,
    states,
)
from tests.support.entries import FULL, store
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_row_whose_consumer_was_created_is_released_with_a_reason(
    staff: User, sandbox: SandboxServer
) -> None:
    earlier = store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    assert states(batch) == ["already_sent"]
    row = row_of(batch, 2)
    release_row(batch, row, ReleaseReason.DELETED_IN_CDP, actor=acting(staff))
    assert states(batch) == ["ready"]
    assert (row.earlier, row.similar_reason) == (earlier.public_id, "removed_elsewhere")
    [event] = events("batch.row_released")
    assert event.details == {"batch": str(batch.public_id), "row": 2, "release_reason": "deleted_in_cdp"}
    sent = submit(
        order_ref=batch.order_ref,
        consumer=FULL,
        token=row.token,
        actor=acting(staff),
        client=get_client(),
        accepted=frozenset(row.accepted),
        similar_reason=row.similar_reason,
    )
    assert sent.outcome == Outcome.CREATED


@pytest.mark.sql("new")
def test_release_is_about_one_submission(staff: User) -> None:
    store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    another = store(staff, Outcome.CREATED, FULL, consumer_ref="22222222-2222-4333-8444-555555555555")
    check_batch(batch, client=get_client())
    assert (states(batch), row_of(batch, 2).earlier) == (["already_sent"], another.public_id)


@pytest.mark.sql("new")
@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.CREATED])
def test_release_stays_about_one_submission_however_often_the_row_is_checked(
    outcome: Outcome, staff: User
) -> None:
    released = store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    another = store(staff, outcome, FULL)
    for _check in range(2):
        recheck(batch)
        row = row_of(batch, 2)
        assert (row.current, row.earlier) == ("already_sent", another.public_id)
    assert similar_key(str(released.public_id), "same_identifier") in row.accepted
    assert similar_key(str(another.public_id), "same_identifier") not in row.accepted
    resolve_as_not_created(another, staff)
    recheck(batch)
    assert states(batch) == ["ready"]  # what was decided about the first one still holds


@pytest.mark.sql("new")
def test_release_is_about_the_submission_that_the_person_saw(staff: User) -> None:
    store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    seen = row_of(batch, 2)
    another = store(staff, Outcome.CREATED, FULL)
    with pytest.raises(RowChanged):  # before any check has found the other one
        release_row(batch, seen, ReleaseReason.OTHER, actor=acting(staff))
    assert (states(batch), row_of(batch, 2).earlier) == (["already_sent"], another.public_id)
    with pytest.raises(RowChanged):
        release_row(batch, seen, ReleaseReason.OTHER, actor=acting(staff))
    assert events("batch.row_released") == []
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    assert states(batch) == ["ready"]  # one decision for all that were created before


@pytest.mark.sql("new")
def test_submission_that_turns_out_to_be_created_later_was_not_released(staff: User) -> None:
    older = store(staff, Outcome.NOT_CREATED, FULL)  # contradicted by Sitecore CDP later
    store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    Submission.objects.filter(pk=older.pk).update(outcome=Outcome.CREATED, consumer_ref="r-2")
    recheck(batch)
    assert (states(batch), row_of(batch, 2).earlier) == (["already_sent"], older.public_id)


@pytest.mark.sql("new")
@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
def test_row_whose_consumer_may_exist_is_never_released(outcome: Outcome, staff: User) -> None:
    store(staff, outcome, FULL)
    batch = checked(staff, FULL)
    with pytest.raises(NotPossible, match="open"):
        release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    assert (states(batch), events("batch.row_released")) == (["already_sent"], [])


@pytest.mark.parametrize("outcome", [Outcome.SENDING, Outcome.UNKNOWN])
@pytest.mark.parametrize("by_number", [False, True])
def test_row_whose_earlier_submission_created_nothing_is_to_be_checked_again(
    outcome: Outcome, by_number: bool, staff: User
) -> None:
    old = batch_of(staff, [KAI])
    earlier = sent_row(old, 2, outcome, KAI)
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA if by_number else KAI, FULL, replaces=old if by_number else None, **ended)
    assert states(batch) == ["already_sent", "ready"]
    seen = row_of(batch, 2)
    resolve_as_not_created(earlier, staff)
    assert states(batch) == ["unchecked", "ready"]
    counts = selectors.count_by_state(batch)
    assert (counts[RowState.UNCHECKED], counts[RowState.ALREADY_SENT], sum(counts.values())) == (1, 0, 2)
    with pytest.raises(RowChanged):  # the page still said "already sent": now it is checked
        release_row(batch, seen, ReleaseReason.OTHER, actor=acting(staff))
    assert (states(batch), events("batch.row_released")) == (["ready", "ready"], [])


def test_row_whose_number_was_created_with_other_details_needs_attention(staff: User) -> None:
    old = batch_of(staff, [KAI, IDA])
    other_details = sent_row(old, 2, Outcome.UNKNOWN, KAI)
    same_details = sent_row(old, 3, Outcome.UNKNOWN, IDA)
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, replace(KAI, last_name="Tidy"), IDA, replaces=old, **ended)
    assert states(batch) == ["already_sent", "already_sent"]
    for one in (other_details, same_details):
        resolved = {"outcome": Outcome.CREATED, "consumer_ref": f"r-{one.pk}", "next_check_at": None}
        Submission.objects.filter(pk=one.pk).update(**resolved, finished_at=one.submitted_at)
    assert states(batch) == ["unchecked", "already_sent"]
    assert selectors.going_on(staff.pk) == [batch]
    recheck(batch)
    assert states(batch) == ["attention", "already_sent"]
    assert [warning.text for warning in findings(batch, 2).warnings if warning.code == "row_sent_before"] == [
        "This row of the earlier list was already created, with other details."
    ]


@pytest.mark.sql("new")
def test_released_row_waits_for_an_open_one(staff: User) -> None:
    store(staff, Outcome.CREATED, FULL)
    batch = checked(staff, FULL)
    release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
    open_ = store(staff, Outcome.UNKNOWN, FULL)
    check_batch(batch, client=get_client())
    assert (states(batch), row_of(batch, 2).earlier) == (["already_sent"], open_.public_id)


@pytest.mark.sql("new")
def test_row_that_is_not_already_sent_is_not_released(staff: User) -> None:
    batch = checked(staff, IDA)
    with pytest.raises(NotPossible, match="not_already_sent"):
        release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff))
