"""Nothing is sent after a pause, after a stop, or once its person may no longer send."""

from __future__ import annotations

import pytest

from apps.accounts import services
from apps.accounts.models import User
from apps.audit.registry import EventOutcome
from apps.batches import selectors
from apps.batches.audit_events import BATCH_PAUSED
from apps.batches.models import BatchState, PauseReason
from apps.batches.sending import control
from apps.cdp.factory import get_client
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_rows import shown_rows, states
from tests.support.batch_sending import confirmed_batch, data_of, people, send_all, take_turn
from tests.support.people import TESTS, acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.parametrize("change", ["deactivated", "another role"])
def test_person_who_may_no_longer_send_pauses_the_batch(
    sandbox: SandboxServer, staff: User, supervisor: User, change: str
) -> None:
    make_person("ada", "administrator")
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    if change == "deactivated":
        services.deactivate_person(person_id=staff.pk, actor=TESTS)
    else:
        services.revoke_role(person_id=staff.pk, role="staff", actor=TESTS)
    take_turn(batch)
    assert (batch.state, batch.pause_reason) == (BatchState.PAUSED, PauseReason.NOT_PERMITTED)
    assert states(batch) == ["created", "ready"]
    with pytest.raises(control.ConfirmerNotPermitted):
        control.resume(batch, actor=acting(supervisor))
    batch.refresh_from_db()
    assert batch.state == BatchState.PAUSED


def test_paused_batch_sends_nothing_until_it_is_resumed(
    sandbox: SandboxServer, staff: User, supervisor: User
) -> None:
    batch = confirmed_batch(staff, people(3))
    take_turn(batch)
    control.pause(batch, actor=acting(supervisor))
    [paused] = events("batch.paused")
    assert (paused.actor_id, BATCH_PAUSED.outcome) == (str(supervisor.pk), EventOutcome.DONE)
    assert events("batch.paused_by_portal") == []
    assert not take_turn(batch)
    assert states(batch) == ["created", "ready", "ready"]
    control.resume(batch, actor=acting(supervisor))
    [resumed] = events("batch.resumed")
    assert (resumed.actor_id, resumed.details["rows"]) == (str(supervisor.pk), 2)
    send_all(batch)
    assert {one.actor_id for one in selectors.submissions_of(batch)} == {staff.pk}


def test_stopped_batch_sends_nothing_any_more(sandbox: SandboxServer, staff: User) -> None:
    batch = confirmed_batch(staff, people(3))
    take_turn(batch)
    control.stop(batch, actor=acting(staff))
    assert states(batch) == ["created", "left_out", "left_out"]
    [stopped] = data_of("batch.stopped")
    assert stopped["rows"] == 2
    assert not take_turn(batch)
    for change in (control.pause, control.resume, control.stop):
        with pytest.raises(control.NotInThisState):
            change(batch, actor=acting(staff))
    with pytest.raises(control.NotInThisState):
        control.confirm(batch, shown=shown_rows(batch), actor=acting(staff), client=get_client())
