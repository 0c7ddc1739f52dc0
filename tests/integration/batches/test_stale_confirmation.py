"""A confirmation of rows, or for an order, that are not as they were shown confirms nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.changing.rows import leave_out, take_back_in
from apps.batches.models import Batch, BatchRow, BatchState, OwnState
from apps.batches.sending import control
from apps.cdp.factory import get_client
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import shown_rows
from tests.support.batch_sending import checked_batch, confirmed_batch, people
from tests.support.cdp_clients import far_deadline
from tests.support.entries import clean, text
from tests.support.people import acting, events
from tests.support.submitting import submit_anyway

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.parametrize("left_out", [[], [2], [2, 4]])
def test_other_rows_than_shown_are_refused(sandbox: SandboxServer, staff: User, left_out: list[int]) -> None:
    batch = checked_batch(staff, people(4))
    leave_out(batch, [3], actor=acting(staff))
    seen = shown_rows(batch)
    # Also as many others, as in another tab.
    take_back_in(batch, [3], actor=acting(staff))
    leave_out(batch, left_out, actor=acting(staff))
    with pytest.raises(control.RowsChanged) as refused:
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())
    assert refused.value.rows == 4 - len(left_out)
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert events("batch.confirmed") == []


def test_row_that_was_corrected_since_it_was_shown_is_refused(sandbox: SandboxServer, staff: User) -> None:
    batch = checked_batch(staff, people(2))
    seen = shown_rows(batch)
    BatchRow.objects.filter(batch=batch, number=2).update(version=2)
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())


@pytest.mark.sql("new")
def test_second_confirmation_of_the_same_rows_is_refused(sandbox: SandboxServer, staff: User) -> None:
    batch = checked_batch(staff, people(2))
    seen = shown_rows(batch)
    control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())


@pytest.mark.parametrize("state", [BatchState.MATCHING, BatchState.STOPPED])
def test_batch_that_cannot_be_confirmed(sandbox: SandboxServer, staff: User, state: BatchState) -> None:
    batch = checked_batch(staff, people(1), state=state)
    with pytest.raises(control.NotInThisState) as refused:
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert refused.value.state == state


def test_only_its_own_person_confirms_more_rows_while_it_is_being_sent(
    sandbox: SandboxServer, staff: User, supervisor: User
) -> None:
    batch = confirmed_batch(staff, people(2))
    first = batch.rows.get(number=2)
    BatchRow.objects.filter(pk=first.pk).update(version=first.version + 1)
    with pytest.raises(control.NotInThisState):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(supervisor), client=get_client())
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert selectors.rows_to_send(batch).count() == 2


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("changed_by", ["portal", "vendor"])
def test_order_that_changed_since_the_check_stops_the_confirmation(
    sandbox: SandboxServer,
    staff: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    changed_by: str,
) -> None:
    settings.CDP_RECONCILIATION = True
    listed = get_client().read_order_consumers(SAMPLE_ORDER, within=2, details=False)
    consumers = people(3)
    batch = checked_batch(staff, consumers, refs_at_check=list(listed.refs))
    if changed_by == "portal":
        submit_anyway(SAMPLE_ORDER, clean(last_name="Meanwhile"), staff, get_client())
    else:
        elsewhere = clean(last_name="Elsewhere")
        get_client().create_order_consumer(SAMPLE_ORDER, elsewhere, deadline=far_deadline())
    checked = []

    def check_again(again: Batch, *, client: object) -> None:
        checked.append(again.pk)
        again.rows.filter(number=3).update(state=OwnState.NEEDS_ATTENTION)

    monkeypatch.setattr(control, "check_batch", check_again)
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert result == control.ConfirmResult(0, (3,))
    assert checked == [batch.pk]
    assert batch.state == BatchState.CHECKED
    assert events("batch.confirmed") == []


@pytest.mark.sql("repeated")
def test_message_about_rows_that_were_compared_again_claims_no_change_of_the_order(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = checked_batch(staff, people(2), checked_at=None)  # the order could not be read before

    def check_again(again: Batch, *, client: object) -> None:
        again.rows.filter(number=3).update(state=OwnState.NEEDS_ATTENTION)

    monkeypatch.setattr(control, "check_batch", check_again)
    page = as_staff.post(f"/batches/{batch.public_id}/confirm/", {"shown": shown_rows(batch)}, follow=True)
    assert "The rows were checked again. Nothing was confirmed. 1 row needs attention." in text(page)


def _discard(batch: Batch, staff: User) -> None:
    control.stop(batch, actor=acting(staff))


def _leave_out(batch: Batch, staff: User) -> None:
    leave_out(batch, [3], actor=acting(staff))


def _confirm(batch: Batch, staff: User) -> None:
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("act", "refusal"),
    [(_discard, control.NotInThisState), (_leave_out, control.RowsChanged), (_confirm, control.RowsChanged)],
)
def test_change_in_another_window_during_the_check_is_not_taken_for_one_of_the_order(
    sandbox: SandboxServer,
    staff: User,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Batch, User], None],
    refusal: type[Exception],
) -> None:
    batch = checked_batch(staff, people(3))
    seen = shown_rows(batch)

    def check_while_another_window_acts(_batch: Batch, *, client: object) -> None:
        patch.undo()
        act(Batch.objects.get(), staff)

    with monkeypatch.context() as patch:
        patch.setattr(control, "_has_changed", lambda *_: True)
        patch.setattr(control, "check_batch", check_while_another_window_acts)
        with pytest.raises(refusal):
            control.confirm(batch, shown=seen, actor=acting(staff), client=get_client())
    assert len(events("batch.confirmed")) == (act is _confirm)


@pytest.mark.sql("new")
def test_order_that_did_not_change_is_not_checked_again(
    sandbox: SandboxServer, staff: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CDP_RECONCILIATION = True
    listed = get_client().read_order_consumers(SAMPLE_ORDER, within=2, details=False)
    batch = checked_batch(staff, people(2), refs_at_check=list(listed.refs))
    monkeypatch.setattr(control, "check_batch", lambda *_, **__: pytest.fail("checked again"))
    result = control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert result == control.ConfirmResult(2)


def test_check_from_before_the_clock_was_set_back_is_repeated(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = checked_batch(staff, people(2), checked_at=clock.now() + dt.timedelta(hours=1))
    checked = []
    monkeypatch.setattr(control, "check_batch", lambda again, **_: checked.append(again.pk))
    control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    assert checked == [batch.pk]


@pytest.mark.sql("new")
@pytest.mark.parametrize("change", [{"version": 2}, {"state": OwnState.LEFT_OUT, "version": 2}])
def test_row_that_changes_during_the_confirmation_is_not_confirmed(
    sandbox: SandboxServer, staff: User, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    batch = checked_batch(staff, people(3))
    monkeypatch.setattr(control, "_has_changed", lambda *_: not batch.rows.filter(number=3).update(**change))
    with pytest.raises(control.RowsChanged):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert not batch.rows.exclude(confirmed_version=None).exists()
