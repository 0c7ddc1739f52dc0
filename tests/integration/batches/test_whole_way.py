"""From the pages that lead to a new list to the receipts of its rows."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.consumers.models import Submission
from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import LISTS, NEW, at, only_batch, paste, shown_on, text
from tests.support.batch_rows import states
from tests.support.batch_sending import send_all

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_pasted_table_is_checked_confirmed_sent_and_has_receipts(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    assert as_staff.get(NEW, {"order": SAMPLE_ORDER}).status_code == 200
    answer = paste(as_staff)
    batch = only_batch()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    page = as_staff.get(at("batch", batch))
    shown = text(page)
    assert "2 rows are ready to be sent to order" in shown
    assert "Send 2 rows to Sitecore CDP" in shown
    assert states(batch) == ["ready", "ready"]

    answer = as_staff.post(at("confirm", batch), shown_on(page, batch, "confirm"))
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert "The list is being sent" in text(as_staff.get(at("batch", batch)))
    batch.refresh_from_db()
    send_all(batch)
    shown = text(as_staff.get(at("batch", batch)))
    assert "The list is finished" in shown
    assert "2 of 2 rows have an outcome" in shown
    for submission in Submission.objects.filter(batch=batch.public_id):
        assert (
            reverse("consumers:receipt", args=[submission.public_id])
            in as_staff.get(at("batch", batch)).content.decode()
        )
    assert batch.author_id == staff.pk


def test_ways_to_it(as_staff: Client, sandbox: SandboxServer) -> None:
    to_order = f"{NEW}?order={GROUP_ORDER}"
    assert to_order in as_staff.get(reverse("orders:order", args=[GROUP_ORDER])).content.decode()
    assert to_order in as_staff.get(reverse("consumers:new"), {"order": GROUP_ORDER}).content.decode()
    start = as_staff.get("/").content.decode()
    assert f'href="{NEW}"' in start
    assert f'href="{LISTS}"' in start
