"""Acts of the page of a list on its rows: they are left out and taken back, confirmed, sent again."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.batches.models import OwnState
from apps.batches.sending import control
from apps.consumers.models import Outcome, Submission
from sandbox.data.seed import FAULT_ORDERS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import (
    ADA,
    TABLE,
    WITHOUT_NAME,
    at,
    only_batch,
    paste,
    shown_on,
    summary_of,
    text,
)
from tests.support.batch_rows import states
from tests.support.batch_sending import confirmed_batch, people, send_all
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def test_rows_are_left_out_and_taken_back_in(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, f"{TABLE}{WITHOUT_NAME}")
    batch = only_batch()
    seen = shown_on(as_staff.get(at("batch", batch)), batch, "leave_out")
    assert "had changed meanwhile" in text(as_staff.post(at("leave_out", batch), follow=True))
    assert states(batch) == ["ready", "ready", "attention"]
    assert as_staff.post(at("leave_out", batch), seen).status_code == 303  # all that need attention
    assert states(batch) == ["ready", "ready", "left_out"]
    as_staff.post(at("leave_out", batch), {"number": "2"})
    assert states(batch) == ["left_out", "ready", "left_out"]
    as_staff.post(at("take_back", batch), {"number": "2"})
    assert states(batch) == ["ready", "ready", "left_out"]
    assert as_staff.post(at("take_back", batch), {"number": "x"}).status_code == 400
    gone = as_staff.post(at("leave_out", batch), {"number": "77"}, follow=True)
    assert "had changed meanwhile" in text(gone)


def test_another_list_of_a_stopped_batch(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = confirmed_batch(staff, people(1))
    control.stop(batch, actor=acting(staff))
    answer = as_staff.post(at("leave_out", batch), {"number": "2"}, follow=True)
    assert "had changed meanwhile" in text(answer)
    assert batch.rows.get().state == OwnState.LEFT_OUT


def test_warnings_are_confirmed_by_kind_and_similar_rows_with_a_reason(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    twin = ADA.replace("ada@example.com", "a.kingsley@example.com")
    paste(as_staff, f"{TABLE}{twin}")
    batch = only_batch()
    page = as_staff.get(at("batch", batch))
    assert "Confirm for 1 row" in text(page)
    [code] = re.findall('name="code-([^"]+)"', page.content.decode())
    assert code == "similar_row"
    nothing = as_staff.post(at("accept", batch))
    assert summary_of(nothing) == ["Tick the warnings that you want to confirm"]
    shown = shown_on(page, batch, "accept")
    without = as_staff.post(at("accept", batch), {f"code-{code}": "yes", **shown})
    assert summary_of(without) == ["Choose why the consumer should be created anyway"]
    assert " checked" in without.content.decode()
    decided = {f"code-{code}": "yes", "similar_reason": "family_member"}
    other = as_staff.post(at("accept", batch), {**decided, "shown": "x"}, follow=True)
    assert "had changed meanwhile" in text(other)
    assert states(batch) == ["ready", "ready", "attention"]
    assert as_staff.post(at("accept", batch), {**decided, **shown}).status_code == 303
    assert states(batch) == ["ready"] * 3
    ready = text(as_staff.get(at("batch", batch)))
    assert "Send 3 rows to Sitecore CDP" in ready
    assert "Warning confirmed for 1 row:" in ready
    stale = as_staff.post(at("accept", batch), {f"code-{code}": "yes"}, follow=True)
    assert "had changed meanwhile" in text(stale)


def test_rows_that_were_not_sent_are_sent_again(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    assert set(states(batch)) == {"rejected"}
    page = text(as_staff.get(at("batch", batch)))
    assert "Make a new list of 2 rows that were not created" in page
    Submission.objects.update(outcome=Outcome.NOT_SENT, error_code="connect_refused", http_status=None)
    shown = as_staff.get(at("batch", batch))
    assert "Send again: 2 rows that were not sent" in text(shown)
    as_staff.post(at("send_again", batch), shown_on(shown, batch, "send_again"))
    assert set(states(batch)) <= {"ready", "attention"}
    assert "had changed meanwhile" in text(
        as_staff.post(at("send_again", batch), {"number": "2"}, follow=True)
    )
