"""A draft belongs to its author: other people neither see nor change it, and the account stays."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.test import Client

from apps.accounts.models import User
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Draft
from sandbox.server.sandbox_server import SandboxServer
from tests.support.draft_tabs import NEW, Tab, saved_values
from tests.support.entries import posted, text
from tests.support.people import make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_draft_of_another_person_is_not_found_and_stays(as_staff: Client, as_supervisor: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    theirs = Tab(as_supervisor)
    theirs.mark = tab.mark
    assert theirs.save(last_name="Theirs").status_code == 404
    opened = [as_supervisor.get(f"{NEW}?draft={named}") for named in (tab.mark.public_id, uuid.uuid4())]
    assert [(one.status_code, one["Location"]) for one in opened] == [(303, "/")] * 2
    absent = "You have no such draft. A draft is deleted 7 days after its last change."
    assert text(as_supervisor.get("/")).count(absent) == 2  # the same for both
    assert as_supervisor.post(f"/consumers/drafts/{tab.mark.public_id}/discard/").status_code == 404
    assert "Mine" not in text(as_supervisor.get("/"))
    assert [one["last_name"] for one in saved_values()] == ["Mine"]


def test_page_of_another_person_on_a_shared_machine_saves_nothing(
    as_staff: Client, as_supervisor: Client
) -> None:
    left_open = Tab(as_staff)
    left_open.client = as_supervisor  # she has signed in since, in the same browser
    answer = left_open.save(last_name="Theirs")
    assert answer.status_code == 403
    assert answer.json() == {"problem": "Draft not saved: this page was opened by another person"}
    for author in ("", "forged"):
        assert Tab(as_staff).save(entry_of=author).status_code == 403
    assert not Draft.objects.exists()


def test_page_of_another_person_gets_the_same_answer_if_its_csrf_token_is_old(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    left_open = Tab(client)
    client.force_login(make_person("mallory", "staff"))
    answer = left_open.save(last_name="Mine", csrfmiddlewaretoken="a" * 64)
    assert answer.status_code == 403
    assert answer.json() == {"problem": "Draft not saved: this page was opened by another person"}
    assert "sealed_entries" not in client.session


def test_create_with_the_mark_of_another_persons_draft_leaves_it(
    as_staff: Client, as_supervisor: Client, sandbox: SandboxServer
) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    answer = as_supervisor.post(NEW, {**posted(), "draft": str(tab.mark)})
    assert answer.status_code == 303
    assert [one["last_name"] for one in saved_values()] == ["Mine"]


def test_administrator_has_no_drafts(as_staff: Client, as_administrator: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    address = f"/consumers/drafts/{tab.mark.public_id}/"
    assert as_administrator.post(address, {"draft": str(tab.mark)}).status_code == 403
    assert as_administrator.get(f"{NEW}?draft={tab.mark.public_id}").status_code == 403
    assert "Drafts" not in text(as_administrator.get("/"))


@pytest.mark.sql("new")
@pytest.mark.django_db(transaction=True)
def test_save_for_an_account_that_was_deleted_meanwhile_fails(staff: User) -> None:
    gone = staff.pk
    staff.delete()
    with pytest.raises(IntegrityError):
        drafts.save(DraftMark.new(), {"last_name": "Mine"}, person_id=gone)
    assert not Draft.objects.exists()


@pytest.mark.sql("new")
def test_person_with_drafts_cannot_be_deleted(staff: User) -> None:
    drafts.save(DraftMark.new(), {"last_name": "Mine"}, person_id=staff.pk)
    with pytest.raises(ProtectedError):
        staff.delete()
    assert len(saved_values()) == 1
