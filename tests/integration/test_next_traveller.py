"""The next traveller of an order: what is carried over, and who was added today."""

from __future__ import annotations

import datetime
import json
import uuid
from dataclasses import replace
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import escape

from apps.accounts.models import User
from apps.consumers import selectors
from apps.consumers.models import EntryPreferences, Outcome, Submission
from apps.consumers.reconciliation.resolution import WORKER_DELAY, longest_send
from apps.consumers.viewer import Viewer
from apps.core import clock
from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import FULL, clean, creates, on_page, posted, store, text, typed
from tests.support.people import PASSWORD, events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"
NEVER = ("title", "first_name", "gender", "date_of_birth", "passport_number", "identifiers-0-id")


def _address(like: Submission, order: str = SAMPLE_ORDER) -> str:
    return f"{NEW}?order={order}&like={like.public_id}"


def _carried(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in typed(values).items() if value and not name.startswith("carry-")}


def test_family_data_are_carried_over_but_nothing_of_one_person_alone(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    response = as_staff.get(_address(like))
    values = on_page(response)
    assert _carried(values) == {
        "order_ref": SAMPLE_ORDER,
        "last_name": FULL.last_name,
        "nationality": FULL.nationality,
        "country": FULL.country,
        "phone_numbers-0-value": FULL.phone_numbers[0],
        "phone_numbers-1-value": FULL.phone_numbers[1],
    }
    assert not any(values[name] for name in NEVER)
    assert values["token"] != str(like.token)
    assert 'autofocus class="form-control" id="id_first_name"' in text(response)
    assert [event.submission for event in events("submission.viewed")] == [str(like.public_id)]


@pytest.mark.sql("new")
def test_choice_is_remembered_and_what_was_typed_stays(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    values = on_page(as_staff.get(_address(like)))
    values |= {
        "first_name": "Ben",
        "nationality": "Dutch",
        "country": "NL",
        "date_of_birth": "not yet a date",
    }
    for name in ("carry-last_name", "carry-nationality", "carry-phone_numbers"):
        del values[name]
    applied = as_staff.post(_address(like), {**values, "carry-emails": "on", "carry-apply": "1"})
    assert _carried(on_page(applied)) == {
        "order_ref": SAMPLE_ORDER,
        "first_name": "Ben",
        "date_of_birth": "not yet a date",
        "nationality": "Dutch",  # not carried over any more, but typed
        "country": "NL",  # carried over, but another one was typed
        "emails-0-value": FULL.emails[0],
        "emails-1-value": FULL.emails[1],
    }
    assert "There is a problem" not in text(applied)
    assert not Submission.objects.exclude(pk=like.pk).exists()
    again = on_page(as_staff.get(_address(like)))
    chosen = {name for name in again if name.startswith("carry-")} - {"carry-shown", "carry-from"}
    assert chosen == {"carry-country", "carry-emails"}
    assert again["last_name"] == ""


def test_field_whose_choice_has_not_changed_stays_as_it_is(as_staff: Client, staff: User) -> None:
    EntryPreferences.objects.create(person=staff, last_name=False)
    like = store(staff, Outcome.CREATED)
    values = on_page(as_staff.get(_address(like)))
    # Typed: the same last name as the previous person. Emptied on purpose: the country.
    values |= {"last_name": FULL.last_name, "country": "", "carry-emails": "on"}
    applied = on_page(as_staff.post(_address(like), {**values, "carry-apply": "1"}))
    assert (applied["last_name"], applied["country"]) == (FULL.last_name, "")
    assert applied["emails-0-value"] == FULL.emails[0]


def test_choice_is_compared_with_the_one_that_the_page_showed(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    values = on_page(as_staff.get(_address(like)))
    EntryPreferences.objects.update_or_create(person=staff, defaults={"emails": True})  # in another window
    applied = as_staff.post(_address(like), {**values, "carry-emails": "on", "carry-apply": "1"})
    assert on_page(applied)["emails-0-value"] == FULL.emails[0]


def test_choice_belongs_to_one_person(as_staff: Client, as_supervisor: Client, staff: User) -> None:
    EntryPreferences.objects.create(person=staff, last_name=False)
    like = store(staff, Outcome.CREATED)
    assert on_page(as_staff.get(_address(like)))["last_name"] == ""
    assert on_page(as_supervisor.get(_address(like)))["last_name"] == FULL.last_name


def test_only_a_visible_submission_can_be_copied(as_staff: Client, staff: User) -> None:
    foreign = store(make_person("nora", "staff"), Outcome.CREATED, consumer=clean(last_name="Foreign"))
    for like, status in ((str(foreign.public_id), 403), (str(uuid.uuid4()), 404), ("not an id", 404)):
        assert as_staff.get(NEW, {"order": SAMPLE_ORDER, "like": like}).status_code == status
        assert as_staff.post(f"{NEW}?like={like}", posted(carry="1")).status_code == status
    assert "Foreign" not in text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))


@pytest.mark.sql("new")
def test_erased_consumer_leaves_the_order(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    Submission.objects.update(encrypted_consumer=b"", content_digest=b"")
    response = as_staff.get(_address(like))
    assert _carried(on_page(response)) == {"order_ref": SAMPLE_ORDER}
    assert "Carry over from the previous person" in text(response)


def test_next_traveller_is_an_ordinary_submission(
    as_staff: Client, staff: User, sandbox: SandboxServer
) -> None:
    like = store(staff, Outcome.CREATED)
    values = on_page(as_staff.get(_address(like))) | {
        "first_name": "Ben",
        "emails-0-value": "ben@example.com",
    }
    assert as_staff.post(_address(like), values).status_code == 303
    assert len(creates(sandbox)) == 1
    sent = json.loads(sandbox.sandbox.consumers(SAMPLE_ORDER)[-1].body)
    assert (sent["firstName"], sent["lastName"]) == ("Ben", FULL.last_name)
    assert Submission.objects.latest("pk").resubmission_of is None


# --- Added to this order today --------------------------------------------------------------------
def test_list_names_who_was_added_to_this_order_today(as_staff: Client, staff: User) -> None:
    yesterday = clock.now() - datetime.timedelta(days=1)
    today = store(staff, Outcome.CREATED, order=SAMPLE_ORDER.upper())
    store(staff, Outcome.CREATED, clean(last_name="Yesterday"), consumer_ref="1", submitted_at=yesterday)
    store(staff, Outcome.CREATED, clean(last_name="Elsewhere"), consumer_ref="2", order=GROUP_ORDER)
    store(make_person("nora", "staff"), Outcome.CREATED, clean(last_name="Foreign"), consumer_ref="3")
    page = text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))
    side = page[page.index("Added to this order today") :]
    assert escape(f"{FULL.first_name} {FULL.last_name}") in side
    assert f'href="/submissions/{today.public_id}/"' in side
    assert f'name="copy" value="submission:{today.public_id}"' in side
    assert not any(name in page for name in ("Yesterday", "Elsewhere", "Foreign"))
    assert [json.loads(event.data)["count"] for event in events("submissions.listed")] == [1]


def test_stuck_send_is_listed_as_unknown(as_staff: Client, staff: User) -> None:
    stuck_since = clock.now() - longest_send() - 2 * WORKER_DELAY
    store(staff, Outcome.SENDING, deadline=stuck_since)
    page = text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))
    side = page[page.index("Added to this order today") :]
    assert str(Outcome.UNKNOWN.label) in side
    assert str(Outcome.SENDING.label) not in side


def test_list_stays_when_the_form_comes_back_with_errors(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    page = text(as_staff.post(_address(like), posted(replace(FULL, last_name=""))))
    assert "Enter the last name" in page
    assert "Added to this order today" in page
    assert "Carry over from" in page


def test_list_is_that_of_the_posted_order(as_staff: Client, staff: User) -> None:
    like = store(staff, Outcome.CREATED)
    store(staff, Outcome.CREATED, clean(last_name="Elsewhere"), consumer_ref="2", order=GROUP_ORDER)
    values = posted(replace(FULL, last_name=""), order=GROUP_ORDER.upper())
    for address in (_address(like), NEW):
        page = text(as_staff.post(address, values))
        side = page[page.index("Added to this order today") :]
        assert "Elsewhere" in side
        assert FULL.first_name not in side
    for order in ("", "no reference"):
        page = text(as_staff.post(_address(like), posted(order=order)))
        assert "Added to this order today" not in page
        assert "Carry over from" in page


@pytest.mark.parametrize("way", ["draft", "sealed"])
def test_entry_that_comes_back_keeps_whom_it_carries_over_and_the_list_of_its_order(
    as_staff: Client, staff: User, way: str
) -> None:
    like = store(staff, Outcome.CREATED)
    elsewhere = store(
        staff, Outcome.CREATED, clean(last_name="Elsewhere"), consumer_ref="2", order=GROUP_ORDER
    )
    values = on_page(as_staff.get(_address(like))) | {"first_name": "Ben", "order_ref": GROUP_ORDER}
    if way == "draft":
        public_id, page_id, *_ = values["draft"].split("/")
        values["draft"] = f"{public_id}/{page_id}/0/1"
        assert as_staff.post(f"/consumers/drafts/{public_id}/", values).status_code == 200
        address = f"{NEW}?draft={public_id}"
    else:
        as_staff.logout()
        as_staff.post(NEW, values)
        as_staff.post("/accounts/login/", {"login": staff.username, "password": PASSWORD, "next": NEW})
        address = NEW
    before = len(events("submission.viewed"))
    page = as_staff.get(address)
    assert on_page(page)["first_name"] == "Ben"
    assert escape(f"Carry over from {FULL.first_name} {FULL.last_name}") in text(page)
    assert on_page(page)["carry-from"] == f"submission:{like.public_id}"
    assert [one.key for one in page.context["added_today"]] == [f"submission:{elsewhere.public_id}"]
    assert len(events("submission.viewed")) == before + 1


def test_list_has_only_people_who_were_added_or_may_have_been(as_staff: Client, staff: User) -> None:
    for outcome in Outcome:
        store(staff, outcome, clean(last_name=f"Last{outcome.value}"))
    page = text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))
    shown = {outcome for outcome in Outcome if f"Last{outcome.value}" in page}
    assert shown == {Outcome.CREATED, Outcome.SENDING, Outcome.UNKNOWN}


def test_list_has_a_person_whose_absence_is_contradicted(as_staff: Client, staff: User) -> None:
    for last_name, contradicted in (("Contradicted", True), ("Overruled", False)):
        consumer, late = clean(last_name=last_name), Outcome.CREATED
        store(
            staff,
            Outcome.NOT_CREATED,
            consumer,
            late_outcome=late,
            late_consumer_ref="1",
            contradicted=contradicted,
        )
    page = text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))
    side = page[page.index("Added to this order today") :]
    assert "Contradicted" in side
    assert str(Outcome.UNKNOWN.label) in side
    assert "Overruled" not in page


@pytest.mark.parametrize("number", [20, 21])
def test_list_says_that_it_leaves_people_out(as_staff: Client, staff: User, number: int) -> None:
    for position in range(number):
        store(staff, Outcome.UNKNOWN, clean(last_name=f"Last{position:02}"))
    answer = as_staff.get(NEW, {"order": SAMPLE_ORDER})
    page = text(answer)
    assert len(answer.context["added_today"]) == 20
    assert ("Last00" in page) is (number == 20)
    assert ("Only the latest 20 are shown." in page) is (number == 21)
    assert events("submissions.listed")[-1].details["count"] == 20
    if number == 21:
        address = f"/submissions/?order={SAMPLE_ORDER}&amp;period=today"
        assert f'<a href="{address}" target="_blank"' in page
        assert "Last00" in text(as_staff.get(unescape(address)))


def test_order_in_another_spelling_has_the_same_list(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED, clean(last_name="Plain"), order=SAMPLE_ORDER.replace("-", "").upper())
    assert "Plain" in text(as_staff.get(NEW, {"order": SAMPLE_ORDER}))


def test_form_without_an_order_has_no_list(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED)
    assert "Added to this order today" not in text(as_staff.get(NEW))
    assert events("submissions.listed") == []


@pytest.mark.sql("new")
@pytest.mark.parametrize("sees_all", [True, False])
def test_list_is_read_by_an_index(staff: User, sees_all: bool) -> None:
    viewer = Viewer(person_id=str(staff.pk), sees_all=sees_all)
    added = selectors.submissions_to_order_since(SAMPLE_ORDER, clock.now(), viewer)[:20]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table is empty
    plan = added.explain()
    assert "submission_" in plan, plan
    assert "SCAN consumers_submission" not in plan.replace("USING", ""), plan
