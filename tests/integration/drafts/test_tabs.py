"""Two tabs of one draft, and answers to a save that do not arrive."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.support.draft_tabs import Tab, open_draft, saved_values
from tests.support.entries import on_page

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_two_tabs_of_one_draft_do_not_overwrite_each_other(as_staff: Client) -> None:
    first = Tab(as_staff)
    first.save(last_name="One")
    second = open_draft(as_staff, first.mark.public_id)
    assert second.save(last_name="Two").json()["separate"] is False
    answer = first.save(last_name="Three")
    assert answer.json()["separate"] is True
    first.save(last_name="Four")
    second.save(last_name="Five")
    assert [one["last_name"] for one in saved_values()] == ["Five", "Four"]


@pytest.mark.sql("new")
def test_save_whose_answer_was_lost_makes_no_further_draft(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(lost=True, last_name="One")
    tab.save(lost=True, last_name="Two")
    other = open_draft(as_staff, tab.mark.public_id)
    other.save(lost=True, last_name="Other")
    other.save(last_name="Other 2")
    for name in ("Three", "Four"):  # of the separate draft, too
        assert tab.save(lost=True, last_name=name).json()["separate"] is True
    tab.save(last_name="Five")
    tab.save(last_name="Six")
    assert [one["last_name"] for one in saved_values()] == ["Other 2", "Six"]


@pytest.mark.sql("new")
def test_late_save_of_the_same_page_changes_nothing(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="One")
    tab.save(last_name="Two")
    assert tab.save(version=1, last_name="Late").status_code == 200
    assert [one["last_name"] for one in saved_values()] == ["Two"]


def test_form_that_comes_back_with_errors_goes_on_with_its_draft(as_staff: Client) -> None:
    tab = Tab(as_staff)
    tab.save(last_name="One")
    page = tab.post(last_name="")
    assert page.context["errors"]
    tab.follow(on_page(page)["draft"])
    tab.save(last_name="Two")
    assert [one["last_name"] for one in saved_values()] == ["Two"]
