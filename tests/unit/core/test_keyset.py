"""Keyset pagination: every row once, in both directions, whatever the keys."""

from __future__ import annotations

import datetime as dt

import pytest
from django.http import QueryDict

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.core.keyset import Page, Position, UnreadableKey, page_of
from apps.core.web.filters import read_position
from tests.support.entries import clean, store

pytestmark = pytest.mark.django_db

BY = ("submitted_at", "id")
START = dt.datetime(2026, 3, 7, tzinfo=dt.UTC)


@pytest.fixture
def ids(staff: User) -> list[int]:
    """Eleven rows, three of each second, oldest first."""
    made = [
        store(
            staff,
            Outcome.CREATED,
            clean(last_name=f"C{index}"),
            submitted_at=START + dt.timedelta(seconds=index // 3),
        )
        for index in range(11)
    ]
    return [submission.pk for submission in made]


def walk(
    by: tuple[str, ...], *, oldest_first: bool, newer: bool, begin: Position | None
) -> list[Page[Submission]]:
    pages, position = [], begin
    while True:
        pages.append(
            page_of([Submission.objects.all()], by, size=4, position=position, oldest_first=oldest_first)
        )
        position = pages[-1].newer if newer else pages[-1].older
        if position is None:
            return pages
        # A key in an address is read as it was written.
        assert read_position(QueryDict(str(position)), by) == position
        assert len(pages) < 9


def shown(pages: list[Page[Submission]]) -> list[list[int]]:
    return [[row.pk for row in page.rows] for page in pages]


@pytest.mark.parametrize("by", [BY, ("id",)])
def test_paging_shows_every_row_once_in_both_directions(ids: list[int], by: tuple[str, ...]) -> None:
    down = walk(by, oldest_first=False, newer=False, begin=None)
    newest = ids[::-1]
    assert shown(down) == [newest[:4], newest[4:8], newest[8:]]
    assert down[0].newer is None
    up = walk(by, oldest_first=False, newer=True, begin=down[-1].newer)
    assert shown(up) == [newest[4:8], newest[:4]]
    assert up[0].older is not None


def test_several_lists_are_paged_as_one_without_duplicates(ids: list[int]) -> None:
    lists = [
        Submission.objects.filter(pk__in=ids[::2]),
        Submission.objects.filter(pk__in=ids[:5]),
        Submission.objects.filter(pk__in=ids[5:7]),
    ]
    wanted = sorted({*ids[::2], *ids[:5], *ids[5:7]}, reverse=True)
    first = page_of(lists, BY, size=4)
    second = page_of(lists, BY, size=4, position=first.older)
    third = page_of(lists, BY, size=4, position=second.older)
    assert shown([first, second, third]) == [wanted[:4], wanted[4:8], wanted[8:]]
    assert third.older is None


@pytest.mark.parametrize("by", [BY, ("id",)])
def test_timeline_can_be_read_from_its_oldest_row(ids: list[int], by: tuple[str, ...]) -> None:
    forth = walk(by, oldest_first=True, newer=True, begin=None)
    assert shown(forth) == [ids[:4], ids[4:8], ids[8:]]
    assert forth[0].older is None
    back = walk(by, oldest_first=True, newer=False, begin=forth[-1].older)
    assert shown(back) == [ids[4:8], ids[:4]]


def test_paging_back_ends_with_a_full_first_page(ids: list[int]) -> None:
    third = Submission.objects.get(pk=ids[-3])
    page = page_of([Submission.objects.all()], ("id",), size=4, position=Position((third.pk,), newer=True))
    assert [row.pk for row in page.rows] == ids[:-5:-1]
    assert page.newer is None


@pytest.mark.parametrize(
    "key", ["1772841600000000", "1-2-3", "", "1-", "-1", "1-x", "1-²", "1-9223372036854775808"]
)
def test_forged_key_is_refused(key: str) -> None:
    for name in ("before", "after"):
        query = QueryDict(mutable=True)
        query[name] = key
        with pytest.raises(UnreadableKey):
            read_position(query, BY)


def test_missing_key_is_the_first_page() -> None:
    assert read_position(QueryDict("action=x"), BY) is None
