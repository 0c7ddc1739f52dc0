"""What a person changes in the rows of a list, and what the state of a row does not allow."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models import F

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.checking.accepting import accepted_keys
from apps.batches.checking.check import check_batch, recheck, set_attention
from apps.batches.models import (
    Batch,
    BatchRow,
    BatchState,
    OwnState,
    ReleaseReason,
    RowState,
    SourceKind,
)
from apps.batches.sending import changing, control
from apps.batches.sending.changing import correct_row, leave_out, send_again, take_back_in
from apps.batches.sending.decisions import accept_warnings, release_row
from apps.batches.sending.held_rows import NotChanged, NotPossible, RowChanged
from apps.batches.sending.new_list import rows_again
from apps.batches.sending.run import RowNotCurrent, require_current
from apps.batches.sending.shown import AllShown, digest_of_rows
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.submit import BatchPlace, submit
from apps.consumers.sending.warnings import EntryWarning, similar_key
from apps.core import clock
from apps.core.encryption import NotReadableError
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import (
    batch_of,
    findings,
    resolve_as_not_created,
    row_of,
    sent_row,
    shown_warnings,
    states,
    warning_codes,
)
from tests.support.entries import FULL, clean, posted, store
from tests.support.people import acting, events
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

IDA = clean()
KAI = clean(first_name="Kai", last_name="Neat", emails=("kai@example.com",))
CORRECTABLE = (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.NOT_CREATED)
NOT_CORRECTABLE = (Outcome.SENDING, Outcome.CREATED, Outcome.UNKNOWN)


def checked(author: User, *rows: object, **columns: object) -> Batch:
    """A batch of these rows after its check."""
    batch = batch_of(author, rows, **columns)  # type: ignore[arg-type]
    check_batch(batch, client=get_client())
    return batch


def accept(batch: Batch, codes: Collection[str], reason: str = "") -> None:
    """Confirm warnings of the page as it is now."""
    accept_warnings(batch, codes, reason, shown=shown_warnings(batch), actor=acting(batch.author))


def paused(author: User) -> dict[str, object]:
    """The columns of a batch that was confirmed and is paused."""
    confirmed = {"confirmed_by": author, "confirmed_at": clock.now()}
    return {"state": BatchState.PAUSED, "pause_reason": "by_person", **confirmed}


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


@pytest.mark.sql("new")
def test_warnings_of_one_kind_are_confirmed_for_all_rows(staff: User) -> None:
    unread = replace(IDA, phone_numbers=("12",))
    also = replace(KAI, phone_numbers=("34",), first_name="Kai and Bo")
    batch = checked(staff, unread, also)
    accept(batch, ["phone_number_not_read"], "")
    assert states(batch) == ["ready", "attention"]
    accept(batch, ["several_people_in_a_name"], "")
    assert states(batch) == ["ready", "ready"]
    check_batch(batch, client=get_client())
    assert states(batch) == ["ready", "ready"]


def test_warnings_that_the_person_did_not_see_are_not_confirmed(staff: User) -> None:
    nobody = replace(IDA, phone_numbers=("12",))
    batch = checked(staff, nobody, KAI)
    seen = shown_warnings(batch)
    correct_row(batch, row_of(batch, 3), posted(replace(KAI, phone_numbers=("34",))), actor=acting(staff))
    with pytest.raises(NotPossible, match="other_warnings"):
        accept_warnings(batch, ["phone_number_not_read"], "", shown=seen, actor=acting(staff))
    assert states(batch) == ["attention", "attention"]


@pytest.mark.sql("new")
def test_another_warning_in_the_place_of_the_one_that_was_seen_is_not_confirmed(staff: User) -> None:
    batch = checked(staff, FULL, FULL, KAI)
    seen = shown_warnings(batch)
    row = row_of(batch, 3)
    # As the worker stores the warning of the send, which changes no version.
    set_attention(row, (EntryWarning("no_matching_identity", "emails"),))
    assert row_of(batch, 3).version == row.version
    with pytest.raises(NotPossible, match="other_warnings"):
        accept_warnings(batch, ["no_matching_identity"], "", shown=seen, actor=acting(staff))
    assert row_of(batch, 3).accepted == []


def test_similar_rows_need_a_reason(staff: User) -> None:
    batch = checked(staff, FULL, FULL)
    for reason in ("", "no_such_reason"):
        with pytest.raises(NotPossible, match="reason_missing"):
            accept(batch, ["similar_row"], reason)
    assert states(batch) == ["ready", "attention"]
    accept(batch, ["similar_row"], "same_name")
    assert states(batch) == ["ready", "ready"]
    assert row_of(batch, 3).similar_reason == "same_name"


def test_rows_that_were_decided_before_keep_their_reason(staff: User) -> None:
    also_asked = replace(FULL, phone_numbers=(*FULL.phone_numbers, "12"))
    batch = checked(staff, FULL, also_asked, IDA)
    accept(batch, ["similar_row"], "family_member")
    assert states(batch) == ["ready", "attention", "ready"]  # the phone number is still asked about
    decided = row_of(batch, 3)
    correct_row(batch, row_of(batch, 4), posted(FULL), actor=acting(staff))
    accept(batch, ["similar_row"], "removed_elsewhere")
    kept = row_of(batch, 3)
    assert (kept.similar_reason, kept.accepted, kept.version) == (
        "family_member",
        decided.accepted,
        decided.version,
    )
    assert row_of(batch, 4).similar_reason == "removed_elsewhere"


def test_released_row_keeps_the_reason_of_its_release(staff: User) -> None:
    also_asked = replace(FULL, phone_numbers=(*FULL.phone_numbers, "12"))
    store(staff, Outcome.CREATED, also_asked)
    batch = checked(staff, also_asked, IDA)
    release_row(batch, row_of(batch, 2), ReleaseReason.DELETED_IN_CDP, actor=acting(staff))
    assert states(batch) == ["attention", "ready"]
    store(staff, Outcome.CREATED, replace(IDA, title="Sir"))
    recheck(batch)
    accept(batch, ["similar_consumer"], "same_name")
    assert [row_of(batch, number).similar_reason for number in (2, 3)] == ["removed_elsewhere", "same_name"]


def test_many_similar_rows_are_counted_and_confirmed_together(staff: User) -> None:
    nameless = clean(first_name="TBA", last_name="TBA")
    batch = checked(staff, *[nameless] * 14)
    warnings = findings(batch, 15).warnings
    assert [warning.row for warning in warnings] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert warnings[-1].text == "3 more rows of this list are like this one."
    assert findings(batch, 13).warnings[-1].text == "1 more row of this list is like this one."
    accept(batch, ["similar_row"], "same_name")
    assert set(states(batch)) == {"ready"}
    assert {f"row:{number}:same_name" for number in range(2, 15)} <= accepted_keys(row_of(batch, 15))
    check_batch(batch, client=get_client())
    assert set(states(batch)) == {"ready"}


def test_many_similar_consumers_are_counted_and_confirmed_together(staff: User) -> None:
    nameless = clean(first_name="TBA", last_name="TBA")
    made = [store(staff, Outcome.CREATED, replace(nameless, title="Mr")) for _ in range(13)]
    batch = checked(staff, nameless)
    warnings = findings(batch, 2).warnings
    assert ([warning.code for warning in warnings], len(warnings[-1].keys)) == (["similar_consumer"] * 11, 3)
    assert warnings[-1].text == "3 more consumers on this order are like this one."
    accept(batch, ["similar_consumer"], "same_name")
    assert states(batch) == ["ready"]
    assert {similar_key(str(one.public_id), "same_name") for one in made} <= accepted_keys(row_of(batch, 2))
    store(staff, Outcome.CREATED, replace(nameless, title="Ms"))
    recheck(batch)
    assert states(batch) == ["attention"]
    [asked] = findings(batch, 2).unconfirmed(frozenset(row_of(batch, 2).accepted))
    assert asked == findings(batch, 2).warnings[0]  # named, whatever was confirmed before


@pytest.mark.sql("new")
def test_identical_rows_of_which_some_were_sent_stay_confirmed_and_small(
    staff: User, sandbox: SandboxServer
) -> None:
    nameless = clean(first_name="TBA", last_name="TBA")
    batch = checked(staff, *[nameless] * 60)
    accept(batch, ["similar_row"], "same_name")
    made = [sent_row(batch, number, Outcome.CREATED, nameless) for number in range(2, 42)]
    recheck(batch)
    assert states(batch) == ["created"] * 40 + ["ready"] * 20
    row = row_of(batch, 61)
    assert len(findings(batch, 61).warnings) == 21  # ten consumers, ten rows, and one for the others
    assert len(row.accepted) == 59 + 10
    assert {similar_key(str(one.public_id), "same_name") for one in made} <= accepted_keys(row)
    sent = submit(
        order_ref=batch.order_ref,
        consumer=nameless,
        token=row.token,
        actor=acting(staff),
        client=get_client(),
        accepted=accepted_keys(row),
        similar_reason=row.similar_reason,
    )
    assert sent.outcome == Outcome.CREATED


def test_errors_cannot_be_confirmed(staff: User) -> None:
    batch = checked(staff, posted(IDA, last_name=""))
    accept(batch, ["", "no_matching_identity"], "same_name")
    assert states(batch) == ["attention"]


@pytest.mark.sql("new")
def test_other_data_are_confirmed_again(staff: User) -> None:
    batch = checked(staff, FULL, FULL)
    accept(batch, ["similar_row"], "same_name")
    version = row_of(batch, 3).version
    correct_row(batch, row_of(batch, 2), posted(replace(FULL, title="Sir")), actor=acting(staff))
    assert states(batch) == ["ready", "attention"]
    assert row_of(batch, 3).version > version  # nothing is sent that was confirmed about other data


def test_row_that_is_no_longer_similar_is_ready(staff: User) -> None:
    batch = checked(staff, FULL, FULL)
    correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    assert states(batch) == ["ready", "ready"]


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


@pytest.mark.sql("new")
def test_what_failed_is_a_new_list_with_the_same_numbers(staff: User) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, KAI, FULL, order_number="ORD-77", **ended)
    batch.headers = ("First name", "Last name")
    batch.save()
    sent_row(batch, 2, Outcome.CREATED, IDA)
    sent_row(batch, 3, Outcome.REJECTED, KAI)
    sent_row(batch, 4, Outcome.NOT_CREATED, FULL)
    again = rows_again(batch, actor=acting(staff))
    check_batch(again, client=get_client())
    assert [row.number for row in again.rows.order_by("number")] == [3, 4]
    assert states(again) == ["ready", "ready"]
    assert (again.replaces, again.source, again.headers) == (batch, SourceKind.ROWS, batch.headers)
    assert (again.order_ref, again.order_number) == (batch.order_ref, "ORD-77")
    assert row_of(again, 3).values == row_of(batch, 3).values
    assert row_of(again, 3).cells == ("row 3",)
    [event] = events("batch.uploaded")
    assert event.details == {
        "batch": str(again.public_id),
        "rows": 2,
        "source": "rows",
        "replaces": str(batch.public_id),
    }


def test_rows_of_a_stopped_list_that_were_not_sent_are_in_the_new_one(staff: User) -> None:
    batch = checked(staff, IDA, KAI, **{**paused(staff), "state": BatchState.STOPPED, "pause_reason": ""})
    sent_row(batch, 2, Outcome.CREATED, IDA)
    again = rows_again(batch, actor=acting(staff))
    assert [row.number for row in again.rows.all()] == [3]


def test_rows_that_the_author_left_out_are_not_in_the_new_one(staff: User) -> None:
    batch = checked(staff, IDA, KAI, posted(FULL, last_name=""), **paused(staff))
    leave_out(batch, [2], actor=acting(staff))
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["left_out", "left_out", "attention"]
    assert [row.number for row in selectors.rows_for_new_list(batch)] == [3, 4]
    again = rows_again(batch, actor=acting(staff))
    assert [row.number for row in again.rows.order_by("number")] == [3, 4]
    check_batch(again, client=get_client())
    assert states(again) == ["ready", "attention"]


@pytest.mark.sql("new")
def test_list_that_was_stopped_before_its_columns_were_chosen_has_no_rows_again(staff: User) -> None:
    batch = batch_of(staff, [IDA], state=BatchState.MATCHING)
    batch.rows.update(encrypted_values=b"")
    control.stop(batch, actor=acting(staff))
    with pytest.raises(NotPossible, match="nothing_failed"):
        rows_again(batch, actor=acting(staff))


@pytest.mark.sql("new")
@pytest.mark.parametrize("column", ["encrypted_headers", "encrypted_cells", "encrypted_values"])
def test_rows_that_cannot_be_read_are_not_copied(staff: User, column: str) -> None:
    stopped = {**paused(staff), "state": BatchState.STOPPED, "pause_reason": ""}
    batch = checked(staff, IDA, KAI, **stopped)
    (Batch if column == "encrypted_headers" else BatchRow).objects.update(**{column: b"of another key"})
    with pytest.raises(NotReadableError):
        rows_again(batch, actor=acting(staff))
    assert (Batch.objects.count(), events("batch.uploaded")) == (1, [])


@pytest.mark.parametrize("state", [BatchState.CHECKED, BatchState.PAUSED])
def test_list_that_has_not_ended_has_no_rows_again(state: BatchState, staff: User) -> None:
    batch = checked(staff, IDA, **(paused(staff) if state == BatchState.PAUSED else {}))
    sent_row(batch, 2, Outcome.REJECTED, IDA)
    with pytest.raises(NotPossible, match="not_ended"):
        rows_again(batch, actor=acting(staff))


def test_list_without_failed_rows_has_no_rows_again(staff: User) -> None:
    ended = {**paused(staff), "state": BatchState.FINISHED, "pause_reason": ""}
    batch = checked(staff, IDA, **ended)
    sent_row(batch, 2, Outcome.CREATED, IDA)
    with pytest.raises(NotPossible, match="nothing_failed"):
        rows_again(batch, actor=acting(staff))
    assert Batch.objects.count() == 1


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


# --- At the same time ---------------------------------------------------------------------------------
def being_sent(author: User) -> Batch:
    """A checked and confirmed batch of one row, under a lease."""
    now = clock.now()
    under_lease = {"due_at": now, "lease": uuid.uuid4(), "leased_until": now + timedelta(minutes=1)}
    batch = checked(
        author, IDA, **{**paused(author), "state": BatchState.SENDING, "pause_reason": "", **under_lease}
    )
    batch.rows.update(confirmed_version=1)
    return batch


def send(batch: Batch, row: BatchRow) -> Submission:
    """Send the row as the worker does."""
    return submit(
        order_ref=batch.order_ref,
        consumer=IDA,
        token=row.token,
        actor=acting(batch.author),
        client=get_client(),
        place=BatchPlace(batch.public_id, row.number, partial(require_current, batch, row)),
    )


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_row_is_corrected_or_sent_and_never_both(staff: User, sandbox: SandboxServer) -> None:
    for _ in range(5):
        batch = being_sent(staff)
        sending, row = partial(send, batch, row_of(batch, 2)), row_of(batch, 2)
        refused = at_once(sending, lambda: correct_row(batch, row, posted(KAI), actor=acting(staff)))  # noqa: B023
        stored = row_of(batch, 2)
        if stored.current in OwnState.values:
            assert (stored.values["first_name"], refused) == ("Kai", [RowNotCurrent])
        else:
            assert (stored.values["first_name"], refused) == ("Ida", [RowChanged])
        Submission.objects.all().delete()
        BatchRow.objects.all().delete()
        Batch.objects.all().delete()


@pytest.mark.sql("new")
@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_send_waits_for_a_correction_that_is_under_way(
    staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a transaction of SQLite has the only lock from its start")
    batch = being_sent(staff)
    row, renew, refused = row_of(batch, 2), changing._renew, []
    sending = threading.Thread(target=lambda: refused.extend(at_once(partial(send, batch, row))))

    def renew_late(stored: BatchRow) -> None:
        renew(stored)
        sending.start()
        assert wait_for(_is_a_transaction_waiting, 20)

    monkeypatch.setattr(changing, "_renew", renew_late)
    correct_row(batch, row_of(batch, 2), posted(KAI), actor=acting(staff))
    sending.join()
    assert (refused, Submission.objects.count()) == ([RowNotCurrent], 0)


def _is_a_transaction_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_leave_no_row_that_was_compared_with_former_data(staff: User) -> None:
    for _ in range(5):
        batch = checked(staff, IDA, KAI, posted(IDA, first_name=""))
        changes = [
            lambda batch=batch: correct_row(batch, row_of(batch, 2), posted(FULL), actor=acting(staff)),
            lambda batch=batch: correct_row(batch, row_of(batch, 3), posted(FULL), actor=acting(staff)),
            lambda batch=batch: check_batch(batch, client=get_client()),
        ]
        assert at_once(*changes) == []
        assert states(batch) == ["ready", "attention", "attention"]


def at_once(*calls: Callable[[], object]) -> list[type[Exception]]:
    """Run these calls in threads of their own, and return what refused them."""
    barrier = threading.Barrier(len(calls))
    raised: list[type[Exception]] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except (RowNotCurrent, NotChanged) as refused:
            raised.append(type(refused))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(run, call) for call in calls]:
            done.result()
    return raised
