"""After an act the reader is where they were in the list, and a message says what became of the rows."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from apps.accounts.models import User
from apps.batches.changing import held_rows, rows
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch, OwnState
from apps.batches.sending import control
from apps.batches.views import batch as batch_views
from apps.cdp.factory import get_client
from apps.consumers.models import Outcome, Submission
from sandbox.data.seed import FAULT_ORDERS
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, text, values_of
from tests.support.batch_rows import batch_of, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all
from tests.support.entries import clean
from tests.support.people import acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

RETURN_ADDRESS = {"show": "attention", "after": "3"}
QUERY = "?show=attention&after=3"


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_views, "PAGE_SIZE", 2)


def said(answer: Any) -> list[str]:
    """The messages of a page."""
    found = re.findall('<li class="message[^>]*>(.*?)</li>', answer.content.decode(), re.DOTALL)
    return [html.unescape(one) for one in found]


def without_last_names(staff: User, count: int) -> Any:
    """A list of rows 2, 3, …, none of which has a last name."""
    batch = batch_of(staff, [replace(one, last_name="") for one in people(count)])
    check_batch(batch, client=get_client())
    return batch


def shown_on_buttons(answer: Any) -> list[str]:
    """What the buttons for all rows post of what the page shows."""
    return re.findall('<button [^>]*name="shown" value="([^"]+)"', answer.content.decode())


def hidden_fields(answer: Any, action: str) -> dict[str, str]:
    """The hidden fields of the form with this address, without the token."""
    page = answer.content.decode()
    form = page[page.index(f'action="{action}"') :]
    form = form[: form.index("</form>")]
    found = re.findall('<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def test_row_is_left_out_and_taken_back_and_leads_back_to_the_same_rows(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = without_last_names(staff, 5)
    page = as_staff.get(at("batch", batch), RETURN_ADDRESS)
    assert hidden_fields(page, at("leave_out", batch)) == RETURN_ADDRESS
    answer = as_staff.post(at("leave_out", batch), {**RETURN_ADDRESS, "number": "4"})
    assert answer["Location"] == f"{at('batch', batch)}{QUERY}#rows"
    page = as_staff.get(answer["Location"])
    assert said(page) == ["Row 4 is left out."]
    shown = page.content.decode()
    assert shown.index("Row 4 is left out.") > shown.index('id="rows"')  # where the page opens
    answer = as_staff.post(at("take_back", batch), {"show": "left_out", "number": "4"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{at('batch', batch)}?show=left_out#rows"
    assert said(answer) == ["Row 4 needs attention: Last name."]
    stale = as_staff.post(at("leave_out", batch), {**RETURN_ADDRESS, "number": "77"}, follow=True)
    assert stale.redirect_chain[-1][0] == f"{at('batch', batch)}{QUERY}#rows"
    assert "had changed meanwhile" in said(stale)[0]


def test_all_rows_of_a_filter_are_left_out_and_taken_back(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = without_last_names(staff, 3)
    page = as_staff.get(at("batch", batch))
    assert "Leave out all 3 rows that need attention" in text(page)
    [seen] = shown_on_buttons(page)
    answer = as_staff.post(at("leave_out", batch), {"shown": seen}, follow=True)
    assert said(answer) == ["3 rows. Left out: 3."]
    page = as_staff.get(at("batch", batch), {"show": "left_out"})
    assert "Take back in all 3 rows that were left out" in text(page)
    assert f'formaction="{at("take_back", batch)}"' in page.content.decode()
    [seen] = shown_on_buttons(page)
    nothing = as_staff.post(at("take_back", batch), {"show": "left_out"}, follow=True)
    assert "had changed meanwhile" in said(nothing)[0]
    rows.take_back_in(batch, [3], actor=acting(staff))  # in another window
    stale = as_staff.post(at("take_back", batch), {"show": "left_out", "shown": seen}, follow=True)
    assert "had changed meanwhile" in said(stale)[0]
    assert states(batch) == ["left_out", "attention", "left_out"]
    rows.leave_out(batch, [3], actor=acting(staff))
    [seen] = shown_on_buttons(as_staff.get(at("batch", batch), {"show": "left_out"}))
    answer = as_staff.post(at("take_back", batch), {"show": "left_out", "shown": seen}, follow=True)
    assert said(answer) == ["3 rows. Needs attention: 3."]
    assert states(batch) == ["attention"] * 3


@pytest.mark.sql("new")
def test_row_that_is_corrected_while_all_are_left_out_is_not_left_out(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = without_last_names(staff, 3)
    [seen] = shown_on_buttons(as_staff.get(at("batch", batch)))
    hold = held_rows.held_batch

    def hold_after_another_window(held: Batch) -> Batch:
        held.rows.filter(number=3).update(version=F("version") + 1)
        return hold(held)

    monkeypatch.setattr(rows, "held_batch", hold_after_another_window)
    answer = as_staff.post(at("leave_out", batch), {"shown": seen}, follow=True)
    assert "had changed meanwhile" in said(answer)[0]
    assert states(batch) == ["attention"] * 3


def test_page_after_the_last_row_of_a_filter_is_the_first_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = without_last_names(staff, 3)
    answer = as_staff.post(at("leave_out", batch), {**RETURN_ADDRESS, "number": "4"}, follow=True)
    assert re.findall('data-label="Row">(\\d+)<', answer.content.decode()) == ["2", "3"]


def test_saved_row_says_what_became_of_it_and_leads_back(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = without_last_names(staff, 5)
    page = as_staff.get(at("batch", batch), RETURN_ADDRESS)
    assert f"{at('row', batch, 4)}{QUERY}" in html.unescape(page.content.decode())
    row = as_staff.get(at("row", batch, 4), RETURN_ADDRESS)
    assert f'href="{at("batch", batch)}{QUERY}"' in html.unescape(row.content.decode())
    assert RETURN_ADDRESS.items() <= hidden_fields(row, at("leave_out", batch)).items()
    values = values_of(row)
    assert RETURN_ADDRESS.items() <= values.items()
    answer = as_staff.post(at("row", batch, 4), {**values, "last_name": "Marlowe", "then": "next"})
    assert answer["Location"] == f"{at('row', batch, 5)}{QUERY}"
    following = as_staff.get(answer["Location"])
    assert said(following) == ["Row 4 is ready."]
    answer = as_staff.post(
        at("row", batch, 5), {**values_of(following), "last_name": "Nakamura", "then": "list"}
    )
    assert answer["Location"] == f"{at('batch', batch)}{QUERY}#rows"
    assert said(as_staff.get(answer["Location"])) == ["Row 5 is ready."]


def test_saved_row_that_still_needs_attention_is_told_without_what_was_typed(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    twin = clean()
    batch = batch_of(staff, [twin, replace(twin, emails=("other@example.com",))])
    check_batch(batch, client=get_client())
    values = values_of(as_staff.get(at("row", batch, 3)))
    answer = as_staff.post(at("row", batch, 3), {**values, "then": "list"}, follow=True)
    assert said(answer) == ["Row 3 still needs attention: Another row of this list is the same or similar."]


def test_confirmed_warnings_are_told_and_the_return_address_is_kept_after_an_error(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = batch_of(staff, [replace(one, emails=()) for one in people(5)])
    check_batch(batch, client=get_client())
    page = as_staff.get(at("batch", batch), RETURN_ADDRESS)
    fields = hidden_fields(page, at("accept", batch))
    assert RETURN_ADDRESS.items() <= fields.items()
    nothing = as_staff.post(at("accept", batch), fields)
    assert re.findall('data-label="Row">(\\d+)<', nothing.content.decode()) == ["4", "5"]
    answer = as_staff.post(at("accept", batch), {**fields, "code-no_matching_identity": "yes"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{at('batch', batch)}{QUERY}"
    assert said(answer) == ["The warnings are confirmed. 5 rows. Ready: 5."]


def test_check_is_told_and_not_of_a_stopped_list(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = checked_batch(staff, people(3))
    batch.rows.update(state=OwnState.UNCHECKED)
    answer = as_staff.post(at("check", batch), follow=True)
    assert said(answer) == ["The rows are checked. Ready: 3."]
    control.stop(batch, actor=acting(staff))
    assert "had changed meanwhile" in said(as_staff.post(at("check", batch), follow=True))[0]


@pytest.mark.sql("new")
def test_rows_that_are_sent_again_are_told(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    made = as_staff.post(at("make_new_list", batch), follow=True)
    assert said(made) == ["This is a new list of rows that were not created. Nothing of it is sent yet."]
    Submission.objects.update(outcome=Outcome.NOT_SENT, error_code="connect_refused", http_status=None)
    page = as_staff.get(at("batch", batch), {"show": "not_sent"})
    assert hidden_fields(page, at("send_again", batch)) == {"show": "not_sent"}
    nothing = as_staff.post(at("send_again", batch), {"show": "not_sent"}, follow=True)
    assert "had changed meanwhile" in said(nothing)[0]
    [seen] = shown_on_buttons(page)
    answer = as_staff.post(at("send_again", batch), {"show": "not_sent", "shown": seen}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{at('batch', batch)}?show=not_sent"
    assert said(answer) == ["2 rows. Ready: 2."]


@pytest.mark.parametrize("address", [{"show": "nonsense"}, {"after": "x"}, {"after": "1", "before": "2"}])
def test_return_address_that_no_page_named_is_refused(
    address: dict[str, str], as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = without_last_names(staff, 1)
    assert as_staff.get(at("batch", batch), address).status_code == 400
    assert as_staff.post(at("leave_out", batch), {**address, "number": "2"}).status_code == 400
    for name in ("accept", "check", "confirm", "send_again"):
        posted = {**address, "rows": "0", "code-no_matching_identity": "yes"}
        assert as_staff.post(at(name, batch), posted).status_code == 400
    values = {**values_of(as_staff.get(at("row", batch, 2))), "last_name": "Marlowe"}
    assert as_staff.post(at("row", batch, 2), {**values, **address}).status_code == 400
    assert states(batch) == ["attention"]
