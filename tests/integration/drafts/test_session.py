"""Drafts and the session: a save does not prolong it, and needs the present one."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client

from apps.accounts.models import Session, User
from apps.accounts.sign_in import session_store
from apps.consumers.models import Draft
from tests.support.draft_tabs import NEW, Tab, saved_values

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_saving_does_not_prolong_the_session(as_staff: Client) -> None:
    begin = dt.datetime.now(dt.UTC)
    tab = Tab(as_staff)
    for minutes in (10, 20, 29):
        with time_machine.travel(begin + dt.timedelta(minutes=minutes), tick=False):
            assert tab.save(last_name=f"At {minutes}").status_code == 200
    with time_machine.travel(begin + dt.timedelta(minutes=31), tick=False):
        ended = tab.save(last_name="Too late")
        assert (ended.status_code, ended.json()) == (401, {})
    assert [one["last_name"] for one in saved_values()] == ["At 29"]
    assert not Session.objects.exists()  # nothing was sealed, and no message left


def test_other_requests_still_prolong_the_session(as_staff: Client) -> None:
    begin = dt.datetime.now(dt.UTC)
    for minutes in (20, 40):
        with time_machine.travel(begin + dt.timedelta(minutes=minutes), tick=False):
            assert as_staff.get(NEW).status_code == 200
    assert session_store.RENEWED_AT in as_staff.session


@pytest.mark.sql("new")
def test_save_with_the_csrf_token_of_an_earlier_sign_in_is_refused_and_seals_nothing(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    tab = Tab(client)
    answer = tab.save(last_name="Mine", csrfmiddlewaretoken="a" * 64)
    assert (answer.status_code, answer.json()) == (403, {})  # not a redirect, which the script would retry
    assert "sealed_entries" not in client.session
    assert not Draft.objects.exists()
