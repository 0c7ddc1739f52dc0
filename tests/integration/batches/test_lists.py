"""The list of lists, and the lists of the start page: which of them, in which order, at which cost."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.models import Batch, BatchState, OwnState, SourceKind
from apps.core import clock
from sandbox.server.sandbox_server import SandboxServer
from tests.support.batch_pages import LISTS, NEW, at, text
from tests.support.batch_rows import batch_of, states
from tests.support.batch_sending import (
    checked_batch,
    confirmed_batch,
    people,
    send_all,
    stored_batch,
    take_turn,
)

pytestmark = pytest.mark.django_db


def going_on(staff: User) -> list[Batch]:
    return selectors.going_on(staff.pk)


def test_list_that_is_sent_stays_on_the_start_page_before_newer_ones(staff: User) -> None:
    sent = stored_batch(staff, BatchState.SENDING)
    paused = stored_batch(staff, BatchState.PAUSED)
    newer = [stored_batch(staff, BatchState.CHECKED) for _ in range(selectors.MAX_GOING_ON)]
    shown = going_on(staff)
    assert shown[:3] == [sent, paused, newer[-1]]
    assert len(shown) == selectors.MAX_GOING_ON


def test_list_that_a_corrected_file_replaces_is_not_going_on(staff: User) -> None:
    first = stored_batch(staff, BatchState.CHECKED)
    second = stored_batch(staff, BatchState.CHECKED, replaces=first)
    assert going_on(staff) == [second]
    Batch.objects.filter(pk=second.pk).update(
        state=BatchState.STOPPED, ended_at=clock.now(), confirmed_by=staff, confirmed_at=clock.now()
    )
    assert going_on(staff) == [first]  # the correction was discarded


def test_list_that_is_sent_is_going_on_although_it_is_replaced(staff: User) -> None:
    sent = stored_batch(staff, BatchState.SENDING)
    corrected = stored_batch(staff, BatchState.CHECKED, replaces=sent)
    assert going_on(staff) == [sent, corrected]


def test_rows_that_failed_as_a_new_list_do_not_hide_those_that_wait_in_the_old_one(staff: User) -> None:
    old = stored_batch(staff, BatchState.CHECKED)
    again = stored_batch(staff, BatchState.CHECKED, replaces=old, source=SourceKind.ROWS)
    assert going_on(staff) == [again, old]


def test_erased_list_is_not_going_on(staff: User) -> None:
    stored_batch(staff, BatchState.CHECKED, erased_at=clock.now())
    assert going_on(staff) == []


@pytest.mark.parametrize("address", [LISTS, "/"])
def test_lists_are_counted_in_one_statement(address: str, as_staff: Client, staff: User) -> None:
    for _ in range(2):
        batch_of(staff, people(2))
    as_staff.get(address)
    with CaptureQueriesContext(connection) as few:
        as_staff.get(address)
    for _ in range(6):
        batch_of(staff, people(3))
    with CaptureQueriesContext(connection) as many:
        as_staff.get(address)
    assert len(many) == len(few)


def test_counts_of_several_lists_are_those_of_each(staff: User) -> None:
    made = [batch_of(staff, people(count)) for count in (0, 1, 3)]
    counts = selectors.counts_by_state(made)
    assert counts == {batch.pk: selectors.count_by_state(batch) for batch in made}
    assert selectors.counts_by_state([]) == {}


@pytest.mark.sql("repeated")
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


@pytest.mark.sql("repeated")
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


@pytest.mark.sql("repeated")
def test_navigation_has_the_name_of_the_page_that_it_leads_to(as_staff: Client) -> None:
    page = as_staff.get(LISTS).content.decode()
    [name] = re.findall(f'href="{LISTS}"[^>]*>([^<]+)<', page[: page.index("<main")])
    assert f"<h1>{name}</h1>" in page
