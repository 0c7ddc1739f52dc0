"""A person confirms warnings of rows: those shown, of one kind, with a reason if rows are similar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from apps.accounts.models import User
from apps.batches.changing.decisions import accept_warnings, release_row
from apps.batches.changing.held_rows import NotPossible
from apps.batches.changing.rows import correct_row
from apps.batches.checking.accepting import accepted_keys
from apps.batches.checking.check import check_batch, recheck, set_attention
from apps.batches.models import Batch, ReleaseReason
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome
from apps.consumers.sending.submit import submit
from apps.consumers.sending.warnings import EntryWarning, similar_key
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import IDA, KAI, checked, findings, row_of, sent_row, shown_warnings, states
from tests.support.entries import FULL, clean, posted, store
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def accept(batch: Batch, codes: Collection[str], reason: str = "") -> None:
    """Confirm warnings of the page as it is now."""
    accept_warnings(batch, codes, reason, shown=shown_warnings(batch), actor=acting(batch.author))


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
    assert warnings[-1].text == "3 more rows of this list are similar to this one."
    assert findings(batch, 13).warnings[-1].text == "1 more row of this list is similar to this one."
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
    assert warnings[-1].text == "3 more consumers on this order are similar to this one."
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
