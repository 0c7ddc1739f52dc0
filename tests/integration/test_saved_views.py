"""Saved views of the list, the columns of the list, and the start page's counts."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts import services
from apps.accounts.models import User
from apps.consumers.models import Outcome
from apps.history import saved
from apps.history.models import SavedView
from apps.history.views import saved_views
from tests.support.entries import clean, store, text
from tests.support.people import TESTS, events, make_person
from tests.support.searches import token

pytestmark = pytest.mark.django_db

PAGE = "/submissions/"
NEW = f"{PAGE}views/new/"
OLD = dt.datetime(2020, 3, 7, 12, tzinfo=dt.UTC)


def save(client: Client, query: str, **posted: object) -> SavedView:
    """Save a view of the list with this query, and return it."""
    answer = client.post(f"{NEW}?{query}", {"name": "Mine", **posted})
    assert answer.status_code == 303, text(answer)
    return SavedView.objects.get(public_id=re.search(r"view=([0-9a-f-]{36})", answer["Location"])[1])  # type: ignore[index]


def opened(client: Client, view: SavedView) -> str:
    """The list with a view, as the link on the page of views opens it."""
    page = text(client.get(f"{PAGE}views/"))
    link = re.search(rf'<a href="([^"]+view={view.public_id}[^"]*)"', page)
    assert link
    return text(client.get(unescape(link[1])))


def bar(page: str) -> list[str]:
    """The names of the views above the list, in order."""
    views = re.search(r'<nav class="views.*?</nav>', page)
    assert views
    return re.findall(r'<a href="[^"]*view=[^"]+"[^>]*>([^<]+?)\s*<', views[0])


def test_view_keeps_the_name_of_a_relative_period_the_outcomes_the_order_and_nothing_empty(
    as_staff: Client, staff: User
) -> None:
    query = "outcome=rejected&outcome=unknown&period=last-week&sort=slowest&order=&reason=&answered_from=0"
    view = save(as_staff, query, warn_above="")
    assert view.query == {
        "outcome": ["rejected", "unknown"],
        "period": ["last-week"],
        "sort": ["slowest"],
        "answered_from": ["0"],
    }
    assert (view.owner_id, view.role, view.is_default, view.warn_above) == (staff.pk, "", False, None)
    page = opened(as_staff, view)
    for chip in ("Last week", "Outcome: Rejected", "Outcome: Unknown", "Time to answer: 0 ms or more"):
        assert f"{chip}</span></a>" in page
    assert "Longest duration first" in page
    assert 'aria-current="page">Mine' in page


@pytest.mark.sql("repeated")
def test_default_view_opens_first_and_all_submissions_are_one_click_away(
    as_staff: Client, staff: User
) -> None:
    shown = store(staff, Outcome.CREATED, clean(last_name="Shown"))
    hidden = store(staff, Outcome.REJECTED, clean(last_name="Hidden"), submitted_at=OLD)
    view = save(as_staff, "outcome=created&period=all", is_default="on")
    answer = as_staff.get(PAGE)
    assert answer.status_code == 302
    assert answer["Location"] == f"{PAGE}?period=all&outcome=created&view={view.public_id}"
    page = text(as_staff.get(answer["Location"]))
    assert str(shown.public_id) in page
    assert str(hidden.public_id) not in page
    every = re.search(r'<a href="([^"]+)">All submissions</a>', page)
    assert every
    assert str(hidden.public_id) in text(as_staff.get(unescape(every[1])))
    assert as_staff.get(f"{PAGE}?outcome=rejected").status_code == 200
    second = save(as_staff, "period=today", name="Other", is_default="on")
    view.refresh_from_db()
    assert (view.is_default, second.is_default) == (False, True)
    first_event, second_event = events("view.saved")
    assert "default_view_before" not in first_event.details
    replaced = {"default_view_before": str(view.public_id), "default_view_after": str(second.public_id)}
    assert replaced.items() <= second_event.details.items()
    change = {"name": view.name, "is_default": "on"}
    assert as_staff.post(f"{PAGE}views/{view.public_id}/", change).status_code == 303
    replaced = {"default_view_before": str(second.public_id), "default_view_after": str(view.public_id)}
    assert replaced.items() <= events("view.changed")[-1].details.items()


def test_view_of_a_list_of_people_opens_its_submissions(as_staff: Client, staff: User) -> None:
    rows: dict[str, Any] = {"batch": uuid.UUID(int=7), "batch_row": 3}
    shown, hidden = (store(staff, Outcome.REJECTED, submitted_at=OLD, **some) for some in (rows, {}))
    view = save(as_staff, f"batch={rows['batch']}", name="Rooming list")
    assert view.query == {"batch": [str(rows["batch"])]}
    page = text(as_staff.get(PAGE, {"view": str(view.public_id), **view.query}))
    assert str(shown.public_id) in page
    assert str(hidden.public_id) not in page
    assert events("view.saved")[-1].details["parameters"] == ["batch"]


def test_search_for_a_consumer_is_not_saved_and_the_page_says_why(as_staff: Client, staff: User) -> None:
    named = token(staff, last_name="Zed")
    for address in (NEW, f"{PAGE}views/{save(as_staff, '').public_id}/"):
        before = SavedView.objects.values().get()
        query = {"search": named, "outcome": "created", "view": str(before["public_id"])}
        page = text(as_staff.get(address, query))
        assert "A search for a consumer is not saved" in page
        assert "Save the view</button>" not in page
        refused = as_staff.post(f"{address}?search={named}&view={before['public_id']}", {"name": "Zed"})
        assert refused.status_code == 200
        assert SavedView.objects.values().get() == before
    assert named not in str(before)


@pytest.mark.sql("repeated")
def test_view_of_another_person_is_not_found_anywhere(as_staff: Client, staff: User) -> None:
    other = Client()
    other.force_login(make_person("sid", "staff", "supervisor"))
    foreign = save(other, "period=all")
    for view_id in (foreign.public_id, uuid.uuid4()):
        assert as_staff.get(f"{PAGE}?view={view_id}").status_code == 404
        assert as_staff.get(f"{PAGE}views/{view_id}/").status_code == 404
        assert as_staff.post(f"{PAGE}views/{view_id}/", {"name": "Taken over"}).status_code == 404
        assert as_staff.post(f"{PAGE}views/{view_id}/delete/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.name == "Mine"
    assert bar(text(as_staff.get(PAGE))) == []


def test_view_for_a_role_is_seen_by_the_role_and_changed_by_those_with_the_permission(
    as_staff: Client, as_supervisor: Client, staff: User, supervisor: User
) -> None:
    view = save(as_supervisor, "outcome=unknown&period=all", name="Open", audience="staff", is_default="on")
    assert (view.owner_id, view.role) == (None, "staff")
    assert bar(text(as_staff.get(PAGE, follow=True))) == ["Open"]
    assert "by a supervisor" in text(as_staff.get(f"{PAGE}views/"))
    assert as_staff.post(f"{PAGE}views/{view.public_id}/", {"name": "X"}).status_code == 404
    assert as_staff.post(f"{PAGE}views/{view.public_id}/delete/").status_code == 404
    refused = as_staff.post(f"{NEW}?period=all", {"name": "Everyone's", "audience": "staff"})
    assert refused.status_code == 303  # the field does not exist: the view is the person's own
    assert SavedView.objects.get(name="Everyone's").owner_id == staff.pk
    # A role that was taken away takes its views along.
    services.revoke_role(person_id=staff.pk, role="staff", actor=TESTS)
    services.grant_role(person_id=staff.pk, role="supervisor", actor=TESTS)
    services.revoke_role(person_id=supervisor.pk, role="supervisor", actor=TESTS)
    services.grant_role(person_id=supervisor.pk, role="staff", actor=TESTS)
    assert as_supervisor.post(f"{PAGE}views/{view.public_id}/delete/").status_code == 404
    assert bar(text(as_staff.get(f"{PAGE}?period=all"))) == ["Everyone&#x27;s"]
    assert as_staff.get(PAGE).status_code == 200  # the role's default is no longer theirs
    assert as_supervisor.get(PAGE).status_code == 302


@pytest.mark.sql("repeated")
def test_view_for_a_role_that_sees_only_its_own_has_no_filter_by_person(
    as_supervisor: Client, staff: User
) -> None:
    words = "People with this role see only their own submissions: remove the filter by person"
    by_person = f"person={staff.pk}&period=all"
    page = text(as_supervisor.post(f"{NEW}?{by_person}", {"name": "Sam's", "audience": "staff"}))
    assert words in page
    assert 'value="Sam&#x27;s"' in page
    assert not SavedView.objects.exists()
    assert save(as_supervisor, by_person, audience="supervisor").query["person"] == [str(staff.pk)]
    assert save(as_supervisor, by_person).query["person"] == [str(staff.pk)]
    for_staff = save(as_supervisor, "period=all", audience="staff")
    changed = f"{PAGE}views/{for_staff.public_id}/?view={for_staff.public_id}&{by_person}"
    assert words in text(as_supervisor.post(changed, {"name": "Mine"}))
    for_staff.refresh_from_db()
    assert for_staff.query == {"period": ["all"]}


def test_own_view_by_person_is_not_counted_and_an_error_after_the_role_ends(
    as_supervisor: Client, staff: User, supervisor: User
) -> None:
    own = store(supervisor, Outcome.UNKNOWN)
    by_person, by_oneself = (
        save(as_supervisor, f"person={person.pk}&outcome=unknown&period=all", name=name, warn_above="0")
        for person, name in ((staff, "Sam"), (supervisor, "Myself"))
    )
    services.revoke_role(person_id=supervisor.pk, role="supervisor", actor=TESTS)
    services.grant_role(person_id=supervisor.pk, role="staff", actor=TESTS)
    start = text(as_supervisor.get("/"))
    assert "<strong>not counted</strong> Sam</a>" in start
    assert "<strong>1</strong> Myself</a>" in start
    page = opened(as_supervisor, by_person)
    assert "This view has a filter by person, but you see only your own submissions" in page
    assert "<title>Error: Submissions" in page
    assert str(own.public_id) not in page
    change = f"{PAGE}views/{by_person.public_id}/"
    assert f"person={staff.pk}" in as_supervisor.get(change)["Location"]  # the list, with the error
    assert str(own.public_id) in opened(as_supervisor, by_oneself)
    # Show sends the fields of the form, which has no person.
    fields = f"outcome=unknown&period=all&view={by_person.public_id}"
    leads_to = link(text(as_supervisor.get(f"{PAGE}?{fields}")), "Save the changed filters")
    assert as_supervisor.post(leads_to, {"name": "Unknown", "warn_above": "0"}).status_code == 303
    assert "<strong>1</strong> Unknown</a>" in text(as_supervisor.get("/"))


@pytest.mark.sql("repeated")
def test_own_default_comes_before_that_of_a_role(as_supervisor: Client, supervisor: User) -> None:
    save(as_supervisor, "period=today", name="Role's", audience="supervisor", is_default="on")
    own = save(as_supervisor, "period=all", name="Own", is_default="on")
    assert str(own.public_id) in as_supervisor.get(PAGE)["Location"]


def test_saving_changing_and_deleting_are_recorded_without_name_and_values(as_supervisor: Client) -> None:
    order = "2d7de9df-45a2-45ea-872c-30e45139007d"
    view = save(as_supervisor, f"order={order}&outcome=created", name="Mrs Zed", audience="staff")
    changed = f"{PAGE}views/{view.public_id}/?view={view.public_id}&period=today"
    assert as_supervisor.post(changed, {"name": "Mrs Zed", "warn_above": "3"}).status_code == 303
    as_supervisor.post(f"{PAGE}views/{view.public_id}/delete/")
    known = {"view": str(view.public_id), "audience": "staff"}
    pairs = {
        "view.changed": {
            "parameters_before": ["order", "outcome"],
            "parameters_after": ["period"],
            "warn_above_before": None,
            "warn_above_after": 3,
        }
    }
    for action, parameters in (
        ("view.saved", ["order", "outcome"]), ("view.changed", ["period"]), ("view.deleted", ["period"])
    ):  # fmt: skip
        [event] = events(action)
        assert event.details == known | {"parameters": parameters} | pairs.get(action, {})
        assert order not in str(vars(event))
        assert "Zed" not in str(vars(event))
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("audience", ["", "staff"])
def test_view_saved_as_it_was_is_not_recorded(as_supervisor: Client, audience: str) -> None:
    posted = {"name": "Mine", "is_default": "on", "warn_above": "3"}
    view = save(as_supervisor, "outcome=created&outcome=unknown&period=today", audience=audience, **posted)
    columns = link(opened(as_supervisor, view), "Columns")
    as_it_was = re.findall(r'name="(show_\w+)"[^>]* checked', text(as_supervisor.get(columns)))
    for address, entry in (
        (f"{PAGE}views/{view.public_id}/", posted), (columns, dict.fromkeys(as_it_was, "on"))
    ):  # fmt: skip
        answer = as_supervisor.post(address, entry)
        assert (answer.status_code, f"view={view.public_id}" in answer["Location"]) == (303, True)
    assert events("view.changed") == []
    before = SavedView.objects.values().get()
    assert as_supervisor.post(f"{PAGE}views/{view.public_id}/", posted | {"name": "Other"}).status_code == 303
    assert SavedView.objects.values().get() == before | {"name": "Other"}
    assert len(events("view.changed")) == 1


def test_another_value_of_a_filter_and_another_name_are_recorded_without_them(
    as_supervisor: Client, as_administrator: Client
) -> None:
    view = save(as_supervisor, "order=2d7de9df-45a2-45ea-872c-30e45139007d&outcome=created", name="Old")
    changed = f"{PAGE}views/{view.public_id}/?view={view.public_id}&order=2d7de9df&outcome=created"
    assert as_supervisor.post(changed, {"name": "New", "is_default": "on"}).status_code == 303
    [event] = events("view.changed")
    assert event.details["parameters_before"] == ["order", "outcome"]
    assert event.details["parameters_after"] == ["order:another", "outcome"]
    assert event.details["renamed"] == "yes"
    page = text(as_administrator.get(f"/audit/{event.seq}/"))
    assert "order reference (another value) and outcome" in page
    assert page.count('data-label="Before"') == 2  # filters and default; the columns are the same


@pytest.mark.sql("repeated")
def test_view_is_changed_with_the_filters_of_the_list_or_keeps_its_own(as_staff: Client) -> None:
    view = save(as_staff, "outcome=created&period=all")
    page = text(as_staff.get(f"{PAGE}?period=today&view={view.public_id}"))
    leads_to = re.search(r'href="([^"]+)">Save the changed filters', page)
    assert leads_to
    assert as_staff.post(unescape(leads_to[1]), {"name": "Changed"}).status_code == 303
    view.refresh_from_db()
    assert (view.name, view.query) == ("Changed", {"period": ["today"]})
    assert as_staff.post(f"{PAGE}views/{view.public_id}/", {"name": "Again"}).status_code == 303
    view.refresh_from_db()
    assert (view.name, view.query) == ("Again", {"period": ["today"]})


def test_name_is_needed_once_per_person_and_the_number_is_limited(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MAX_VIEWS", 2)
    save(as_staff, "")
    for posted, words in (
        ({"name": " "}, "Enter a name for the view"),
        ({"name": "x" * 61}, "The name has at most 60 characters"),
        ({"name": "Mine"}, "There is a view of this name. Enter another name"),
        ({"name": "N", "warn_above": "1001"}, "Enter a whole number from 0 to 1,000, or nothing"),
        ({"name": "N", "warn_above": "-1"}, "Enter a whole number from 0 to 1,000, or nothing"),
    ):
        assert words in text(as_staff.post(NEW, posted))
    save(as_staff, "", name="Second")
    assert "There are 20 views already" in text(as_staff.post(NEW, {"name": "Third"}))
    assert SavedView.objects.count() == 2


def test_deactivated_person_stays_in_a_view_and_an_unknown_one_is_an_error_at_the_field(
    as_supervisor: Client, staff: User
) -> None:
    found = store(staff, Outcome.CREATED)
    view = save(as_supervisor, f"person={staff.pk}&period=all", warn_above="0")
    services.deactivate_person(person_id=staff.pk, actor=TESTS)
    assert str(found.public_id) in opened(as_supervisor, view)
    SavedView.objects.update(query={"person": ["999999"]})
    assert "Choose a person from the list" in opened(as_supervisor, view)
    assert "not counted" in text(as_supervisor.get("/"))


@pytest.mark.sql("repeated")
def test_start_page_counts_within_the_readers_scope_and_warns_in_words_and_shape(
    as_supervisor: Client, as_staff: Client, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, person in enumerate((staff, staff, supervisor)):
        store(person, Outcome.REJECTED, clean(last_name=str(number)))
    save(as_supervisor, "outcome=rejected", name="Failed", audience="staff", warn_above="1")
    save(as_supervisor, "outcome=rejected", name="All failed", warn_above="3")
    save(as_supervisor, "outcome=rejected", name="Uncounted")
    page = text(as_staff.get("/"))
    assert re.search(r"<strong>2</strong> Failed</a>.*?#?.*?Above 1<", page)
    assert "<svg" in page[page.index("Failed</a>") : page.index("Above 1")]
    page = text(as_supervisor.get("/"))
    assert "<strong>3</strong> All failed</a>" in page
    assert "Above" not in page
    assert "Uncounted" not in page
    monkeypatch.setattr(SavedView, "MOST_WARNED", 2)
    assert "<strong>more than 2</strong> All failed</a>" in text(as_supervisor.get("/"))


@pytest.mark.sql("repeated")
def test_start_page_says_how_many_views_it_leaves_out(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MAX_WATCHED", 1)
    save(as_staff, "outcome=rejected", name="Unwatched")
    for name, words in (
        ("A", ""),
        ("B", "1 further view with a warning is not counted"),
        ("C", "2 further views with a warning are not counted"),
    ):
        save(as_staff, "outcome=rejected", name=name, warn_above="1")
        page = text(as_staff.get("/"))
        assert link(page, words) == (f"{PAGE}views/" if words else "")
        assert ("with a warning" in page) == bool(words)


@pytest.mark.sql("repeated")
def test_start_page_counts_with_one_statement_for_each_view(as_staff: Client, staff: User) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            as_staff.get("/")
        return len(captured)

    statements()
    before = statements()
    for number in range(3):
        save(as_staff, "outcome=rejected", name=str(number), warn_above="1")
    assert statements() == before + 3


def test_columns_are_chosen_ordered_and_remembered_for_the_person(
    as_supervisor: Client, as_staff: Client, staff: User
) -> None:
    store(staff, Outcome.CREATED)

    def heads(client: Client, query: str = "period=all") -> list[str]:
        page = text(client.get(f"{PAGE}?{query}"))
        return [
            re.sub(r"<.*?>| \(change the order\)", "", head)
            for head in re.findall(r'<th role="columnheader"[^>]*>(.*?)</th>', page)
        ]

    usual = ["Time", "Person", "Consumer", "Order", "Outcome", "Duration"]
    assert heads(as_supervisor) == usual
    assert heads(as_staff) == [head for head in usual if head != "Person"]
    address = f"{PAGE}columns/?outcome=created&period=all"
    order = (
        "outcome",
        "guest_ref",
        "consumer",
        "time",
        "person",
        "order",
        "duration",
        "consumer_ref",
        "reason",
    )
    form = {"show_outcome": "on", "show_guest_ref": "on"}
    form |= {f"position_{key}": str(number) for number, key in enumerate(order)}
    answer = as_supervisor.post(address, form)
    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}?outcome=created&period=all")
    assert heads(as_supervisor) == ["Outcome", "Guest reference", "Consumer"]
    assert heads(as_staff) == [head for head in usual if head != "Person"]
    moved = text(as_supervisor.post(address, form | {"move": "up:guest_ref"}))
    assert moved.index('value="up:guest_ref"') < moved.index('value="up:outcome"')
    assert heads(as_supervisor) == ["Outcome", "Guest reference", "Consumer"]  # not yet saved
    view = save(as_supervisor, "period=all", audience="staff")
    as_supervisor.post(address, {"show_time": "on"})
    assert heads(as_supervisor) == ["Time", "Consumer"]
    assert heads(as_staff, f"period=all&view={view.public_id}") == ["Outcome", "Guest reference", "Consumer"]


def shown_heads(page: str) -> list[str]:
    """The headings of the list, in order."""
    heads = re.findall(r'<th role="columnheader"[^>]*>(.*?)</th>', page)
    return [re.sub(r"<.*?>| \(change the order\)", "", head) for head in heads]


def link(page: str, words: str) -> str:
    """The address of the link with these words; empty if there is none."""
    found = re.search(rf'<a [^>]*href="([^"]+)">{words}</a>', page)
    return unescape(found[1]) if found else ""


def test_columns_in_an_opened_view_are_those_of_the_view(
    as_supervisor: Client, as_staff: Client, staff: User
) -> None:
    store(staff, Outcome.CREATED)
    view = save(as_supervisor, "period=all", audience="staff")
    page = opened(as_supervisor, view)
    usual = shown_heads(page)
    columns = link(page, "Columns")
    form = text(as_supervisor.get(columns))
    assert "The view Mine has these columns in this order. For everyone with the role Staff." in form
    assert re.search(r'name="show_duration"[^>]* checked', form)
    answer = as_supervisor.post(
        columns, {"show_outcome": "on", "position_outcome": "0", "position_consumer": "1"}
    )
    assert (answer.status_code, answer["Location"]) == (303, f"{PAGE}?period=all&view={view.public_id}")
    assert shown_heads(opened(as_supervisor, view)) == ["Outcome", "Consumer"]
    assert shown_heads(text(as_supervisor.get(f"{PAGE}?period=all"))) == usual
    [event] = events("view.changed")
    assert event.details == {
        "view": str(view.public_id),
        "audience": "staff",
        "parameters": ["period"],
        "columns_before": ["time", "person", "consumer", "order", "outcome", "duration"],
        "columns_after": ["outcome", "consumer"],
    }
    # Staff may not change the view of their role, so columns are no button while it is open.
    assert link(opened(as_staff, view), "Columns") == ""
    assert as_staff.post(columns, {"show_time": "on"}).status_code == 404
    assert link(text(as_staff.get(f"{PAGE}?period=all")), "Columns")


@pytest.mark.sql("repeated")
def test_view_saved_from_an_opened_view_has_the_columns_that_are_shown(
    as_supervisor: Client, as_staff: Client, staff: User
) -> None:
    store(staff, Outcome.CREATED)
    as_supervisor.post(f"{PAGE}columns/", {"show_outcome": "on", "show_reason": "on"})
    view = save(as_supervisor, "period=all", audience="staff")
    page = opened(as_staff, view)
    assert shown_heads(page) == ["Consumer", "Outcome", "Reason"]
    second = save(as_staff, link(page, "Save as a view").partition("?")[2])
    assert second.columns == ["consumer", "outcome", "reason"]
    assert as_staff.post(f"{NEW}?view={uuid.uuid4()}", {"name": "Unknown"}).status_code == 404


def between(statement: str, act: Callable[[], object]) -> AbstractContextManager[None]:
    """Run ``act`` after the first statement that contains this text, as another request would."""
    waiting = [act]

    def run(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if statement in sql and waiting:
            waiting.pop()()
        return result

    return connection.execute_wrapper(run)


NAME_CHECK, DEFAULT_CLEARED = '"history_savedview"."name" =', 'SET "is_default"'


def test_view_of_the_same_name_saved_meanwhile_is_an_error_at_the_name_and_keeps_the_entry(
    as_staff: Client, staff: User
) -> None:
    view = save(as_staff, "")
    known = {"owner": staff, "name": "Taken", "query": {}, "columns": []}
    for address in (NEW, f"{PAGE}views/{view.public_id}/"):
        with between(NAME_CHECK, lambda: SavedView.objects.create(**known)):
            answer = as_staff.post(address, {"name": "Taken", "warn_above": "7"})
        assert answer.status_code == 200
        page = text(answer)
        assert "There is a view of this name. Enter another name" in page
        assert 'value="Taken"' in page
        assert 'value="7"' in page
        assert "Change the view Taken" not in page
    assert len(events("view.saved")) == 1
    assert events("view.changed") == []


def test_default_view_saved_meanwhile_is_an_error_and_keeps_the_entry(as_staff: Client, staff: User) -> None:
    first = save(as_staff, "", is_default="on")
    known = {"owner": staff, "name": "Other", "query": {}, "columns": [], "is_default": True}
    with between(DEFAULT_CLEARED, lambda: SavedView.objects.create(**known)):
        page = text(as_staff.post(NEW, {"name": "Late", "is_default": "on"}))
    assert "Another view was saved at the same moment. Save this one again" in page
    assert 'value="Late"' in page
    first.refresh_from_db()
    assert first.is_default  # nothing of the refused one is stored


@pytest.mark.parametrize(
    ("path", "posted"),
    [("views/{}/", {"name": "Again"}), ("views/{}/delete/", {}), ("columns/?view={}", {"show_time": "on"})],
)
def test_view_deleted_meanwhile_is_not_found_not_created_again_and_not_recorded(
    as_staff: Client, path: str, posted: dict[str, str]
) -> None:
    view = save(as_staff, "")
    with between('FROM "history_savedview"', lambda: SavedView.objects.all().delete()):
        assert as_staff.post(PAGE + path.format(view.public_id), posted).status_code == 404
    assert not SavedView.objects.exists()
    assert events("view.changed") == events("view.deleted") == []


@pytest.mark.sql("repeated")
def test_persons_are_no_column_of_ones_own_list(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED)
    assert "show_person" not in text(as_staff.get(f"{PAGE}columns/"))
    as_staff.post(f"{PAGE}columns/", {"show_person": "on", "show_nonsense": "on"})
    assert 'data-label="Person"' not in text(as_staff.get(PAGE))


def test_empty_parameters_are_removed_from_the_address(as_staff: Client) -> None:
    untidy = "period=&since=&outcome=created&outcome=&order=&sort=oldest&search="
    answer = as_staff.get(f"{PAGE}?{untidy}")
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?outcome=created&sort=oldest")
    assert as_staff.get(f"{PAGE}?order=&since=")["Location"] == f"{PAGE}?period=last-30-days"
    assert as_staff.get(answer["Location"]).status_code == 200


@pytest.mark.sql("repeated")
def test_default_view_does_not_open_instead_of_the_last_30_days(as_supervisor: Client, staff: User) -> None:
    recent = store(staff, Outcome.REJECTED)
    save(as_supervisor, "outcome=created&period=all", is_default="on")
    asked = f"{PAGE}?outcome=rejected&sort=oldest"
    page = text(as_supervisor.get(asked))
    without_outcome = re.search(r'href="([^"]+)"[^>]*>(?:(?!</a>).)*Outcome: Rejected', page)
    assert without_outcome
    by_time = re.search(r'href="([^"]+)"[^>]*>Time', text(as_supervisor.get(f"{PAGE}?sort=oldest")))
    assert by_time
    figures = text(as_supervisor.get(f"{PAGE}figures/"))
    for address in (
        f"{PAGE}?period=&since=&outcome=&order=&sort=",
        unescape(without_outcome[1]),
        unescape(by_time[1]),
        link(figures, "1 submission"),
        link(text(as_supervisor.get(f"{PAGE}columns/")), "Back to the submissions"),
    ):
        answer = as_supervisor.get(address, follow=True)
        page = text(answer)
        assert "view=" not in answer.request["QUERY_STRING"], address
        assert "Last 30 days" in page
        assert str(recent.public_id) in page


@pytest.mark.sql("repeated")
def test_back_link_of_a_receipt_keeps_the_filters_also_after_an_act(
    as_supervisor: Client, staff: User
) -> None:
    found = store(staff, Outcome.UNKNOWN)
    receipt = f"{PAGE}{found.public_id}/"
    asked = f"{PAGE}?outcome=unknown&period=last-week&sort=oldest"

    def back(referer: str) -> str:
        link = re.search(
            r'class="back-link" href="([^"]+)"',
            text(as_supervisor.get(receipt, headers={"referer": referer})),
        )
        assert link
        return unescape(link[1])

    assert back("") == PAGE
    assert back(f"http://testserver{asked}") == asked
    assert back(f"http://testserver{receipt}") == asked  # after Check now, or an error in the form
    assert back("") == PAGE
    for foreign in (
        f"https://elsewhere.example{asked}",
        "http://testserver/audit/?actor=1",
        "http://[",
        "x" * 9,
    ):
        assert back(foreign) == PAGE


@pytest.mark.sql("repeated")
def test_first_export_proposes_the_columns_of_the_list(as_supervisor: Client) -> None:
    def proposed() -> set[str]:
        page = text(as_supervisor.get(f"{PAGE}export/"))
        return set(re.findall(r'name="show_(\w+)"[^>]* checked', page))

    assert {"consumer_ref", "guest_ref", "submitted_at"} <= proposed()
    as_supervisor.post(f"{PAGE}columns/", {"show_outcome": "on", "show_reason": "on"})
    assert proposed() == {"outcome", "error_code"}
