"""The audit log's pages: filters, pages, one event, timelines; and permissions."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.audit_events import ACCESS_DENIED, ROLE_GRANTED
from apps.accounts.models import User
from apps.audit import selectors, services
from apps.audit.audit_events import AUDIT_FOUND_ALTERED
from apps.audit.events import Event
from apps.audit.integrity import stored_rows
from apps.audit.models import AuditEvent
from apps.audit.recording import record
from apps.audit.registry import EventGroup, EventType, event_types
from apps.audit.views import log as views
from apps.consumers.audit_events import (
    CONSUMER_CHECK_FAILED,
    CONSUMER_CHECKED,
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_NOT_SENT,
)
from apps.core.actor import Actor, Origin
from tests.support.audit_flush import lift_triggers
from tests.support.entries import text
from tests.support.moments import events_at
from tests.support.people import events, make_person

pytestmark = pytest.mark.django_db

PAGE = "/audit/"
ANNA = Actor("901", "Anna Keller", ("staff",), Origin("req-1", "10.0.0.1", "192.0.2.17"), "sign-in-1")
BEN = Actor("902", "Ben Okafor", ("supervisor",), Origin("req-2", "10.0.0.1", "192.0.2.18"), "sign-in-2")
WORKER = Actor.system("worker")
DAY = dt.datetime(2030, 3, 7, tzinfo=dt.UTC)


def record_event(action: EventType, actor: Actor = ANNA, at: dt.datetime | None = None, **facts: Any) -> int:
    """Record an event at that moment."""
    with events_at(at or DAY), transaction.atomic():
        return record(Event(action, actor, **facts))


@pytest.fixture
def story(db: None) -> dict[str, int]:
    """Record the acts of two people on two days; returns the events' numbers by name."""
    later = DAY + dt.timedelta(days=1)
    facts: dict[str, Any] = {"order_ref": "ord-1", "submission": "sub-1"}
    return {
        "asked": record_event(CONSUMER_CREATE_REQUESTED, **facts),
        "failed": record_event(CONSUMER_NOT_SENT, data={"error_code": "busy"}, **facts),
        "created": record_event(CONSUMER_CREATED, BEN, later, consumer_ref="Con-1", order_ref="ord-2"),
        "denied": record_event(ACCESS_DENIED, BEN, later, data={"view": "audit:log"}),
        "role": record_event(ROLE_GRANTED, BEN, later, person="901", data={"role": "staff"}),
        "checked": record_event(CONSUMER_CHECKED, WORKER, later, submission="sub-2"),
        "checked_now": record_event(CONSUMER_CHECKED, BEN, later, submission="sub-2"),
        "check_failed": record_event(CONSUMER_CHECK_FAILED, WORKER, later, submission="sub-2"),
    }


def rows(page: str) -> list[int]:
    """The numbers of the events that a page lists, in its order."""
    return [int(seq) for seq in re.findall(r'<td[^>]*><a href="/audit/([0-9]+)/"><time', page)]


def shown(client: Client, story: dict[str, int], query: str) -> list[str]:
    """The names of the story's events that a list shows."""
    response = client.get(f"{PAGE}?{query}")
    assert response.status_code == 200
    names = {seq: name for name, seq in story.items()}
    return [names[seq] for seq in rows(response.content.decode()) if seq in names]


FILTERS = {
    "": ["check_failed", "checked_now", "role", "denied", "created", "failed", "asked"],
    "sort=oldest": ["asked", "failed", "created", "denied", "role", "checked_now", "check_failed"],
    "failures=1": ["check_failed", "denied", "failed"],
    "group=changes": ["role", "created", "failed", "asked"],
    "group=views": ["denied"],
    "group=exports": [],
    "group=system": ["check_failed", "checked_now", "checked"],
    "group=all": ["check_failed", "checked_now", "checked", "role", "denied", "created", "failed", "asked"],
    "group=changes&person=902": ["role", "created"],
    "group=changes&failures=1": ["failed"],
    "group=changes&outcome=done&sort=oldest": ["asked", "created", "role"],
    "group=changes&reference=ord-1": ["failed", "asked"],
    "group=views&action=consumer.created": [],
    "group=changes&action=consumer.created": ["created"],
    "action=consumer.checked": ["checked_now", "checked"],
    "person=901": ["failed", "asked"],
    "account=901": ["role"],
    "action=consumer.created": ["created"],
    "session=sign-in-1": ["failed", "asked"],
    "session=sign-in": [],
    "session=sign-in-2": ["checked_now", "role", "denied", "created"],
    "group=system&person=902": ["checked_now"],
    "session=sign-in-2&failures=1": ["denied"],
    "address=192.0.2.18": ["checked_now", "role", "denied", "created"],
    "reference=ord-1": ["failed", "asked"],
    "reference=sub-1": ["failed", "asked"],
    "reference=CON-1": [],
    "reference=Con-1": ["created"],
    "reference=https://api.example.com/v2/orders/ord-2/": ["created"],
    "since=2030-03-08": ["check_failed", "checked_now", "role", "denied", "created"],
    "since=2030-03-07&until=2030-03-07": ["failed", "asked"],
    "since=2030-03-09": [],
    "until=1999-01-01": [],
    "person=902&failures=1&since=2030-03-08": ["denied"],
    "person=901&action=consumer.created": [],
    "person=999&failures=1": [],
    "person=902&address=192.0.2.18&action=role.granted&account=901": ["role"],
    "reference=ord-1&failures=1": ["failed"],
    "reference=ord-1&sort=oldest": ["asked", "failed"],
    "outcome=done&person=902": ["checked_now", "role", "created"],
    "outcome=failed": ["check_failed", "failed"],
    "outcome=denied": ["denied"],
    "outcome=denied&person=901": [],
    "outcome=done&failures=1": [],
    "outcome=done&reference=ord-1": ["asked"],
    "outcome=unknown": [],
    "action=consumer.created&failures=1": [],
    "action=consumer.created&outcome=failed": [],
    "action=consumer.created&outcome=done": ["created"],
    "action=access.denied&outcome=denied&failures=1": ["denied"],
    "outcome=failed&failures=1": ["check_failed", "failed"],
}


@pytest.mark.parametrize("few", [0, selectors.FEW])
def test_filters_are_combined(
    as_administrator: Client, story: dict[str, int], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(selectors, "FEW", few)
    assert {query: shown(as_administrator, story, query) for query in FILTERS} == FILTERS


@pytest.mark.parametrize("few", [0, selectors.FEW])
def test_reference_is_found_in_either_case_with_and_without_dashes(
    as_administrator: Client, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(selectors, "FEW", few)
    dashed = "2d7de9df-45a2-45ea-872c-30e45139007d"
    plain = dashed.replace("-", "")
    for stored in (dashed, dashed.upper(), plain, plain.upper()):
        record_event(CONSUMER_CREATED, order_ref=stored, consumer_ref="con-1")
    for typed in (dashed, dashed.upper(), plain, plain.upper()):
        page = as_administrator.get(f"{PAGE}?reference={typed}").content.decode()
        assert len(rows(page)) == 4, typed


def test_days_are_in_the_readers_time_zone(story: dict[str, int]) -> None:
    client = Client()
    client.force_login(make_person("amy", "administrator", time_zone="America/New_York"))
    assert shown(client, story, "since=2030-03-06&until=2030-03-06") == ["failed", "asked"]


@pytest.mark.once
def test_row_has_time_who_action_object_and_address(as_administrator: Client, story: dict[str, int]) -> None:
    page = text(as_administrator.get(f"{PAGE}?person=901"))
    row = next(row for row in page.split("<tr ") if f"/audit/{story['failed']}/" in row)
    assert re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", row)).endswith(
        " 7 March 2030, 00:00:00 Anna Keller Order consumer not sent Failed Order ord-1 192.0.2.17 "
    )
    assert 'href="/audit/?group=all&amp;reference=ord-1" title="ord-1"' in row
    assert "Done" not in page.partition("<tbody")[2]  # an outcome is named if it is not Done
    assert "Denied" in text(as_administrator.get(f"{PAGE}?failures=1&person=902"))


@pytest.mark.once
def test_page_of_an_event_leads_to_the_events_of_its_session(
    as_administrator: Client, story: dict[str, int]
) -> None:
    page = text(as_administrator.get(f"{PAGE}{story['asked']}/"))
    assert re.search(r"Session</dt>\s*<dd><span class=\"mono\">sign-in-1<", page)
    assert (
        '<a href="/audit/?group=all&amp;sort=oldest&amp;session=sign-in-1">All events of this session</a>'
        in page
    )
    assert '"session": "sign-in-1"' in page.replace("&quot;", '"')
    listed = text(as_administrator.get(f"{PAGE}?session=sign-in-1"))
    assert "</span>Session: sign-in-1</span></a></li>" in listed  # a filter that can be removed


@pytest.mark.once
def test_active_filters_can_be_removed_one_by_one(as_administrator: Client, story: dict[str, int]) -> None:
    page = text(as_administrator.get(f"{PAGE}?person=901&failures=1&since=2030-03-07&before=999999"))
    chips = dict(
        re.findall(r'<li><a href="([^"]+)"><span><span[^>]*>[^<]*</span>([^<]+)</span></a></li>', page)
    )
    assert chips == {
        "/audit/?person=901&amp;failures=1": "From: 7 March 2030",
        "/audit/?failures=1&amp;since=2030-03-07": "Person: 901",
        "/audit/?person=901&amp;since=2030-03-07": "Only failures and denials",
    }


@pytest.mark.once
def test_link_to_failures_and_denials_preserves_the_filters(
    as_administrator: Client, story: dict[str, int]
) -> None:
    page = text(as_administrator.get(f"{PAGE}?person=901"))
    assert 'href="/audit/?person=901&amp;failures=1">Only failures and denials' in page


def walk(client: Client, address: str, link: str) -> Iterator[list[int]]:
    while address:
        page = client.get(address).content.decode()
        yield rows(page)
        found = re.search(rf'rel="{link}" href="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else ""


@pytest.mark.parametrize(("sort", "link"), [("", "next"), ("&sort=oldest", "prev")])
def test_paging_shows_every_event_once(
    as_administrator: Client, monkeypatch: pytest.MonkeyPatch, sort: str, link: str
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    made = [record_event(CONSUMER_CREATED, order_ref="ord-9") for _ in range(10)]
    pages = list(walk(as_administrator, f"{PAGE}?reference=ord-9{sort}", link))
    ordered = made if sort else made[::-1]
    assert pages == [ordered[:4], ordered[4:8], ordered[8:]]


def test_page_beyond_the_last_leads_to_the_first(as_administrator: Client, story: dict[str, int]) -> None:
    page = text(as_administrator.get(f"{PAGE}?before=1&failures=1"))
    assert rows(page) == []
    assert 'href="/audit/?failures=1">Open its first page' in page


@pytest.mark.once
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=31+February", "Enter a date, such as 2026-03-07"),
        ("until=9999-12-31", "Enter a date, such as 2026-03-07"),
        ("since=2030-03-08&until=2030-03-07", "The last day must not be before the first day"),
        ("action=consumer.teleported", "Choose an action from the list"),
        ("person=a+b", "Choose a person from the list"),
        ("person=%00", "Choose a person from the list"),
        ("sort=sideways", "Choose newest or oldest first"),
        ("reference=ida@example.com", "Enter the reference of an order, consumer, guest or submission"),
        ("reference=a+b", "Enter the reference of an order, consumer, guest or submission"),
        ("address=%00", "Remove the line breaks and control characters"),
        ("person=1&person=2", "This was sent twice"),
    ],
)
def test_unreadable_filter_is_an_error_at_its_field_and_shows_no_events(
    as_administrator: Client, story: dict[str, int], query: str, words: str
) -> None:
    response = as_administrator.get(f"{PAGE}?{query}")
    page = text(response)
    assert words in page
    assert "<title>Error: " in page
    assert rows(page) == []


@pytest.mark.once
def test_truncated_page_key_is_reported(as_administrator: Client) -> None:
    assert as_administrator.get(f"{PAGE}?before=x").status_code == 400


def test_event_page_shows_fields_related_events_and_the_stored_row(
    as_administrator: Client, story: dict[str, int]
) -> None:
    page = text(as_administrator.get(f"/audit/{story['failed']}/"))
    for words in ("Order consumer not sent", "Anna Keller", "Staff", "too many calls were in progress",
                  "192.0.2.17", "10.0.0.1", "&quot;error_code&quot;: &quot;busy&quot;"):  # fmt: skip
        assert words in page
    assert rows(page) == [story["asked"], story["asked"]]  # of the same request, and of the same submission
    for way in ("reference=sub-1", "reference=ord-1", "person=901", "address=192.0.2.17"):
        assert f"{PAGE}?group=all&amp;sort=oldest&amp;{way}" in page
    assert "Open the receipt" not in page  # an administrator may not


@pytest.mark.parametrize("more", [False, True])
def test_event_page_says_if_it_leaves_out_related_events(
    as_administrator: Client, monkeypatch: pytest.MonkeyPatch, more: bool
) -> None:
    monkeypatch.setattr(selectors, "RELATED", 3)
    [first, *others] = [record_event(CONSUMER_CHECKED, submission="sub-1") for _ in range(4 + more)]
    page = text(as_administrator.get(f"/audit/{first}/"))
    assert rows(page) == others[:3] * 2
    assert ("These are the first 3. There are more." in page) is more
    assert ("These are the first 3. The timeline of this submission has all of them." in page) is more


def test_reader_with_permission_gets_a_link_to_the_receipt() -> None:
    submission = "6f7a4b1e-5b0a-4c5e-9d55-0d5f0f1b7a10"
    seq = record_event(CONSUMER_CREATED, submission=submission)
    client = Client()
    client.force_login(make_person("amy", "administrator", "supervisor"))
    assert f'href="/submissions/{submission}/"' in text(client.get(f"/audit/{seq}/"))


@pytest.mark.parametrize("seq", ["0", "999999999", "9" * 30])
def test_missing_event_is_not_found(as_administrator: Client, seq: str) -> None:
    assert as_administrator.get(f"/audit/{seq}/").status_code == 404


def test_reading_the_log_is_recorded_with_the_filters_and_the_events_shown(
    as_administrator: Client, administrator: User, story: dict[str, int]
) -> None:
    as_administrator.get(f"{PAGE}?reference=ord-1&failures=1&since=2030-03-07")
    as_administrator.get(f"/audit/{story['failed']}/")
    [viewed], [opened] = events("audit.viewed"), events("audit.event_viewed")
    assert viewed.actor_id == str(administrator.pk)
    assert viewed.details == {
        "filters": ["since:2030-03-07T00:00:00Z", "reference:ord-1", "failures"],
        "count": 1,
        "first": story["failed"],
        "last": story["failed"],
    }
    assert opened.details == {"event": story["failed"]}


@pytest.mark.parametrize("query", ["action=audit.viewed", "group=views&person={reader}"])
def test_number_of_events_is_that_of_the_rows_without_the_event_of_reading_them(
    as_administrator: Client, administrator: User, query: str
) -> None:
    address = f"{PAGE}?{query.format(reader=administrator.pk)}"
    assert rows(as_administrator.get(address).content.decode()) == []
    for number in (1, 2):
        page = as_administrator.get(address).content.decode()
        assert (len(rows(page)), page.count(f"<p>{number} event")) == (number, 1)
    assert len(events("audit.viewed")) == 3


def test_event_recorded_while_the_page_is_read_is_neither_listed_nor_counted(
    as_administrator: Client, story: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    page_of_log = selectors.page_of_log

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        record_event(CONSUMER_CREATED, consumer_ref="Con-2", order_ref="ord-2")
        page = page_of_log(*arguments, **options)
        record_event(CONSUMER_CREATED, consumer_ref="Con-3", order_ref="ord-2")
        return page

    monkeypatch.setattr(selectors, "page_of_log", meanwhile)
    page = as_administrator.get(f"{PAGE}?action=consumer.created").content.decode()
    assert rows(page) == [story["created"]]
    assert "<p>1 event</p>" in page


def test_reference_that_no_event_has_is_not_recorded(as_administrator: Client) -> None:
    typed = "reference=Kowalczyk&address=X1234567&session=Ida&person=Kowalczyk&account=Ida"
    as_administrator.get(f"{PAGE}?{typed}")
    [viewed] = events("audit.viewed")
    names = ["person", "account", "session", "address", "reference"]
    assert viewed.details == {"filters": names, "count": 0}


def test_export_without_a_matching_event_is_refused_and_records_nothing(as_administrator: Client) -> None:
    answer = as_administrator.post(f"{PAGE}export/?reference=Kowalczyk", {"format": "csv"})
    assert "No event in this range matches the filters" in text(answer)
    assert events("audit.export_started") == []


def test_file_whose_end_an_http_1_0_reader_cannot_see_is_refused_with_what_to_do(
    as_administrator: Client, story: dict[str, int]
) -> None:
    refused = as_administrator.post(f"{PAGE}export/", {"format": "csv"}, SERVER_PROTOCOL="HTTP/1.0")
    page = text(refused)
    assert '<a href="#id_format_0">Choose JSON Lines: ' in page
    assert "proxy_http_version 1.1" in page
    assert re.search(r'value="csv"[^>]* checked', page)
    assert events("audit.export_started") == []
    for format_, version in (("jsonl", "HTTP/1.0"), ("csv", "HTTP/1.1")):
        answer: Any = as_administrator.post(f"{PAGE}export/", {"format": format_}, SERVER_PROTOCOL=version)
        assert answer["Content-Disposition"].endswith(f'.{format_}"')
        assert b"".join(answer.streaming_content)


@pytest.mark.parametrize(
    ("query", "for_each_type"), [("group=changes", 1), ("group=changes&person=902&session=sign-in-2", 0)]
)
def test_page_of_a_group_needs_few_queries(
    as_administrator: Client,
    story: dict[str, int],
    query: str,
    for_each_type: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    of_group = [one for one in event_types() if one.group is EventGroup.CHANGES]
    with django_assert_max_num_queries(22 + for_each_type * len(of_group)):
        as_administrator.get(f"{PAGE}?{query}")


def test_log_is_not_shown_if_reading_it_cannot_be_recorded(as_administrator: Client) -> None:
    as_administrator.raise_request_exception = False
    with mock.patch.object(services, "record", side_effect=RuntimeError):
        assert as_administrator.get(PAGE).status_code == 500


@pytest.mark.once
@pytest.mark.parametrize("path", [PAGE, "/audit/1/"])
def test_other_roles_cannot_read_the_log(as_supervisor: Client, path: str) -> None:
    assert as_supervisor.get(path).status_code == 403
    assert events("access.denied")[-1].details["permission"] == "audit.view_log"


@pytest.mark.once
@pytest.mark.parametrize("path", [PAGE, "/audit/1/"])
def test_log_page_accepts_only_get(as_administrator: Client, path: str) -> None:
    before = AuditEvent.objects.count()
    assert as_administrator.post(path).status_code == 405
    assert AuditEvent.objects.count() == before


def test_export_contains_exactly_the_filtered_events(
    as_administrator: Client, story: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "_KEYS", 2)
    monkeypatch.setattr(stored_rows, "AT_ONCE", 2)
    query = "group=changes&since=2030-03-07"
    page = text(as_administrator.get(f"{PAGE}?{query}"))
    assert "<p>4 events</p>" in page
    address = f"{PAGE}export/?{query}"
    assert f'href="{address.replace("&", "&amp;")}">Export these events<' in page
    form = text(as_administrator.get(address))
    assert "4 events match these filters." in form
    assert f'href="{PAGE}export/?since=2030-03-07"' in form  # a filter can be removed
    answer: Any = as_administrator.post(address, {"format": "jsonl"})
    *lines, end = map(json.loads, b"".join(answer.streaming_content).decode().splitlines())
    assert [line["seq"] for line in lines] == [story[one] for one in ("asked", "failed", "created", "role")]
    filters = ["since:2030-03-07T00:00:00Z", "group:changes"]
    assert (end["rows"], end["filters"]) == (4, filters)
    [exported] = events("audit.exported")
    assert (exported.details["rows"], exported.details["filters"]) == (4, filters)


def test_export_says_whether_it_leaves_out_what_the_portal_did_by_itself(
    as_administrator: Client, story: dict[str, int]
) -> None:
    def exported(address: str) -> tuple[list[int], list[str]]:
        answer: Any = as_administrator.post(address, {"format": "jsonl"})
        *lines, end = map(json.loads, b"".join(answer.streaming_content).decode().splitlines())
        assert events("audit.exported")[-1].details["filters"] == end["filters"]
        return [line["seq"] for line in lines], end["filters"]

    address = f"{PAGE}export/?reference=sub-2"
    by_itself, others = story["checked"], [story["checked_now"], story["check_failed"]]
    page = text(as_administrator.get(address))
    chip = re.search(r'<a href="([^"]+)">(?:(?!</a>).)*Events: All but System', page)
    assert chip
    assert exported(address) == (others, ["reference:sub-2", "without_system"])
    page = text(as_administrator.get(f"{PAGE}{events('audit.exported')[-1].seq}/"))
    assert "reference sub-2 and without system events" in page
    everything = unescape(chip[1])
    assert "All but System" not in text(as_administrator.get(everything))
    assert exported(everything) == ([by_itself, *others], ["with_system", "reference:sub-2"])
    failures = f"{address}&failures=1"  # the portal's own are among them
    assert "All but System" not in text(as_administrator.get(failures))
    assert exported(failures) == ([story["check_failed"]], ["reference:sub-2", "failures"])


def test_filters_that_the_export_cannot_read_are_corrected_in_the_log(as_administrator: Client) -> None:
    answer = as_administrator.get(f"{PAGE}export/?since=soon")
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?since=soon")


def test_altered_event_says_so_and_shows_no_outcome(as_administrator: Client, story: dict[str, int]) -> None:
    page = text(as_administrator.get(f"{PAGE}{story['created']}/"))
    assert "This event was altered" not in page
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET order_ref = 'ord-3' WHERE seq = %s", [story["created"]])
    page = text(as_administrator.get(f"{PAGE}{story['created']}/"))
    assert "This event was altered" in page
    assert f"Event {story['created']} was changed." in page
    assert "Done" not in page


def test_event_under_an_unknown_mac_key_is_not_called_altered(
    as_administrator: Client, story: dict[str, int]
) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET mac_key = '0123456789abcdef' WHERE seq = %s", [story["created"]]
        )
    page = text(as_administrator.get(f"{PAGE}{story['created']}/"))
    assert "This event cannot be checked" in page
    assert "has a MAC under a key that this process does not know" in page
    assert "This event was altered" not in page


def test_log_names_a_problem_that_a_verification_found(as_administrator: Client) -> None:
    words = "The audit log was found altered"
    assert words not in text(as_administrator.get(PAGE))
    found = {"verdict": "changed", "about": 1, "first": 1, "last": 0, "scope": "whole"}
    seq = record_event(AUDIT_FOUND_ALTERED, data=found)
    for query in ("", "?since=soon"):
        page = text(as_administrator.get(f"{PAGE}{query}"))
        assert words in page
        assert f'<a href="{PAGE}{seq}/">Anna Keller found the audit log altered at event 1' in page


@pytest.mark.once
def test_log_is_in_the_navigation_of_administrators_only(
    as_administrator: Client, as_supervisor: Client
) -> None:
    assert text(as_administrator.get("/")).count('href="/audit/"') == 2  # and on the start page
    assert 'href="/audit/"' not in text(as_supervisor.get("/"))
