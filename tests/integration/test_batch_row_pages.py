"""The page of one row of a list: everything that is wrong with it, and what a save does to it."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.batches.checking import check
from apps.cdp.factory import get_client
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, summary_of, text, values_of
from tests.support.batch_rows import batch_of, row_of, states
from tests.support.batch_sending import checked_batch, people
from tests.support.entries import posted

pytestmark = pytest.mark.django_db


def test_row_of_another_order_is_ready_only_once_the_person_says_that_it_belongs_to_this_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, [{**posted(people(1)[0], order=""), "order_ref": "ZZZ-999"}])
    check.check_batch(batch, client=get_client())
    assert states(batch) == ["attention"]
    page = as_staff.get(at("row", batch, 2))
    problem = "This row names another order than the list: ZZZ-999. Leave it out, or confirm it"
    assert summary_of(page) == [problem]
    assert "Error: " in page.content.decode()
    values = values_of(page)
    unchanged = as_staff.post(at("row", batch, 2), values)
    assert (unchanged.status_code, summary_of(unchanged)) == (200, [problem])
    assert states(batch) == ["attention"]
    assert row_of(batch, 2).values["order_ref"] == "ZZZ-999"
    confirmed = {**values, "order_confirmed": "yes"}
    wrong = as_staff.post(at("row", batch, 2), {**confirmed, "last_name": ""})
    assert summary_of(wrong) == ["Enter the last name"]
    assert " checked" in wrong.content.decode()  # the tick stays
    assert as_staff.post(at("row", batch, 2), confirmed).status_code == 303
    assert states(batch) == ["ready"]


def test_row_is_left_out_from_its_page(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = checked_batch(staff, people(1))
    assert "Leave this row out" in text(as_staff.get(at("row", batch, 2)))
    as_staff.post(at("leave_out", batch), {"number": "2"})
    assert "Leave this row out" not in text(as_staff.get(at("row", batch, 2)))


def test_error_of_a_row_without_a_field_is_in_the_error_summary(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    values = posted(people(1)[0], order="")
    many = {f"emails-{at}-value": f"one{at}@example.com" for at in range(30)}
    batch = batch_of(staff, [{**values, **many, "emails-TOTAL_FORMS": "9999"}])
    check.check_batch(batch, client=get_client())
    summary = summary_of(as_staff.get(at("row", batch, 2)))
    assert "Enter fewer email addresses, phone numbers or identifiers" in summary
