"""A list is confirmed, paused, resumed and stopped on its page, also by a supervisor."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.checking.check import recheck
from apps.batches.models import Batch, BatchState, OwnState, PauseReason
from apps.consumers.models import Outcome, ShownKey, Submission
from apps.consumers.recording import key_of
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import LISTS, at, only_batch, paste, shown_on, summary_of, text
from tests.support.batch_rows import resolve_as_not_created, row_of, states
from tests.support.batch_sending import confirmed_batch, people, send_all, take_turn
from tests.support.entries import store
from tests.support.people import events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_second_confirmation_and_a_stale_page_confirm_nothing(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff)
    batch = only_batch()
    as_staff.post(at("leave_out", batch), {"number": "2"})
    seen = shown_on(as_staff.get(at("batch", batch)), batch, "confirm")
    # In another tab, the other row.
    as_staff.post(at("take_back", batch), {"number": "2"})
    as_staff.post(at("leave_out", batch), {"number": "3"})
    for former in (seen, {"shown": "x"}, {}):
        stale = as_staff.post(at("confirm", batch), former, follow=True)
        assert "had changed meanwhile" in text(stale)
        assert "Send 1 row to Sitecore CDP" in text(stale)
    assert not events("batch.confirmed")
    now = shown_on(stale, batch, "confirm")
    assert now != seen
    as_staff.post(at("confirm", batch), now)
    twice = as_staff.post(at("confirm", batch), now, follow=True)
    assert "had changed meanwhile" in text(twice)
    assert len(events("batch.confirmed")) == 1


@pytest.mark.parametrize("state", [OwnState.ALREADY_SENT, OwnState.NEEDS_ATTENTION])
def test_row_that_was_confirmed_and_not_sent_waits_for_another_confirmation(
    as_staff: Client, staff: User, sandbox: SandboxServer, state: OwnState
) -> None:
    first, second = people(2)
    batch = confirmed_batch(staff, [first, second])
    batch.rows.filter(number=3).update(state=state, earlier=store(staff, Outcome.CREATED, second).public_id)
    send_all(batch)
    assert (batch.state, states(batch)) == (BatchState.FINISHED, ["created", state])
    resolve_as_not_created(Submission.objects.get(public_id=row_of(batch, 3).earlier), staff)
    recheck(batch)
    assert states(batch) == ["created", "ready"]
    assert at("batch", batch) in as_staff.get("/").content.decode()
    page = as_staff.get(at("batch", batch))
    assert "1 row is ready. It is sent once it is confirmed." in text(page)
    assert not selectors.rows_to_send(batch).exists()
    as_staff.post(at("confirm", batch), shown_on(page, batch, "confirm"))
    batch.refresh_from_db()
    send_all(batch)
    assert states(batch) == ["created", "created"]


def test_sending_is_paused_resumed_and_stopped(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = confirmed_batch(staff, people(3))
    take_turn(batch)
    part = as_staff.get(at("progress", batch))
    assert "1 of 3 rows have an outcome" in text(part)
    assert "data-progress-running" in part.content.decode()
    assert people(3)[0].last_name not in part.content.decode()
    as_staff.post(at("pause", batch))
    page = text(as_staff.get(at("batch", batch)))
    assert "Paused by a person" in page
    assert "Nothing more is sent until it is resumed." in page
    assert "data-progress-running" not in as_staff.get(at("progress", batch)).content.decode()
    assert "had changed meanwhile" in text(as_staff.post(at("pause", batch), follow=True))
    as_staff.post(at("resume", batch))
    assert "The list is being sent" in text(as_staff.get(at("batch", batch)))
    as_staff.post(at("stop", batch))
    page = text(as_staff.get(at("batch", batch)))
    assert "The list was stopped" in page
    assert states(batch) == ["created", "left_out", "left_out"]
    assert "Take back in" not in page
    assert "had changed meanwhile" in text(as_staff.post(at("stop", batch), follow=True))


@pytest.mark.sql("new")
@pytest.mark.parametrize("reason", [*PauseReason])
def test_every_reason_for_a_pause_says_what_to_do(
    as_staff: Client, staff: User, sandbox: SandboxServer, reason: PauseReason
) -> None:
    batch = confirmed_batch(staff, people(1))
    Batch.objects.update(state=BatchState.PAUSED, pause_reason=reason, due_at=None)
    page = text(as_staff.get(at("batch", batch)))
    assert str(reason.label) in page
    assert "Resume" in page


@pytest.mark.sql("new")
def test_supervisor_sees_and_controls_everybodys_lists_and_changes_no_row(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2))
    page = as_supervisor.get(at("batch", batch))
    assert people(1)[0].last_name in text(page)
    [event] = events("batch.viewed")
    assert json.loads(event.data)["rows"] == 2
    assert ShownKey.objects.filter(key=key_of("batch", batch.public_id), seq=event.seq).exists()
    assert "Correct" not in text(page)
    assert as_supervisor.post(at("pause", batch)).status_code == 303
    assert as_supervisor.post(at("resume", batch)).status_code == 303
    assert as_supervisor.post(at("stop", batch)).status_code == 303
    lists = as_supervisor.get(LISTS)
    assert staff.name in text(lists)
    assert at("batch", batch) in lists.content.decode()
    chosen = as_supervisor.get(LISTS, {"person": str(staff.pk)})
    assert at("batch", batch) in chosen.content.decode()
    other = as_supervisor.get(LISTS, {"person": str(make_person("olga", "staff").pk)})
    assert "No lists match" in text(other)
    assert "Choose a person from the list" in summary_of(as_supervisor.get(LISTS, {"person": "x"}))
