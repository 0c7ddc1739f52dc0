"""Addresses of lists: whose they are, where they lead, and that watching one is not being present."""

from __future__ import annotations

import html
import json
import re

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.batches.columns.matching import Choice
from apps.batches.models import Batch, BatchState, OwnState
from apps.batches.storing.columns import choose_columns
from apps.batches.storing.contents import ColumnsNotStored
from apps.batches.urls import urlpatterns
from apps.batches.views import batch as batch_views
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import LISTS, NEW, at, text
from tests.support.batch_sending import checked_batch, confirmed_batch, people, stored_batch
from tests.support.export_rows import prepared
from tests.support.people import PASSWORD, acting, events, make_person

pytestmark = pytest.mark.django_db

ACTS = (
    *("check", "accept", "leave_out", "take_back", "confirm", "pause", "resume", "stop"),
    *("send_again", "make_new_list"),
)


@pytest.mark.sql("repeated")
def test_nobody_else_sees_or_changes_a_list_and_the_denials_are_recorded(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    other = make_person("olga", "staff")
    batch = confirmed_batch(other, people(1))
    for name in ("batch", "progress", "columns", "result"):
        assert as_staff.get(at(name, batch)).status_code == 403
    assert as_staff.get(at("row", batch, 2)).status_code == 403
    for name in (*ACTS, "columns"):
        assert as_staff.post(at(name, batch), {"rows": "1"}).status_code == 403
    assert as_staff.get(NEW, {"replaces": str(batch.public_id)}).status_code == 403
    assert as_staff.get(NEW, {"replaces": "nonsense"}).status_code == 404
    assert str(batch.public_id) not in as_staff.get(LISTS).content.decode()
    assert not events("batch.viewed")
    denied = [json.loads(event.data)["view"] for event in events("access.denied")]
    shown = ["batch", "progress", "columns", "result", "row"]
    assert denied == [f"batches:{name}" for name in (*shown, *ACTS, "columns", "new")]
    assert {event.details["batch"] for event in events("access.denied")} == {str(batch.public_id)}


def test_denial_of_a_person_who_sends_no_lists_names_the_list_at_every_address(
    as_administrator: Client, staff: User
) -> None:
    batch = checked_batch(staff, people(1))
    of_lists = [one for one in urlpatterns if "batch_id" in one.pattern.converters]
    for one in of_lists:
        number = (2,) if "number" in one.pattern.converters else ()
        assert as_administrator.post(at(one.name or "", batch, *number)).status_code == 403
    denied = [(event.details["view"], event.details["batch"]) for event in events("access.denied")]
    assert denied == [(f"batches:{one.name}", str(batch.public_id)) for one in of_lists]
    assert {*ACTS} < {one.name for one in of_lists}


@pytest.mark.sql("repeated")
def test_rows_of_others_are_denied_to_supervisors_and_recorded(
    as_supervisor: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = confirmed_batch(staff, people(1))
    assert as_supervisor.get(at("row", batch, 2)).status_code == 403
    assert as_supervisor.post(at("leave_out", batch), {"number": "2"}).status_code == 403
    assert as_supervisor.post(at("confirm", batch), {"rows": "1"}).status_code == 403
    denied = [json.loads(event.data)["view"] for event in events("access.denied")]
    assert denied == ["batches:row", "batches:leave_out", "batches:confirm"]


def test_list_that_does_not_exist_is_not_found_and_no_denial(as_staff: Client, staff: User) -> None:
    batch = checked_batch(staff, people(1))
    missing = at("batch", batch)
    batch.rows.all().delete()
    batch.delete()
    assert as_staff.get(missing).status_code == 404
    assert not events("access.denied")


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("name", ACTS)
def test_act_that_is_opened_as_an_address_leads_to_the_list(as_staff: Client, staff: User, name: str) -> None:
    batch = checked_batch(staff, people(1))
    answer = as_staff.get(at(name, batch), {"after": "51"})
    assert (answer.status_code, answer["Location"]) == (302, at("batch", batch))
    assert as_staff.put(at(name, batch)).status_code == 405


def test_release_that_is_opened_as_an_address_leads_to_the_list(as_staff: Client, staff: User) -> None:
    batch = checked_batch(staff, people(1))
    assert as_staff.get(at("release", batch, 2))["Location"] == at("batch", batch)


def test_further_rows_are_reached_from_a_page_with_an_error(
    as_staff: Client, staff: User, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_views, "PAGE_SIZE", 2)
    twins = [people(1)[0]] * 4
    batch = checked_batch(staff, twins)
    as_staff.post(at("check", batch))
    page = as_staff.post(at("accept", batch))
    assert "Tick the warnings that you want to confirm" in text(page)
    following = re.search('rel="next" href="([^"]+)"', page.content.decode())
    assert following is not None
    answer = as_staff.get(html.unescape(following[1]))
    assert answer.status_code == 200
    assert re.findall('data-label="Row">(\\d+)<', answer.content.decode()) == ["5"]


def test_erased_list_without_columns_has_a_page_and_takes_no_columns(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    batch = stored_batch(staff, BatchState.MATCHING)
    Batch.objects.update(erased_at=clock.now())
    batch.refresh_from_db()
    page = as_staff.get(at("batch", batch))
    assert "The personal data of this list were deleted" in text(page)
    assert as_staff.get(at("columns", batch))["Location"] == at("batch", batch)
    chosen = as_staff.post(
        at("columns", batch), {"has_headers": "yes", "column-0": "first_name"}, follow=True
    )
    assert "The personal data of this list were deleted. Nothing was done." in text(chosen)
    with pytest.raises(ColumnsNotStored):
        choose_columns(batch, Choice(True, ("first_name",), ""), actor=acting(staff))
    assert at("batch", batch) not in as_staff.get("/").content.decode()


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("watched", ["list", "export"])
def test_progress_that_a_page_asks_for_does_not_restart_the_idle_time(
    client: Client, sandbox: SandboxServer, watched: str
) -> None:
    with time_machine.travel(clock.now(), tick=False) as now:
        olga = make_person("olga", "supervisor")
        client.post(reverse("account_login"), {"login": olga.username, "password": PASSWORD})
        if watched == "list":
            progress = at("progress", confirmed_batch(olga, people(1)))
        else:
            progress = reverse("history:export_progress", args=[prepared(olga).public_id])
        now.shift(settings.SESSION_IDLE_SECONDS - 1)
        assert client.get(progress).status_code == 200
        now.shift(2)
        assert client.get(progress).status_code == 401


def test_erased_rows_are_not_left_out(as_staff: Client, staff: User, sandbox: SandboxServer) -> None:
    batch = checked_batch(staff, people(1))
    Batch.objects.update(erased_at=clock.now())
    answer = as_staff.post(at("leave_out", batch), {"number": "2"}, follow=True)
    assert "had changed meanwhile" in text(answer)
    assert batch.rows.get().state == OwnState.READY
