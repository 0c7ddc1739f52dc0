"""What becomes of a draft when its consumer is created, or not."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError
from django.test import Client

from apps.accounts.models import User
from apps.consumers.models import Draft, Submission
from apps.consumers.sending import submit
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.draft_tabs import NEW, Tab, open_draft, saved_values
from tests.support.entries import FULL, clean, create_anyway, on_page, posted
from tests.support.people import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
@pytest.mark.parametrize("fault", ["", "401", "reset_after"], ids=["created", "rejected", "unknown"])
def test_create_finishes_the_draft_and_a_late_save_does_not_bring_it_back(
    as_staff: Client, sandbox: SandboxServer, fault: str
) -> None:
    if fault:
        sandbox.sandbox.faults.arm(Armed(fault))
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))
    assert tab.post().status_code == 303
    late = tab.save(lost=True)
    assert late.status_code == 410
    assert saved_values() == []
    assert Draft.objects.get().encrypted_values == b""
    assert late.json()["draft"].partition("/")[0] != str(tab.mark.public_id)
    opened = as_staff.get(f"{NEW}?draft={tab.mark.public_id}")
    assert (opened.status_code, opened["Location"]) == (303, NEW)


@pytest.mark.sql("new")
def test_first_save_that_arrives_after_the_create_is_refused(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    assert tab.post().status_code == 303
    assert tab.save(lost=True).status_code == 410
    assert saved_values() == []


def test_warning_keeps_the_draft_until_the_consumer_is_created(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    assert as_staff.post(NEW, posted()).status_code == 303
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))
    warned = tab.post()
    assert warned.context["warnings"]
    assert on_page(warned)["draft"] == str(tab.mark)
    assert len(saved_values()) == 1
    assert create_anyway(as_staff, {**tab.form, "draft": str(tab.mark)}).status_code == 303
    assert saved_values() == []


@pytest.mark.sql("new")
def test_create_that_cannot_be_written_keeps_the_draft(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = Tab(as_staff)
    tab.save(posted(token=tab.form["token"]))

    def lose(*_arguments: Any, **_named: Any) -> None:
        raise DatabaseError("lost")

    monkeypatch.setattr(submit, "record", lose)
    page = tab.post()
    assert page.status_code == 503
    assert on_page(page)["draft"] == str(tab.mark)
    assert not Submission.objects.exists()
    assert len(saved_values()) == 1


@pytest.mark.sql("new")
def test_create_of_a_tab_finishes_only_what_that_tab_wrote(as_staff: Client, sandbox: SandboxServer) -> None:
    first = Tab(as_staff)
    first.save(last_name="One")
    second = open_draft(as_staff, first.mark.public_id)
    second.save(last_name="Two")
    first.save(lost=True, last_name="Three")  # a separate draft, which the page does not know of
    first.form |= posted(token=first.form["token"])
    assert first.post().status_code == 303
    assert [one["last_name"] for one in saved_values()] == ["Two"]


@pytest.mark.sql("new")
@pytest.mark.parametrize("at_the_same_time", [False, True])
def test_entry_that_is_sent_again_leaves_no_draft_of_a_late_save(
    as_staff: Client, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, at_the_same_time: bool
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()  # the answer is lost
    assert tab.save().status_code == 410
    assert tab.save().status_code == 200
    if at_the_same_time:  # the first look finds nothing yet, and the insert is refused
        looks = mock.Mock(wraps=submit._existing_submission, side_effect=[None, mock.DEFAULT])
        monkeypatch.setattr(submit, "_existing_submission", looks)
    assert tab.post().status_code == 303
    assert Submission.objects.count() == 1
    assert saved_values() == []


def test_entry_that_comes_back_after_sign_in_is_not_a_draft_again_if_it_was_sent(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()  # the answer is lost
    as_staff.logout()
    assert tab.post().status_code == 302
    as_staff.post("/accounts/login/", {"login": staff.username, "password": PASSWORD, "next": NEW})
    back = Tab(as_staff)
    assert back.form["last_name"] == FULL.last_name
    assert " data-may-be-sent" in back.page.content.decode()  # then the script takes 410 as "sent"
    assert back.save(lost=True).status_code == 410
    assert back.post().status_code == 303
    assert Submission.objects.count() == 1
    assert saved_values() == []
    assert " data-may-be-sent" not in as_staff.get(NEW).content.decode()


def test_used_form_keeps_its_draft_so_that_the_next_create_leaves_none(
    as_staff: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.form |= posted(token=tab.form["token"])
    tab.post()
    tab.form = posted(clean(), token=tab.form["token"]) | {"entry_of": tab.form["entry_of"]}
    assert tab.save().status_code == 410
    assert tab.save().status_code == 200
    page = tab.post()
    assert page.context["used"]
    tab.form = on_page(page)
    assert tab.form["draft"] == str(tab.mark)
    assert tab.save().status_code == 200
    assert tab.post().status_code == 303
    assert Submission.objects.count() == 2
    assert saved_values() == []
