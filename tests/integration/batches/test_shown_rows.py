"""Which rows the page of a list shows, by state and in pages, and where they lead."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.changing.decisions import release_row
from apps.batches.changing.rows import leave_out
from apps.batches.checking.check import recheck
from apps.batches.models import Batch, OwnState, ReleaseReason
from apps.batches.views import batch as batch_views
from apps.consumers import labels
from apps.consumers.models import Outcome, Submission
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import ADA, HEADERS, WITHOUT_NAME, at, only_batch, paste, shown_on, text
from tests.support.batch_rows import row_of, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all, take_turn
from tests.support.entries import store
from tests.support.people import acting, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_rows_are_shown_by_state_and_in_pages(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_views, "PAGE_SIZE", 3)
    batch = checked_batch(staff, people(7))
    page = as_staff.get(at("batch", batch))
    shown = [int(number) for number in re.findall('data-label="Row">(\\d+)<', page.content.decode())]
    assert shown == [2, 3, 4]
    following = re.search('rel="next" href="([^"]+)"', page.content.decode())
    assert following is not None
    page = as_staff.get(html.unescape(following[1]))
    assert re.findall('data-label="Row">(\\d+)<', page.content.decode()) == ["5", "6", "7"]
    before = re.search('rel="prev" href="([^"]+)"', page.content.decode())
    assert before is not None
    page = as_staff.get(html.unescape(before[1]))
    assert re.findall('data-label="Row">(\\d+)<', page.content.decode()) == ["2", "3", "4"]
    assert "No rows in this state" in text(as_staff.get(at("batch", batch), {"show": "created"}))
    assert as_staff.get(at("batch", batch), {"show": "nonsense"}).status_code == 400


def test_sum_of_the_states_is_the_number_of_rows(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(4))
    take_turn(batch)
    as_staff.post(at("pause", batch))
    as_staff.post(at("leave_out", batch), {"number": "5"})
    page = as_staff.get(at("batch", batch)).content.decode()
    counts = [int(one) for one in re.findall(r"<strong>(\d+)</strong></a></li>", page)]
    assert counts[0] == 4
    assert sum(counts[1:]) == 4


def test_rows_that_are_ready_are_named_only_if_there_are_any(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, f"{HEADERS}\n{WITHOUT_NAME}\n")
    page = text(as_staff.get(at("batch", only_batch())))
    assert "1 row has errors" in page
    assert "can be sent before" not in page


def test_own_rows_are_recorded_as_seen_once_they_were_sent(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(1))
    as_staff.get(at("batch", batch))
    assert not events("batch.viewed")
    batch = confirmed_batch(staff, people(1, first=5))
    send_all(batch)
    as_staff.get(at("batch", batch))
    assert len(events("batch.viewed")) == 1


@pytest.mark.sql("new")
def test_row_that_is_already_sent_leads_to_the_submission_of_another_row_on_the_page(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, f"{HEADERS}\n{ADA}\n{ADA}\n")
    batch = only_batch()
    assert states(batch) == ["ready", "attention"]
    as_staff.post(at("confirm", batch), shown_on(as_staff.get(at("batch", batch)), batch, "confirm"))
    batch.refresh_from_db()
    send_all(batch)
    recheck(batch)
    assert states(batch) == ["created", "already_sent"]
    receipt = reverse("consumers:receipt", args=[Submission.objects.get().public_id])
    assert as_staff.get(at("batch", batch)).content.decode().count(f'href="{receipt}"') == 2


@pytest.mark.sql("new")
def test_released_row_has_nothing_of_the_earlier_submission(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    [person] = people(1)
    earlier = store(staff, Outcome.CREATED, person, error_code="read_timeout")  # found by reconciliation
    receipt, problem = reverse("consumers:receipt", args=[earlier.public_id]), labels.reason(earlier)
    batch = checked_batch(staff, [person])
    recheck(batch)
    page = as_staff.get(at("batch", batch))
    assert (receipt in page.content.decode(), problem in text(page)) == (True, True)
    release_row(batch, row_of(batch, 2), ReleaseReason.DELETED_IN_CDP, actor=acting(staff))
    assert states(batch) == ["ready"]
    assert receipt not in as_staff.get(at("batch", batch)).content.decode()
    leave_out(batch, [2], actor=acting(staff))
    page = as_staff.get(at("batch", batch))
    assert (receipt in page.content.decode(), problem in text(page)) == (False, False)


@pytest.mark.sql("new")
def test_erased_list_shows_states_and_receipts_only(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    send_all(batch)
    batch.rows.update(
        state=OwnState.LEFT_OUT, encrypted_cells=b"", encrypted_values=b"", encrypted_findings=b""
    )
    Batch.objects.update(erased_at=batch.ended_at)
    page = text(as_staff.get(at("batch", batch)))
    assert "The personal data of this list were deleted" in page
    assert people(1)[0].last_name not in page
