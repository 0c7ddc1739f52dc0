"""The page of a new list: its order and its table or file, what it refuses, and what stays typed."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts.models import User
from apps.batches.columns.matching import propose
from apps.batches.models import Batch
from apps.batches.views import upload
from apps.cdp.client import ListedConsumers
from apps.cdp.records import Order
from apps.consumers.models import IdentityRule
from apps.consumers.order_lookup.lookup import FoundOrders
from apps.consumers.order_lookup.readings import store_reading
from apps.consumers.views import order_panel
from apps.core import clock
from sandbox.data.seed import SAMPLE_ORDER, TRIPLE_REFERENCE_ID
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import ADA, BEN, HEADERS, NEW, TABLE, at, only_batch, paste, summary_of, text
from tests.support.batch_rows import findings, row_of, states
from tests.support.people import PASSWORD, events

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


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
    more = {**offered, "order_choices": f"{offered['order_choices']} more"}
    again = paste(as_staff, "", order=TRIPLE_REFERENCE_ID, **more)  # without people it is shown again
    assert "Choose one. There may be more.</legend>" in again.content.decode()
    answer = paste(as_staff, order=TRIPLE_REFERENCE_ID, **offered)
    assert answer.status_code == 303
    assert (only_batch().order_ref, only_batch().order_number) == (refs[1], TRIPLE_REFERENCE_ID)


@pytest.mark.parametrize("ref", ["A@1", "A-1"])
def test_order_with_a_reference_of_another_shape_is_refused_as_in_the_form(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    orders = FoundOrders((Order(ref, reference_id="ODD-1"),), is_whole=True)
    monkeypatch.setattr(order_panel, "find_orders", lambda *_args, **_options: orders)
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


@pytest.mark.sql("new")
def test_headers_of_a_second_list_below_the_first_are_no_person(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    people = "first name\tLAST NAME\nAda\tLovelace\nFirst name\tLast name\nFirst\tName\n"
    paste(as_staff, people)
    batch = only_batch()
    assert [row.text for row in findings(batch, 3).errors] == ["This row repeats the headers. Leave it out"]
    assert findings(batch, 2).errors == findings(batch, 4).errors == ()


@pytest.mark.sql("new")
def test_provider_that_is_removed_during_an_upload_loses_nothing(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    IdentityRule.objects.create(name="Profile", provider="ProfileSystem", priority=1)
    IdentityRule.objects.create(name="Loyalty", provider="Loyalty", priority=2)

    def slow(*args: Any, **kwargs: Any) -> Any:
        proposal = propose(*args, **kwargs)
        IdentityRule.objects.filter(provider="ProfileSystem").delete()
        return proposal

    monkeypatch.setattr(upload, "propose", slow)
    answer = paste(as_staff, f"{HEADERS}\tProfileSystem\n{ADA}\tP-1\n{BEN}\t\n")
    batch = only_batch()
    assert (answer.status_code, answer["Location"]) == (303, at("batch", batch))
    assert row_of(batch, 2).values["identifiers-0-id"] == "P-1"
    assert states(batch) == ["ready", "ready"]


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


@pytest.mark.parametrize("field", ["table", "file"])
def test_lists_beyond_the_limit_are_refused_before_they_are_read(
    as_staff: Client, sandbox: SandboxServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    settings.LISTS_PER_HOUR = 2
    assert paste(as_staff).status_code == 303
    assert as_staff.post(NEW, {"order_ref": SAMPLE_ORDER}).status_code == 200  # nothing to read: not counted
    assert paste(as_staff, table=f"{HEADERS}\n").status_code == 200
    monkeypatch.delattr(upload, "read_file")
    monkeypatch.delattr(upload, "read_pasted")
    given = {"table": TABLE, "file": SimpleUploadedFile("people.csv", TABLE.encode())}[field]
    answer = as_staff.post(NEW, {"order_ref": SAMPLE_ORDER, field: given})
    assert (answer.status_code, summary_of(answer)) == (
        429,
        ["You have added too many lists within the last hour. Wait a while, then try again."],
    )
    page = answer.content.decode()
    assert f'href="#id_{field}"' in page
    assert f'value="{SAMPLE_ORDER}"' in page
    assert (html.escape(ADA) in page) is (field == "table")
    assert only_batch()
    assert [event.details for event in events("limit.reached")] == [{"what": "list"}]


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
