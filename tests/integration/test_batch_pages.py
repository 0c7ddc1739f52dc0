"""The pages of several people on one order: from a pasted table to the result, and everything refused."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.checking.check import check_batch, recheck
from apps.batches.models import Batch, BatchState, OwnState, PauseReason, ReleaseReason
from apps.batches.sending import changing, control
from apps.batches.sending.decisions import release_row
from apps.batches.views import batch as batch_views
from apps.batches.views import checked, upload
from apps.cdp.client import ListedConsumers
from apps.cdp.factory import get_client
from apps.cdp.records import Order
from apps.consumers import labels
from apps.consumers.models import Outcome, ShownKey, Submission
from apps.consumers.order_lookup.lookup import FoundOrders
from apps.consumers.order_lookup.readings import store_reading
from apps.consumers.recording import key_of
from apps.core import clock
from sandbox.data.seed import FAULT_ORDERS, GROUP_ORDER, SAMPLE_ORDER, TRIPLE_REFERENCE_ID
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import at, summary_of, text, values_of
from tests.support.batch_rows import resolve_as_not_created, row_of, states
from tests.support.batch_sending import checked_batch, confirmed_batch, people, send_all, take_turn
from tests.support.entries import on_page, store
from tests.support.people import PASSWORD, acting, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = reverse("batches:new")
LISTS = reverse("batches:batches")
HEADERS = "First name\tLast name\tDate of birth\tEmail"
ADA = "Ada\tKingsley\t1990-01-02\tada@example.com"
BEN = "Ben\tOkonkwo\t1971-05-30\tben@example.com"
TABLE = f"{HEADERS}\n{ADA}\n{BEN}\n"
WITHOUT_NAME = "Cleo\t\t1980-03-04\tcleo@example.com"


def paste(client: Client, table: str = TABLE, order: str = SAMPLE_ORDER, **values: Any) -> Any:
    return client.post(NEW, {"order_ref": order, "table": table, **values})


def only_batch() -> Batch:
    return Batch.objects.get()


def shown_on(answer: Any, batch: Batch, act: str) -> dict[str, str]:
    """What the page of the list posts back of what it shows, with the act of this name."""
    page = answer.content.decode()
    form = page[page.index(f'action="{at(act, batch)}"') :]
    found = re.search('name="shown" value="([0-9a-f]+)"', form[: form.index("</form>")])
    assert found is not None
    return {"shown": found[1]}


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


def test_a_number_is_resolved_as_in_the_form(as_staff: Client, sandbox: SandboxServer) -> None:
    answer = paste(as_staff, order="NO-SUCH-NUMBER-1")
    assert summary_of(answer) == ["No order has this number. Check it, or enter the order reference."]
    assert "Ada" in answer.content.decode()  # what was pasted stays
    answer = paste(as_staff, order=TRIPLE_REFERENCE_ID)
    assert "Choose one" in summary_of(answer)[0]
    refs = re.findall('name="order_choice" value="([^"]+)"', answer.content.decode())
    offered = {
        "order_choice_for": TRIPLE_REFERENCE_ID,
        "order_choices": " ".join(refs),
        "order_choice": refs[1],
    }
    answer = paste(as_staff, order=TRIPLE_REFERENCE_ID, **offered)
    assert answer.status_code == 303
    assert (only_batch().order_ref, only_batch().order_number) == (refs[1], TRIPLE_REFERENCE_ID)


@pytest.mark.parametrize("ref", ["A@1", "A-1"])
def test_order_with_a_reference_of_another_shape_is_refused_as_in_the_form(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    orders = FoundOrders((Order(ref, reference_id="ODD-1"),), is_whole=True)
    monkeypatch.setattr(upload, "find_orders", lambda *_args: orders)
    [problem] = summary_of(paste(as_staff, order="ODD-1"))
    assert "Enter the order reference in full" in problem
    assert not Batch.objects.exists()


def test_long_order_number_is_cut_and_rows_may_name_the_whole(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    number = "ORD-" + "7" * 250
    order, nobody = (
        Order(SAMPLE_ORDER, reference_id=number),
        ListedConsumers((), (), has_ended=True, is_whole=True),
    )
    store_reading(SAMPLE_ORDER, order, nobody, read_at=clock.now())
    answer = paste(as_staff, f"{HEADERS}\tOrder number\n{ADA}\t{number}\n{BEN}\tORD-8\n")
    batch = only_batch()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert batch.order_number == number[:200]
    assert states(batch) == ["ready", "attention"]


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({}, ["Enter the order", "Paste a table or choose a file"]),
        ({"order_ref": SAMPLE_ORDER}, ["Paste a table or choose a file"]),
        ({"table": TABLE}, ["Enter the order"]),
        ({"order_ref": SAMPLE_ORDER, "table": " \n "}, ["Paste a table or choose a file"]),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    as_staff: Client, sandbox: SandboxServer, values: dict[str, str], problems: list[str]
) -> None:
    answer = as_staff.post(NEW, values)
    assert (answer.status_code, summary_of(answer)) == (200, problems)
    assert all(html.escape(value.strip()) in answer.content.decode() for value in values.values())
    assert not Batch.objects.exists()


def test_a_file_has_to_be_chosen_again_after_an_error(as_staff: Client, sandbox: SandboxServer) -> None:
    file = SimpleUploadedFile("people.csv", TABLE.replace("\t", ",").encode())
    answer = as_staff.post(NEW, {"order_ref": "", "file": file})
    assert summary_of(answer) == [
        "Enter the order",
        "Choose the file again: browsers do not keep a chosen file",
    ]
    file.seek(0)
    both = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "table": TABLE, "file": file})
    assert summary_of(both)[0] == "Paste a table or choose a file, not both"
    file.seek(0)
    assert as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file}).status_code == 303
    assert states(only_batch()) == ["ready", "ready"]


def test_an_unreadable_file_is_refused_with_what_to_do(as_staff: Client, sandbox: SandboxServer) -> None:
    file = SimpleUploadedFile("people.csv", b"")
    answer = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file})
    assert summary_of(answer) == ["There are no rows. Put the people in the first sheet, one in each row."]
    assert not Batch.objects.exists()


def test_columns_that_are_not_recognised_are_asked_once(as_staff: Client, sandbox: SandboxServer) -> None:
    table = TABLE.replace("Last name", "Zwxy").replace("First name", "Vuts")
    answer = paste(as_staff, table)
    batch = only_batch()
    assert answer["Location"] == at("columns", batch)
    assert as_staff.get(at("batch", batch))["Location"] == at("columns", batch)
    page = as_staff.get(at("columns", batch))
    assert "To be chosen" in text(page)
    assert "Ada" in text(page)
    answer = as_staff.post(at("columns", batch), {"has_headers": "yes"})
    assert "Choose the field of column 1, or leave it out" in summary_of(answer)
    chosen = {"has_headers": "yes", "column-2": "date_of_birth", "column-3": "emails"}
    twice = as_staff.post(at("columns", batch), {**chosen, "column-0": "last_name", "column-1": "last_name"})
    assert "Another column goes to this field. Leave one of them out" in summary_of(twice)
    nothing = {f"column-{index}": "-" for index in range(4)}
    answer = as_staff.post(at("columns", batch), {"has_headers": "yes", **nothing})
    assert summary_of(answer) == ["Choose the field of at least one column"]
    right = {**chosen, "column-0": "first_name", "column-1": "last_name"}
    answer = as_staff.post(at("columns", batch), right)
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert states(batch) == ["ready", "ready"]
    again = as_staff.post(at("columns", batch), right, follow=True)
    assert "The list had changed meanwhile. Nothing was done" in text(again)


def test_list_without_columns_is_not_checked(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, TABLE.replace("Last name", "Zwxy"))
    batch = only_batch()
    answer = as_staff.post(at("check", batch), follow=True)
    assert "had changed meanwhile" in text(answer)
    assert "To be chosen" in text(answer)
    check_batch(batch, client=get_client())
    assert (only_batch().state, set(states(batch))) == (BatchState.MATCHING, {"unchecked"})


@pytest.mark.sql("new")
def test_columns_of_rows_that_cannot_be_decrypted_are_not_stored(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, TABLE.replace("Last name", "Zwxy"))
    batch = only_batch()
    batch.rows.filter(number=3).update(encrypted_cells=b"of another key")
    names = enumerate(("first_name", "last_name", "date_of_birth", "emails"))
    chosen = {"has_headers": "yes", **{f"column-{index}": name for index, name in names}}
    answer = as_staff.post(at("columns", batch), chosen, follow=True)
    assert "Some rows cannot be decrypted" in text(answer)
    assert only_batch().state == BatchState.MATCHING
    batch.rows.update(encrypted_cells=b"of another key")
    assert as_staff.get(at("columns", batch)).status_code == 200


@pytest.mark.sql("new")
def test_the_order_of_dates_is_asked_with_both_readings(as_staff: Client, sandbox: SandboxServer) -> None:
    table = TABLE.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971")
    paste(as_staff, table)
    batch = only_batch()
    page = text(as_staff.get(at("columns", batch)))
    assert "03/04/1990 is 3 April 1990" in page
    assert "03/04/1990 is 4 March 1990" in page
    chosen = {
        "has_headers": "yes",
        **{
            f"column-{at}": name
            for at, name in enumerate(("first_name", "last_name", "date_of_birth", "emails"))
        },
    }
    assert "Choose how the dates are written" in summary_of(as_staff.post(at("columns", batch), chosen))
    answered = {**chosen, "date_order": "month-day", "date_column": "2"}
    assert as_staff.post(at("columns", batch), answered).status_code == 303
    assert selectors.rows_of(batch)[0].values["date_of_birth"] == "1990-03-04"


def date_column_of(answer: Any) -> str:
    """The column whose dates the page asks about."""
    [found] = re.findall(r'name="date_column" value="(\d+)"', answer.content.decode())
    return str(found)


@pytest.mark.parametrize(
    ("other", "asked_again", "expected"),
    [
        (("04/13/1990", "03/04/1971"), False, "1990-04-13"),
        (("03/05/1990", "03/04/1971"), True, "1990-05-03"),
    ],
)
def test_an_answer_about_the_dates_of_one_column_is_no_answer_about_another(
    as_staff: Client, sandbox: SandboxServer, other: tuple[str, str], asked_again: bool, expected: str
) -> None:
    head, ada, ben = (
        TABLE.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971").split("\n")[:3]
    )
    paste(as_staff, f"{head}\tOther\n{ada}\t{other[0]}\n{ben}\t{other[1]}\n")
    batch = only_batch()
    page = as_staff.get(at("columns", batch))
    assert date_column_of(page) == "2"
    fields = ("first_name", "last_name", "-", "emails", "date_of_birth")
    chosen = {"has_headers": "yes", **{f"column-{index}": name for index, name in enumerate(fields)}}
    answer = as_staff.post(at("columns", batch), {**chosen, "date_order": "day-month", "date_column": "2"})
    if asked_again:
        assert summary_of(answer) == ["Choose how the dates are written"]
        assert f"{other[0]} is 3 May 1990" in text(answer)
        assert date_column_of(answer) == "4"
        assert (
            "checked"
            not in answer.content.decode().partition('name="date_order"')[2].partition("</fieldset>")[0]
        )
        answer = as_staff.post(
            at("columns", batch), {**chosen, "date_order": "day-month", "date_column": "4"}
        )
    assert answer.status_code == 303
    assert selectors.rows_of(batch)[0].values["date_of_birth"] == expected


def test_row_with_an_error_is_corrected_in_the_form(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, f"{TABLE}{WITHOUT_NAME}\n{WITHOUT_NAME.replace('Cleo', 'Dan').replace('1980', '1985')}")
    batch = only_batch()
    page = as_staff.get(at("batch", batch))
    assert "2 rows have errors" in text(page)
    assert "Correct them here" in text(page)
    assert "The rows that are ready can be sent before." in text(page)
    assert "Ada" not in text(page)  # rows that need attention are shown first
    assert "Ada" in text(as_staff.get(at("batch", batch), {"show": "all"}))
    row = as_staff.get(at("row", batch, 4))
    assert "Enter the last name" in summary_of(row)
    values = values_of(row)
    unchanged = as_staff.post(at("row", batch, 4), values)
    assert "Enter the last name" in summary_of(unchanged)
    answer = as_staff.post(at("row", batch, 4), {**values, "last_name": "Marlowe", "then": "next"})
    assert (answer.status_code, answer["Location"]) == (303, at("row", batch, 5))
    stale = as_staff.post(at("row", batch, 4), {**values, "last_name": "Other", "then": "next"})
    assert stale.status_code == 409
    assert "The row had changed meanwhile" in text(stale)
    assert "Other" in stale.content.decode()
    values = values_of(as_staff.get(at("row", batch, 5)))
    answer = as_staff.post(at("row", batch, 5), {**values, "last_name": "Nakamura", "then": "next"})
    assert answer["Location"] == f"{at('batch', batch)}#rows"
    assert states(batch) == ["ready"] * 4


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


def test_warnings_are_confirmed_by_kind_and_similar_rows_with_a_reason(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    twin = ADA.replace("ada@example.com", "a.kingsley@example.com")
    paste(as_staff, f"{TABLE}{twin}")
    batch = only_batch()
    page = as_staff.get(at("batch", batch))
    assert "Confirm for 1 row" in text(page)
    [code] = re.findall('name="code" value="([^"]+)"', page.content.decode())
    assert code == "similar_row"
    nothing = as_staff.post(at("accept", batch))
    assert summary_of(nothing) == ["Tick the warnings that you want to confirm"]
    shown = shown_on(page, batch, "accept")
    without = as_staff.post(at("accept", batch), {"code": code, **shown})
    assert summary_of(without) == ["Choose why the consumer should be created anyway"]
    assert " checked" in without.content.decode()
    decided = {"code": code, "similar_reason": "family_member"}
    other = as_staff.post(at("accept", batch), {**decided, "shown": "x"}, follow=True)
    assert "had changed meanwhile" in text(other)
    assert states(batch) == ["ready", "ready", "attention"]
    assert as_staff.post(at("accept", batch), {**decided, **shown}).status_code == 303
    assert states(batch) == ["ready"] * 3
    ready = text(as_staff.get(at("batch", batch)))
    assert "Send 3 rows to Sitecore CDP" in ready
    assert "Warning confirmed for 1 row:" in ready
    stale = as_staff.post(at("accept", batch), {"code": code}, follow=True)
    assert "had changed meanwhile" in text(stale)


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


def test_rows_that_were_not_sent_are_sent_again(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    assert set(states(batch)) == {"rejected"}
    page = text(as_staff.get(at("batch", batch)))
    assert "Only what failed, again: a new list of 2 rows" in page
    Submission.objects.update(outcome=Outcome.NOT_SENT, error_code="connect_refused", http_status=None)
    shown = as_staff.get(at("batch", batch))
    assert "Send again: 2 rows that were not sent" in text(shown)
    as_staff.post(at("send_again", batch), shown_on(shown, batch, "send_again"))
    assert set(states(batch)) <= {"ready", "attention"}
    assert "had changed meanwhile" in text(
        as_staff.post(at("send_again", batch), {"number": "2"}, follow=True)
    )


@pytest.mark.sql("new")
def test_what_failed_becomes_a_new_list_that_names_the_old_one(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2), order=FAULT_ORDERS["404"])
    send_all(batch)
    answer = as_staff.post(at("rows_again", batch))
    made = Batch.objects.exclude(pk=batch.pk).get()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", made))
    assert at("batch", batch) in as_staff.get(at("batch", made)).content.decode()


def test_what_cannot_be_decrypted_becomes_no_new_list(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(2))
    as_staff.post(at("leave_out", batch), {"number": "2"})
    control.stop(batch, actor=acting(staff))
    assert "a new list of 1 row" in text(as_staff.get(at("batch", batch)))
    batch.rows.update(encrypted_values=b"of another key")
    answer = as_staff.post(at("rows_again", batch), follow=True)
    assert "Some rows cannot be decrypted" in text(answer)
    assert Batch.objects.count() == 1


def test_what_failed_is_not_offered_before_the_end(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.faults.arm(Armed("422"))
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    control.pause(batch, actor=acting(staff))
    assert states(batch) == ["rejected", "ready"]
    assert "Only what failed" not in text(as_staff.get(at("batch", batch)))
    control.stop(batch, actor=acting(staff))
    assert "a new list of 2 rows" in text(as_staff.get(at("batch", batch)))


@pytest.mark.sql("new")
def test_row_that_was_created_is_released_with_a_reason(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    first = confirmed_batch(staff, people(1))
    send_all(first)
    batch = checked_batch(staff, people(1))
    as_staff.post(at("check", batch))
    assert states(batch) == ["already_sent"]
    page = as_staff.get(at("batch", batch))
    assert staff.name in text(page)
    row = as_staff.get(at("row", batch, 2))
    assert "This row was sent already" in text(row)
    earlier = {"earlier": str(row_of(batch, 2).earlier)}
    assert on_page(row)["earlier"] == earlier["earlier"]
    without = as_staff.post(at("release", batch, 2), earlier)
    assert "Choose why the row is sent again" in summary_of(without)
    unseen = as_staff.post(at("release", batch, 2), {"reason": "another_person"}, follow=True)
    assert "had changed meanwhile" in text(unseen)
    assert states(batch) == ["already_sent"]
    released = as_staff.post(at("release", batch, 2), {**earlier, "reason": "another_person"})
    assert released.status_code == 303
    assert states(batch) != ["already_sent"]
    assert len(events("batch.row_released")) == 1
    again = as_staff.post(at("release", batch, 2), {"reason": "another_person"}, follow=True)
    assert "had changed meanwhile" in text(again)


def test_row_that_was_created_leads_to_its_receipt(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    send_all(batch)
    submission = Submission.objects.get()
    receipt = reverse("consumers:receipt", args=[submission.public_id])
    assert as_staff.get(at("row", batch, 2))["Location"] == receipt
    assert as_staff.get(at("row", batch, 3)).status_code == 404
    assert as_staff.get(at("row", batch, 2**31)).status_code == 404


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


def test_lists_say_what_to_do_if_there_are_none_and_the_start_page_shows_those_going_on(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    page = as_staff.get(LISTS)
    assert "No lists yet" in text(page)
    assert NEW in page.content.decode()
    batch = confirmed_batch(staff, people(2))
    take_turn(batch)
    start = text(as_staff.get("/"))
    assert "Being sent" in start
    assert "50 %" in start
    send_all(batch)
    assert at("batch", batch) not in as_staff.get("/").content.decode()
    assert at("batch", batch) in as_staff.get(LISTS).content.decode()


@pytest.mark.parametrize("state", [OwnState.NEEDS_ATTENTION, OwnState.READY, OwnState.UNCHECKED])
def test_finished_list_that_waits_for_the_person_is_on_the_start_page(
    as_staff: Client, staff: User, sandbox: SandboxServer, state: OwnState
) -> None:
    batch = confirmed_batch(staff, people(2))
    batch.rows.filter(number=3).update(state=state, version=2)
    send_all(batch)
    assert states(batch) == ["created", state]
    assert batch.state == BatchState.FINISHED
    assert at("batch", batch) in as_staff.get("/").content.decode()
    as_staff.post(at("leave_out", batch), {"number": "3"})
    assert at("batch", batch) not in as_staff.get("/").content.decode()


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
    assert "1 row is ready. It is sent once you confirm it." in text(page)
    assert not selectors.rows_to_send(batch).exists()
    as_staff.post(at("confirm", batch), shown_on(page, batch, "confirm"))
    batch.refresh_from_db()
    send_all(batch)
    assert states(batch) == ["created", "created"]


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
    changing.leave_out(batch, [2], actor=acting(staff))
    page = as_staff.get(at("batch", batch))
    assert (receipt in page.content.decode(), problem in text(page)) == (False, False)


@pytest.mark.sql("new")
def test_lists_are_paged(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.batches.views.lists.PAGE_SIZE", 1)
    made = [checked_batch(staff, people(1)) for _ in range(2)]
    page = as_staff.get(LISTS).content.decode()
    assert at("batch", made[1]) in page
    assert at("batch", made[0]) not in page
    following = re.search('rel="next" href="([^"]+)"', page)
    assert following is not None
    assert at("batch", made[0]) in as_staff.get(html.unescape(following[1])).content.decode()


@pytest.mark.parametrize("format_", ["xlsx", "csv"])
def test_result_is_downloaded_and_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer, format_: str
) -> None:
    batch = checked_batch(staff, people(1))
    answer: Any = as_staff.get(at("result", batch), {"format": format_})
    assert answer["Content-Disposition"].endswith(f'.{format_}"')
    assert b"".join(answer.streaming_content)
    [event] = events("batch.downloaded")
    assert ShownKey.objects.filter(key=key_of("batch", batch.public_id), seq=event.seq).exists()
    for other in ("exe", "jsonl"):
        assert as_staff.get(at("result", batch), {"format": other}).status_code == 400


@pytest.mark.parametrize("format_", ["xlsx", "csv"])
def test_template_is_downloaded_and_read_back(as_staff: Client, sandbox: SandboxServer, format_: str) -> None:
    answer = as_staff.get(reverse("batches:template"), {"format": format_})
    assert (answer.status_code, bool(answer.content)) == (200, True)
    for other in ("exe", "jsonl"):
        assert as_staff.get(reverse("batches:template"), {"format": other}).status_code == 400


def _lost(*_: Any, **__: Any) -> Any:
    raise OperationalError("the connection is lost")


@pytest.mark.sql("new")
def test_pasted_table_stays_if_the_database_is_lost_before_it_is_stored(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = re.search('name="entry_of" value="([^"]+)"', as_staff.get(NEW).content.decode())
    assert author is not None
    as_staff.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(upload, "create_batch", _lost)
        answer = paste(as_staff, entry_of=author[1])
    assert answer.status_code == 503
    assert html.escape(BEN) in answer.content.decode()  # in a form that sends it again
    assert "check whether it was already done" in text(answer)  # a second list would be stored
    assert "never processed twice" not in text(answer)
    assert "chosen again" not in text(answer)
    assert not Batch.objects.exists()
    assert paste(as_staff).status_code == 303


@pytest.mark.sql("new")
def test_file_is_asked_for_again_if_the_database_is_lost_before_it_is_stored(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    author = re.search('name="entry_of" value="([^"]+)"', as_staff.get(NEW).content.decode())
    assert author is not None
    as_staff.raise_request_exception = False
    monkeypatch.setattr(upload, "create_batch", _lost)
    file = SimpleUploadedFile("people.csv", TABLE.encode())
    answer = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file, "entry_of": author[1]})
    assert answer.status_code == 503
    assert on_page(answer)["order_ref"] == SAMPLE_ORDER
    assert "A file has to be chosen again." in text(answer)


@pytest.mark.sql("new")
def test_stored_list_is_checked_later_if_the_database_is_lost_meanwhile(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checked, "check_batch", _lost)
        answer = paste(as_staff)
    batch = only_batch()
    assert answer["Location"] == at("batch", batch)
    assert states(batch) == ["unchecked"] * 2
    page = text(as_staff.get(at("batch", batch)))
    assert "2 rows are not checked." in page
    assert "Send" not in page
    as_staff.post(at("check", batch))
    assert states(batch) == ["ready"] * 2


@pytest.mark.sql("new")
@pytest.mark.parametrize("name", ["confirm", "leave_out", "pause"])
def test_act_without_a_database_says_so(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    batch = checked_batch(staff, people(1))
    as_staff.raise_request_exception = False
    monkeypatch.setattr(control, "confirm", _lost)
    monkeypatch.setattr(control, "pause", _lost)
    monkeypatch.setattr(changing, "leave_out", _lost)
    answer = as_staff.post(at(name, batch), {"shown": "x", "number": "2"})
    assert answer.status_code == 503
    assert "Nothing was changed" not in text(answer)  # it may have been
    assert states(batch) == ["ready"]


def test_what_was_typed_comes_back_after_the_session_ended_and_the_file_is_asked_for(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    author = re.search('name="entry_of" value="([^"]+)"', as_staff.get(NEW).content.decode())
    assert author is not None
    visitor = Client()
    file = SimpleUploadedFile("people.csv", TABLE.encode())
    answer = visitor.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file, "entry_of": author[1]})
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={NEW}")
    visitor.post(reverse("account_login"), {"login": staff.username, "password": PASSWORD, "next": NEW})
    page = visitor.get(NEW)
    assert SAMPLE_ORDER in page.content.decode()
    assert "A file has to be chosen again." in text(page)
    assert not Batch.objects.exists()


def test_ways_to_it(as_staff: Client, sandbox: SandboxServer) -> None:
    to_order = f"{NEW}?order={GROUP_ORDER}"
    assert to_order in as_staff.get(reverse("orders:order", args=[GROUP_ORDER])).content.decode()
    assert to_order in as_staff.get(reverse("consumers:new"), {"order": GROUP_ORDER}).content.decode()
    start = as_staff.get("/").content.decode()
    assert f'href="{NEW}"' in start
    assert f'href="{LISTS}"' in start


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


def test_another_list_of_a_stopped_batch(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = confirmed_batch(staff, people(1))
    control.stop(batch, actor=acting(staff))
    answer = as_staff.post(at("leave_out", batch), {"number": "2"}, follow=True)
    assert "had changed meanwhile" in text(answer)
    assert batch.rows.get().state == OwnState.LEFT_OUT


def test_headers_alone_are_no_list(as_staff: Client, sandbox: SandboxServer) -> None:
    answer = paste(as_staff, table=f"{HEADERS}\n")
    assert summary_of(answer) == ["There are no rows. Put the people in the first sheet, one in each row."]
    assert not Batch.objects.exists()


@pytest.mark.sql("new")
@pytest.mark.parametrize("format_", ["xlsx", "csv"])
def test_a_template_that_nobody_filled_is_no_list(
    as_staff: Client, sandbox: SandboxServer, format_: str
) -> None:
    content = as_staff.get(reverse("batches:template"), {"format": format_}).content
    file = SimpleUploadedFile(f"template.{format_}", content)
    answer = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, "file": file})
    assert answer.status_code == 200
    assert "There are no rows." in text(answer)
    assert not Batch.objects.exists()


def test_columns_that_are_not_sent_are_named(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, table=f"{HEADERS}\tRoom\t\n{ADA}\t12\tx\n")
    batch = only_batch()
    fields = dict(enumerate(("first_name", "last_name", "date_of_birth", "emails", "-", "-")))
    chosen = {f"column-{index}": field for index, field in fields.items()}
    as_staff.post(at("columns", batch), {**chosen, "has_headers": "yes"})
    assert "These columns are not sent: Room, column 6." in text(as_staff.get(at("batch", batch)))
    again = paste(as_staff, table=f"{HEADERS}\tRoom\t\n{BEN}\t12\tx\n")  # as remembered, without asking
    assert "These columns are not sent: Room, column 6." in text(as_staff.get(again["Location"]))


def test_list_without_headers_has_no_person_more_than_a_list_may(
    as_staff: Client, sandbox: SandboxServer, settings: Settings
) -> None:
    settings.BATCH_MAX_ROWS = 2
    rows = ["Ada\tKingsley\tada@example.com", "Ben\tOkonkwo\tben@example.com", "Cy\tYoung\tcy@example.com"]
    assert paste(as_staff, "\n".join(rows)).status_code == 303
    batch = only_batch()
    answers = {"column-0": "first_name", "column-1": "last_name", "column-2": "emails"}
    answer = as_staff.post(at("columns", batch), {"has_headers": "no", **answers}, follow=True)
    assert "The table has 3 rows, too many for one list." in text(answer)
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count()) == (BatchState.MATCHING, 3)
    as_staff.post(at("columns", batch), {"has_headers": "yes", **answers})
    batch.refresh_from_db()
    assert (batch.state, batch.rows.count()) == (BatchState.CHECKED, 2)


def test_rows_that_are_ready_are_named_only_if_there_are_any(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, f"{HEADERS}\n{WITHOUT_NAME}\n")
    page = text(as_staff.get(at("batch", only_batch())))
    assert "1 row has errors" in page
    assert "can be sent before" not in page


def test_navigation_has_the_name_of_the_page_that_it_leads_to(as_staff: Client) -> None:
    page = as_staff.get(LISTS).content.decode()
    [name] = re.findall(f'href="{LISTS}"[^>]*>([^<]+)<', page[: page.index("<main")])
    assert f"<h1>{name}</h1>" in page
