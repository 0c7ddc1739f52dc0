"""The choice of columns is not lost: after the session, after an error, and before the page is left."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.changing.rows import leave_out
from apps.batches.models import Batch, BatchState
from apps.batches.sending import control
from apps.batches.views import columns
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import TABLE, at, only_batch, paste, summary_of, text
from tests.support.batch_rows import states
from tests.support.entries import on_page
from tests.support.people import PASSWORD, acting

pytestmark = [pytest.mark.django_db, pytest.mark.sql("new")]

UNKNOWN = TABLE.replace("Last name", "Zwxy")
CHOSEN = {
    "has_headers": "yes",
    "column-0": "first_name",
    "column-1": "last_name",
    "column-2": "-",
    "column-3": "emails",
}


def _sent_without_a_session(batch: Batch, values: dict[str, str]) -> Client:
    visitor = Client()
    answer = visitor.post(at("columns", batch), values)
    assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={at('columns', batch)}")
    return visitor


def _sign_in(visitor: Client, person: User) -> None:
    visitor.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})


def test_choice_comes_back_after_the_session_ended(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    paste(as_staff, UNKNOWN)
    batch = only_batch()
    asked = on_page(as_staff.get(at("columns", batch)))
    visitor = _sent_without_a_session(batch, {**asked, **CHOSEN})
    _sign_in(visitor, staff)
    page = visitor.get(at("columns", batch))
    assert "Your session had ended when you sent the form. What you chose is below." in text(page)
    assert 'data-warn-before-leaving="unsaved"' in page.content.decode()
    back = on_page(page)
    assert CHOSEN.items() <= back.items()
    assert visitor.post(at("columns", batch), back)["Location"] == at("batch", batch)
    assert only_batch().targets == ["first_name", "last_name", "", "emails"]


def test_agreement_that_comes_back_after_the_session_is_asked_again_if_other_rows_were_changed(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    paste(as_staff)
    batch = only_batch()
    leave_out(batch, [3], actor=acting(staff))
    seen = on_page(as_staff.get(at("columns", batch)))
    sent = {**seen, **CHOSEN, "discard": "on"}
    visitor = _sent_without_a_session(batch, sent)
    later = _sent_without_a_session(batch, sent)
    _sign_in(visitor, staff)
    assert on_page(visitor.get(at("columns", batch)))["discard"] == "on"
    leave_out(batch, [2], actor=acting(staff))
    _sign_in(later, staff)
    page = later.get(at("columns", batch))
    back = on_page(page)
    assert CHOSEN.items() <= back.items()
    assert "discard" not in back
    assert "2 rows were changed" in text(page)
    later.post(at("columns", batch), back)
    assert states(batch) == ["left_out", "left_out"]


def test_choice_that_comes_back_too_late_is_said_to_be_void(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    paste(as_staff, UNKNOWN)
    batch = only_batch()
    asked = on_page(as_staff.get(at("columns", batch)))
    visitor = _sent_without_a_session(batch, {**asked, **CHOSEN})
    control.stop(batch, actor=acting(staff))
    _sign_in(visitor, staff)
    page = visitor.get(at("columns", batch), follow=True)
    assert "The list was discarded. Nothing was done." in text(page)


def test_changed_choice_is_not_left_without_a_question(as_staff: Client, sandbox: SandboxServer) -> None:
    paste(as_staff, UNKNOWN)
    batch = only_batch()
    page = as_staff.get(at("columns", batch)).content.decode()
    assert " data-warn-before-leaving>" in page
    wrong = as_staff.post(at("columns", batch), {**CHOSEN, "column-0": ""}).content.decode()
    assert ' data-warn-before-leaving="unsaved">' in wrong


def test_answer_about_the_dates_stays_if_a_field_was_chosen_twice(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    paste(as_staff, UNKNOWN.replace("1990-01-02", "03/04/1990").replace("1971-05-30", "05/06/1971"))
    batch = only_batch()
    dates = {"column-2": "date_of_birth", "date_column": "2", "date_order": "month-day"}
    twice = as_staff.post(at("columns", batch), {**CHOSEN, **dates, "column-1": "first_name"})
    assert summary_of(twice) == ["Another column goes to this field. Leave one of them out"]
    back = on_page(twice)
    assert dates.items() <= back.items()
    as_staff.post(at("columns", batch), {**back, "column-1": "last_name"})
    assert only_batch().date_order == "month-day"


def test_choice_is_sent_again_after_the_database_was_lost(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    paste(as_staff, UNKNOWN)
    batch = only_batch()
    asked = on_page(as_staff.get(at("columns", batch)))
    as_staff.raise_request_exception = False

    def lose(*_values: Any, **_named: Any) -> None:
        raise OperationalError("connection lost")

    monkeypatch.setattr(columns, "choose_columns", lose)
    answer = as_staff.post(at("columns", batch), {**asked, **CHOSEN})
    assert answer.status_code == 503
    assert CHOSEN.items() <= on_page(answer).items()
    assert only_batch().state == BatchState.MATCHING
