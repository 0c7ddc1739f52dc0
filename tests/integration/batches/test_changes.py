"""What a person changes in the rows of a list, and what the state of a row does not allow."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.db.models import F
from django.test import Client

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.changing.decisions import release_row
from apps.batches.changing.held_rows import NotChanged, NotPossible, RowChanged
from apps.batches.changing.rows import correct_row, leave_out, send_again, take_back_in
from apps.batches.changing.shown import AllShown, digest_of_rows
from apps.batches.checking.check import check_batch
from apps.batches.checking.earlier import sent_before
from apps.batches.files.result import read_result
from apps.batches.models import BatchRow, BatchState, ReleaseReason
from apps.batches.presenters.naming import batch_url
from apps.batches.presenters.row_warnings import row_url
from apps.cdp.errors import ErrorCode
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import text
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
    warning_codes,
)
from tests.support.batch_sending import confirmed_batch, people, take_turn
from tests.support.entries import FULL, REF, posted
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

CORRECTABLE = (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED)
NOT_CORRECTABLE = (Outcome.SENDING, Outcome.CREATED, Outcome.UNKNOWN)


def test_corrected_row_is_checked_again(staff: User) -> None:
    batch = checked(staff, posted(IDA, first_name=""), KAI)
    assert states(batch) == ["attention", "ready"]
    row = row_of(batch, 2)
    correct_row(batch, row, posted(IDA, csrfmiddlewaretoken="x"), actor=acting(staff))
    assert states(batch) == ["ready", "ready"]
    assert row.version == 2
    assert findings(batch, 2).errors == ()
    assert "token" not in row.values
    assert "csrfmiddlewaretoken" not in row.values
    assert row.values["emails-0-value"] == "ida@example.com"
    assert row.cells == ("row 2",)


def test_correction_with_an_error_needs_attention(staff: User) -> None:
    batch = checked(staff, IDA)
    correct_row(batch, row_of(batch, 2), posted(IDA, last_name=""), actor=acting(staff))
    assert states(batch) == ["attention"]
    assert [error.field for error in findings(batch, 2).errors] == ["last_name"]


def test_correction_of_a_row_that_changed_since_is_refused(staff: User) -> None:
    batch = checked(staff, IDA)
    seen = row_of(batch, 2)
    correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    with pytest.raises(RowChanged):
        correct_row(batch, seen, posted(FULL), actor=acting(staff))
    assert row_of(batch, 2).values["first_name"] == "Kai"


@pytest.mark.parametrize("outcome", NOT_CORRECTABLE)
def test_row_that_was_sent_is_not_changed(outcome: Outcome, staff: User) -> None:
    batch = checked(staff, IDA)
    sent_row(batch, 2, outcome, IDA)
    stored = BatchRow.objects.values().get(batch=batch)
    changes: tuple[Callable[[], object], ...] = (
        lambda: correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff)),
        lambda: leave_out(batch, [2], actor=acting(staff)),
        lambda: take_back_in(batch, [2], actor=acting(staff)),
        lambda: send_again(batch, [2], actor=acting(staff)),
        lambda: release_row(batch, row_of(batch, 2), ReleaseReason.OTHER, actor=acting(staff)),
    )
    for change in changes:
        with pytest.raises(RowChanged):
            change()
    assert BatchRow.objects.values().get(batch=batch) == stored


def test_row_whose_resolution_is_contradicted_is_unknown_and_not_sent_again(
    staff: User, supervisor: User
) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, **ended)
    submission = sent_row(batch, 2, Outcome.UNKNOWN, IDA)
    resolve_as_not_created(submission, supervisor)
    assert [row.number for row in selectors.rows_for_new_list(batch)] == [2]
    Submission.objects.update(contradicted=True, late_consumer_ref=REF)
    assert states(batch) == ["unknown"]
    assert not selectors.rows_for_new_list(batch).exists()
    assert selectors.has_open_submission(batch)  # it is not erased
    assert sent_before(batch_of(staff, [IDA], replaces=batch), [2]) == {2: submission}
    with pytest.raises(RowChanged):
        send_again(batch, [2], actor=acting(staff))
    with pytest.raises(RowChanged):
        correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))


@pytest.mark.parametrize("is_contradicted", [False, True])
def test_row_that_is_sent_again_corrects_an_absence_that_nothing_contradicts(
    staff: User, supervisor: User, sandbox: SandboxServer, is_contradicted: bool
) -> None:
    batch = confirmed_batch(staff, people(1))
    earlier = sent_row(batch, 2, Outcome.UNKNOWN, *people(1, first=5), token=uuid.uuid4())
    resolve_as_not_created(earlier, supervisor)
    Submission.objects.update(contradicted=is_contradicted)
    take_turn(batch)
    sent = Submission.objects.get(outcome=Outcome.CREATED)
    assert sent.resubmission_of == (None if is_contradicted else earlier)


def test_contradicted_resolution_is_shown_as_unknown_on_the_list_and_in_its_result(
    as_staff: Client, staff: User, supervisor: User
) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, **ended)
    submission = sent_row(batch, 2, Outcome.UNKNOWN, IDA)
    resolve_as_not_created(submission, supervisor)
    Submission.objects.update(contradicted=True, late_consumer_ref=REF, error_code=ErrorCode.READ_TIMEOUT)
    shown = as_staff.get(batch_url(batch)).context["page"].lines
    assert [(one.shape, [problem.shape for problem in one.problems]) for one in shown] == [
        ("unknown", ["unknown"])
    ]
    corrected = batch_of(staff, [IDA], replaces=batch)
    check_batch(corrected, client=get_client())
    assert states(corrected) == ["already_sent"]
    page = text(as_staff.get(row_url(corrected, 2)))
    assert "Unknown" in page
    assert "Not created" not in page
    for one in (batch, corrected):
        [row] = read_result(one, receipt_url=str).rows
        assert "Not created" not in " ".join(row.own)
        assert "Unknown" in " ".join(row.own)


@pytest.mark.parametrize("outcome", CORRECTABLE)
def test_row_without_a_consumer_is_corrected_under_a_new_token(outcome: Outcome, staff: User) -> None:
    batch = checked(staff, IDA)
    before = sent_row(batch, 2, outcome, IDA)
    correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    assert states(batch) == ["ready"]
    assert row_of(batch, 2).token != before.token


@pytest.mark.parametrize("outcome", CORRECTABLE)
def test_row_without_a_consumer_is_sent_again_under_a_new_token(outcome: Outcome, staff: User) -> None:
    batch = checked(staff, IDA, KAI)
    before = sent_row(batch, 2, outcome, IDA)
    send_again(batch, [2], actor=acting(staff))
    assert states(batch) == ["ready", "ready"]
    row = row_of(batch, 2)
    assert (row.token != before.token, row.version) == (True, 2)


@pytest.mark.parametrize("act", [leave_out, take_back_in, send_again])
def test_all_rows_are_changed_only_if_they_are_those_that_were_shown(
    act: Callable[..., list[int]], staff: User
) -> None:
    batch = checked(staff, posted(IDA, first_name=""), posted(KAI, first_name=""))
    if act is take_back_in:
        leave_out(batch, [2, 3], actor=acting(staff))
    if act is send_again:
        for number in (2, 3):
            sent_row(batch, number, Outcome.NOT_SENT, IDA)
    seen = digest_of_rows(selectors.rows_of(batch))
    batch.rows.filter(number=3).update(version=F("version") + 1)  # a correction in another window
    before = states(batch)
    with pytest.raises(NotPossible, match="other_rows"):
        act(batch, AllShown(seen), actor=acting(staff))
    assert states(batch) == before
    now = AllShown(digest_of_rows(selectors.rows_of(batch)))
    assert act(batch, now, actor=acting(staff)) == [2, 3]
    assert states(batch) == ["left_out" if act is leave_out else "attention"] * 2


def test_row_that_was_not_sent_is_not_sent_again(staff: User) -> None:
    batch = checked(staff, IDA)
    with pytest.raises(RowChanged):
        send_again(batch, [2], actor=acting(staff))


def test_rows_left_out_are_not_compared_and_may_come_back(staff: User) -> None:
    batch = checked(staff, FULL, FULL, KAI)
    assert states(batch) == ["ready", "attention", "ready"]
    leave_out(batch, [2], actor=acting(staff))
    assert states(batch) == ["left_out", "ready", "ready"]
    take_back_in(batch, [2], actor=acting(staff))
    assert states(batch) == ["ready", "attention", "ready"]
    with pytest.raises(NotPossible, match="no_such_row"):
        leave_out(batch, [2, 99], actor=acting(staff))
    assert states(batch)[0] == "ready"


def test_rows_of_a_list_that_is_over_or_not_matched_are_not_changed(staff: User) -> None:
    stopped = checked(staff, IDA, **{**paused(staff), "state": BatchState.STOPPED, "pause_reason": ""})
    erased = checked(staff, IDA, erased_at=clock.now())
    matching = batch_of(staff, [IDA], state=BatchState.MATCHING)
    for batch, code in ((stopped, "stopped"), (erased, "erased"), (matching, "not_matched")):
        with pytest.raises(NotPossible, match=code):
            leave_out(batch, [2], actor=acting(staff))
        assert "left_out" not in states(batch)


def test_changes_that_fail_leave_the_batch_as_it_was(staff: User) -> None:
    batch = checked(staff, IDA, KAI)
    sent_row(batch, 3, Outcome.SENDING, KAI)
    with pytest.raises(NotChanged):
        leave_out(batch, [2, 3], actor=acting(staff))
    assert states(batch) == ["ready", "sending"]


def test_correction_that_makes_rows_similar_warns_at_the_later_one(staff: User) -> None:
    batch = checked(staff, FULL, FULL, KAI)
    assert warning_codes(batch, 3) == ["similar_row"]
    correct_row(batch, row_of(batch, 4), posted(FULL), actor=acting(staff))
    assert warning_codes(batch, 4) == ["similar_row", "similar_row"]
    assert states(batch) == ["ready", "attention", "attention"]
