"""How many drafts there may be, and when they are deleted."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers import drafts
from apps.consumers.drafts import DraftMark
from apps.consumers.models import Draft
from apps.core import clock
from tests.support.draft_tabs import NEW, Tab, saved_values
from tests.support.entries import on_page, text

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_more_drafts_than_the_limit_are_refused_and_none_is_deleted(
    as_staff: Client, settings: Settings
) -> None:
    settings.DRAFTS_PER_PERSON = 2
    tabs = [Tab(as_staff) for _ in range(3)]
    assert [tab.save(last_name="x").status_code for tab in tabs] == [200, 200, 409]
    assert "you have 2 drafts" in tabs[2].save(last_name="y").json()["problem"]
    assert tabs[0].save(last_name="z").status_code == 200
    assert len(saved_values()) == 2
    as_staff.post(f"/consumers/drafts/{tabs[1].mark.public_id}/discard/")
    assert tabs[2].save(last_name="y").status_code == 200


@pytest.mark.sql("new")
def test_worker_deletes_a_draft_after_its_days_and_a_finished_one_not_before_its_session_ends(
    as_staff: Client, staff: User, settings: Settings
) -> None:
    settings.DRAFT_DAYS, settings.SESSION_ABSOLUTE_SECONDS = 1, 3 * 24 * 3600
    mark = DraftMark(uuid.uuid4(), uuid.uuid4(), 0, 1)
    done = DraftMark.new()
    drafts.save(mark, {"last_name": "Old"}, person_id=staff.pk)
    drafts.finish(done, person_id=staff.pk)
    now = clock.now()
    with time_machine.travel(now + dt.timedelta(hours=23), tick=False):
        assert drafts.delete_expired() == 0
        assert drafts.drafts_of(staff.pk).count() == 1
    with time_machine.travel(now + dt.timedelta(hours=25), tick=False):
        assert drafts.drafts_of(staff.pk).count() == 0  # before a worker runs, too
        assert drafts.find(mark.public_id, staff.pk) is None
        assert drafts.delete_expired() == 1
    assert Draft.objects.get().public_id == done.public_id
    with time_machine.travel(now + dt.timedelta(days=4), tick=False):
        assert drafts.delete_expired() == 1


@pytest.mark.sql("new")
def test_author_is_told_when_a_draft_is_deleted(as_staff: Client, settings: Settings) -> None:
    Tab(as_staff).save(last_name="Mine")
    assert "A draft is deleted 7 days after its last change." in text(as_staff.get("/"))
    settings.DRAFT_DAYS = 1
    assert "A draft is deleted 1 day after its last change." in text(as_staff.get("/"))


@pytest.mark.sql("new")
def test_address_of_an_expired_draft_leads_to_the_start_page_and_says_so(
    as_staff: Client, settings: Settings
) -> None:
    settings.DRAFT_DAYS = 1
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    Draft.objects.update(saved_at=clock.now() - dt.timedelta(hours=25))
    for query in (f"?draft={tab.mark.public_id}", f"?from={uuid.uuid4()}&draft={tab.mark.public_id}"):
        shown = as_staff.get(f"{NEW}{query}", follow=True)
        assert shown.redirect_chain == [("/", 303)]
        assert "You have no such draft. A draft is deleted 1 day after its last change." in text(shown)


def test_without_days_there_are_no_drafts(as_staff: Client, settings: Settings) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="Mine")
    settings.DRAFT_DAYS = 0
    page = as_staff.get(NEW)
    assert "draft" not in on_page(page)
    assert "data-drafts" not in page.content.decode()
    assert tab.save(last_name="Again").status_code == 404
    shown = as_staff.get(f"{NEW}?draft={tab.mark.public_id}", follow=True)
    assert shown.redirect_chain == [("/", 303)]
    assert "You have no such draft." in text(shown)
    assert "A draft is deleted" not in text(shown)
    assert "Drafts" not in text(as_staff.get("/"))
    assert drafts.delete_expired() == 1
