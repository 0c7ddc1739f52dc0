"""The list of lists, and the lists of the start page: which of them, in which order, at which cost."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User
from apps.batches import selectors
from apps.batches.models import Batch, BatchState, SourceKind
from apps.core import clock
from tests.support.batch_rows import batch_of
from tests.support.batch_sending import people, stored_batch

pytestmark = pytest.mark.django_db

LISTS = reverse("batches:batches")


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
