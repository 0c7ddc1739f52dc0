"""The access report: who may ask, what it says and what it never says, paging, and the file."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.roles import AUDITOR, ROLES
from apps.audit.events import Event, Value
from apps.audit.integrity.signing import sign_checkpoint
from apps.audit.models import AuditEvent
from apps.audit.person_limits import Act
from apps.audit.presenters.events import may_nothing
from apps.audit.recording import record
from apps.audit.registry import EventType
from apps.batches.audit_events import BATCH_DOWNLOADED, BATCH_VIEWED
from apps.cdp.factory import get_client
from apps.consumers import recording, searches
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_OUTCOME_UNKNOWN,
    SUBMISSION_VIEWED,
    VENDOR_RECORD_VIEWED,
    VENDOR_RECORDS_SEARCHED,
)
from apps.consumers.models import (
    DigestKind,
    OrderReading,
    Outcome,
    RecordedSearch,
    ShownRange,
    Submission,
    SubmissionDigest,
)
from apps.consumers.reconciliation import evidence
from apps.consumers.sending import submit
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.references import reference_key
from apps.history.exports import services as exports
from apps.history.exports.services import FailureCode, Progress
from apps.history.permissions import VIEW_PAST_EXPORTS
from apps.history.selection import Selection, SubmissionFilter
from apps.privacy import report as reports
from apps.privacy import subjects
from apps.privacy.exports import COMPARED, Doubt
from apps.privacy.presenters import DOUBT_LABELS, VERDICT_LABELS, line
from apps.privacy.report import Counts, Report
from apps.privacy.verdicts import Verdict
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.audit_flush import lift_triggers
from tests.support.entries import FULL, REF, clean, posted, store, text
from tests.support.export_rows import PLAIN
from tests.support.people import TESTS, acting, events, make_person
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = reverse("privacy:access")
FILE = reverse("privacy:access_file")
PASSPORT = {"kind": "passport", "value": FULL.passport_number}


@pytest.fixture
def auditor() -> User:
    return make_person("otto", AUDITOR)


@pytest.fixture
def as_auditor(auditor: User) -> Client:
    client = Client()
    client.force_login(auditor)
    return client


@pytest.fixture
def one(staff: User) -> Submission:
    """A submission with its events."""
    made = store(staff, Outcome.UNKNOWN)
    for event_type in (CONSUMER_CREATE_REQUESTED, CONSUMER_OUTCOME_UNKNOWN):
        with transaction.atomic():
            record(recording.event_of(event_type, made, acting(staff)))
    return made


def of(made: Submission) -> Report:
    return Report(subjects.Subject({made.pk: Submission.objects.get(pk=made.pk)}))


def downloaded(client: Client, address: str) -> bytes:
    answer: Any = client.post(address)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


# --- The page -----------------------------------------------------------------------------------------
@pytest.mark.sql("repeated")
@pytest.mark.parametrize("role", [*ROLES])
def test_only_auditors_and_administrators_may_ask(role: str) -> None:
    client = Client()
    client.force_login(make_person("wanda", role))
    allowed = role in ("auditor", "administrator")
    assert client.get(PAGE).status_code == (200 if allowed else 403)
    assert client.post(PAGE, PASSPORT).status_code == (303 if allowed else 403)
    assert client.post(f"{FILE}?consumer={REF}").status_code == (200 if allowed else 403)
    assert RecordedSearch.objects.exists() is allowed


@pytest.mark.sql("repeated")
def test_auditor_finds_who_saw_a_passport(
    as_auditor: Client, as_supervisor: Client, supervisor: User, one: Submission
) -> None:
    as_supervisor.get(reverse("history:submissions"), {"period": "all"}, REMOTE_ADDR="192.0.2.7")
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    as_supervisor.post(reverse("history:submissions"), {"search-passport": FULL.passport_number}, follow=True)
    shown = text(as_auditor.post(PAGE, PASSPORT, follow=True))
    assert "3 showed the data, 0 could have, 2 searched for it" in shown
    assert supervisor.name in shown
    assert "192.0.2.7" in shown
    assert "Submission opened" in shown
    for value in (FULL.passport_number, FULL.last_name, *FULL.emails):
        assert value not in shown


@pytest.mark.sql("repeated")
def test_value_is_in_no_address_log_or_event(
    as_auditor: Client, one: Submission, caplog: pytest.LogCaptureFixture
) -> None:
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    found = as_auditor.get(answer["Location"])
    file = downloaded(as_auditor, answer["Location"].replace(PAGE, FILE))
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        contents = b"".join(archive.read(name) for name in archive.namelist()).decode()
    places = [
        answer["Location"], str(found.headers), found.content.decode(), contents, caplog.text,
        *(str(vars(event)) for event in AuditEvent.objects.all()),
    ]  # fmt: skip
    value = FULL.passport_number.lower()
    assert [place[:100] for place in places if value in place.lower()] == []
    [searched] = events("access_report.searched")
    [viewed] = events("access_report.viewed")
    assert searched.details == {"search": str(RecordedSearch.objects.get().public_id), "by": ["passport"]}
    assert (viewed.details["about"], viewed.details["count"]) == ("search", 1)


@pytest.mark.sql("repeated")
def test_search_of_another_person_opens_no_report(
    as_auditor: Client, as_administrator: Client, one: Submission
) -> None:
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    shown = text(as_administrator.get(answer["Location"]))
    assert "This search is not yours or no longer exists." in shown
    assert "showed the data" not in shown


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("consumer=a&guest=b", 400), ("consumer=a&search=x", 400), ("consumer=a&consumer=b", 200),
        ("consumer=a%00b", 200), ("search=x", 200), ("consumer=ord-1&since=x", 200),
        (f"consumer={'9' * 3000}", 200), ("consumer=c-1&before=x", 400),
        ("consumer=c-1&before=1&after=2", 400),
        (f"consumer=c-1&before={10**30}", 400), ("consumer=c-1&since=9000-01-01", 200), ("x=%ff", 200),
        ("consumer=c-1&since=2026-03-07&until=2026-03-06", 200), ("consumer=ida%40example.com", 200),
        ("consumer=%20", 200), ("guest=%E2%80%8B&since=2026-03-07", 200), ("search=%20", 200),
        ("consumer=%20&since=x", 200),
    ],
)  # fmt: skip
def test_odd_addresses_are_answered(as_auditor: Client, query: str, status: int) -> None:
    assert as_auditor.get(f"{PAGE}?{query}").status_code == status
    assert as_auditor.post(f"{FILE}?{query}").status_code in (200, 303, 400)


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("query", ["consumer=", "consumer=%20", "guest=%E2%80%8B", "search="])
def test_address_that_names_nobody_is_the_page_without_a_report(as_auditor: Client, query: str) -> None:
    shown = text(as_auditor.get(f"{PAGE}?{query}"))
    assert "Ask about a person" in shown
    assert "Asked by" not in shown
    answer: Any = as_auditor.post(f"{FILE}?{query}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (303, PAGE)
    assert events("access_report.viewed") == events("access_report.exported") == []


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Choose what you know of the person"),
        ({"kind": "passport"}, "Enter the reference or the value"),
        ({"kind": "consumer", "value": "ida@example.com"}, "Enter the reference of a consumer"),
        ({"kind": "consumer", "value": "https://x.example/guests/12345678"}, "This link leads to a guest."),
        ({"kind": "shoe_size", "value": "43"}, "Choose what you know of the person"),
        ({**PASSPORT, "since": "2026-03-07", "until": "2026-03-06"}, "The last day must not be before"),
    ],
)
def test_question_that_cannot_be_read_is_shown_again(
    as_auditor: Client, values: dict[str, str], message: str
) -> None:
    answer = as_auditor.post(PAGE, values)
    assert answer.status_code == 200
    assert message in text(answer)
    assert not RecordedSearch.objects.exists()


@pytest.mark.sql("repeated")
def test_nobody_has_seen_it(as_auditor: Client) -> None:
    ref = str(uuid.uuid4())
    shown = text(as_auditor.post(PAGE, {"kind": "consumer", "value": ref}, follow=True))
    assert "No event in the log names this person" in shown
    [viewed] = events("access_report.viewed")
    assert (viewed.consumer_ref, viewed.details["count"]) == (None, 0)
    assert downloaded(as_auditor, f"{FILE}?consumer={ref}")


@pytest.mark.sql("repeated")
def test_days_bound_the_report(as_auditor: Client, as_supervisor: Client, one: Submission) -> None:
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    assert "1 showed the data" in text(as_auditor.get(PAGE, {"consumer": ref}))
    assert "No event in the log names this person" in text(
        as_auditor.get(PAGE, {"consumer": ref, "until": "2020-01-01"})
    )


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("days", [{"since": "9000-01-01"}, {"until": "2020-01-01"}])
def test_period_without_events_hides_neither_submissions_nor_a_known_reference(
    as_auditor: Client, supervisor: User, one: Submission, days: dict[str, str]
) -> None:
    consumer, guest, nobody = (str(uuid.uuid4()) for _ in range(3))
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=consumer)
    with transaction.atomic():
        data: dict[str, Any] = {"kind": "guest", "result": "found"}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), guest_ref=guest, data=data))
    shown = text(as_auditor.get(PAGE, {"consumer": consumer, **days}))
    assert "None of the portal" not in shown
    assert f"Events of submission {one.public_id}" in shown
    assert "0 showed the data, 0 could have, 0 searched for it" in shown
    for kind, ref in (("guest", guest), ("consumer", nobody)):
        assert "None of the portal" in text(as_auditor.get(PAGE, {kind: ref, **days}))
    viewed = [(event.consumer_ref, event.guest_ref) for event in events("access_report.viewed")]
    assert viewed == [(consumer, None), (None, guest), (None, None)]


@pytest.mark.sql("repeated")
def test_searches_for_reports_are_limited(as_auditor: Client, settings: Any, one: Submission) -> None:
    settings.SEARCHES_PER_HOUR = 1
    assert as_auditor.post(PAGE, PASSPORT).status_code == 303
    assert as_auditor.post(PAGE, PASSPORT).status_code == 429
    assert [event.details["what"] for event in events("limit.reached")] == [Act.SEARCH]


@pytest.mark.sql("repeated")
def test_common_value_gets_no_report_of_a_part(
    as_auditor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "MOST", 1)
    store(staff, Outcome.REJECTED)
    store(staff, Outcome.REJECTED)
    shown = text(as_auditor.post(PAGE, {"kind": "last_name", "value": FULL.last_name}, follow=True))
    assert "This value belongs to too many people" in shown
    assert "No event in the log names this person" not in shown


def test_pages_together_have_each_of_many_events_once(
    as_auditor: Client, one: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 10_000 if connection.vendor == "sqlite" else 1_050  # more than are counted
    with transaction.atomic():
        for _ in range(number):
            record(recording.event_of(SUBMISSION_VIEWED, one, Actor(id="17", name="Anna")))
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    assert "More than 1,000" in text(as_auditor.get(PAGE, {"consumer": ref}))
    report, position, seen = of(one), None, []
    for _ in range(number // 50 + 1):
        page = report.page(size=50, position=position)
        seen += [entry.event.seq for entry in page.rows]
        position = page.older
        if position is None:
            break
    assert len(seen) == number == len({*seen})
    assert seen == sorted(seen, reverse=True)
    back = report.page(size=50, position=page.newer)
    assert [entry.event.seq for entry in back.rows] == seen[-100:-50]


@pytest.mark.parametrize("counted", [30, 4])
@pytest.mark.parametrize("matching", [(), (0,), (3, 11, 12, 29), (14,), tuple(range(30))])
def test_each_page_reads_a_limited_number_of_candidates(
    one: Submission,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    matching: tuple[int, ...],
    counted: int,
) -> None:
    """Exports that did not contain the person are read, too: pages may be short or empty, and lose none.

    If all candidates are counted, a page takes its part of them; otherwise the database finds each part.
    """
    monkeypatch.setattr(reports, "COUNTED", counted)
    for name in ("MOST_READ", "_READ_AT_ONCE"):
        monkeypatch.setattr(reports, name, 4)
    for number in range(30):
        outcome = Outcome.UNKNOWN if number in matching else Outcome.CREATED
        export(supervisor, finish, {"outcomes": (outcome,)})
    report = of(one)
    candidates = report.candidates.all()
    assert len(candidates) == 30
    wanted = [candidates[number] for number in reversed(matching)]
    seen, pages, page = list[int](), list[list[int]](), report.page(size=3, position=None)
    while True:
        numbers = [entry.event.seq for entry in page.rows]
        assert len(numbers) <= 3
        pages.append(numbers)
        seen += numbers
        if page.older is None:
            break
        page = report.page(size=3, position=page.older)
    assert seen == wanted
    assert len(pages) >= 8
    back = {*pages[-1]}
    while page.newer is not None:
        page = report.page(size=3, position=page.newer)
        assert len(page.rows) <= 3
        back.update(entry.event.seq for entry in page.rows)
    assert back == {*wanted}
    assert [entry.event.seq for entry in page.rows] == pages[0]


@pytest.mark.parametrize("counted", [4, 3])
def test_page_without_an_entry_leads_to_older_events(
    as_auditor: Client, one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    for name, value in {"COUNTED": counted, "MOST_READ": 2, "_READ_AT_ONCE": 2}.items():
        monkeypatch.setattr(reports, name, value)
    ref = str(uuid.uuid4())
    export(supervisor, finish)
    for _ in range(3):
        export(supervisor, finish, {"person": "0"})
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    first = as_auditor.get(PAGE, {"consumer": ref})
    assert "None of the events that were read for this page showed the data." in text(first)
    assert "Download with the proof of its events" in text(first)
    [older] = re.findall(r'rel="next" href="([^"]+)"', first.content.decode())
    second = as_auditor.get(unescape(older))
    assert "Export of submissions started" in text(second)
    assert 'rel="next"' not in second.content.decode()


@pytest.mark.parametrize("counted", [5, 4])
def test_page_that_ends_before_it_is_full_says_so_in_each_direction(
    as_auditor: Client, one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    for name, value in {"COUNTED": counted, "MOST_READ": 2, "_READ_AT_ONCE": 2}.items():
        monkeypatch.setattr(reports, name, value)
    ref = str(uuid.uuid4())
    for is_person in (True, False, False, False, True):
        export(supervisor, finish, {} if is_person else {"person": "0"})
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    short, nothing = "A page reads a limited number of events", "None of the events that were read"
    older, newer = "Older events may have shown the data.", "Newer events may have shown the data."

    def said(address: str) -> tuple[bool, set[str], dict[str, str]]:
        page = as_auditor.get(address)
        links = dict(re.findall(r'rel="(next|prev)" href="([^"]+)"', page.content.decode()))
        texts = {one for one in (short, nothing, older, newer) if one in text(page)}
        return "Export of submissions started" in text(page), texts, links

    has_entries, texts, links = said(f"{PAGE}?consumer={ref}")
    assert (has_entries, texts) == (True, {short, older})
    has_entries, texts, links = said(unescape(links["next"]))
    assert (has_entries, texts) == (False, {nothing, older})
    has_entries, texts, links = said(unescape(links["next"]))
    assert (has_entries, texts) == (True, set())
    assert "next" not in links
    has_entries, texts, links = said(unescape(links["prev"]))
    assert (has_entries, texts) == (False, {nothing, newer})
    assert said(unescape(links["prev"]))[:2] == (True, {short, older})  # the first page again


@pytest.mark.sql("repeated")
def test_more_submissions_are_compared_with_fewer_exports(one: Submission) -> None:
    many = subjects.Subject(dict.fromkeys(range(1, 401), one))
    some = subjects.Subject(dict.fromkeys(range(1, 21), one))
    assert [Report(subject).most_read for subject in (many, some, subjects.Subject())] == [200, 500, 2_000]


@pytest.mark.sql("repeated")
def test_kind_is_not_preselected(as_auditor: Client) -> None:
    assert '<option value="" selected>' in as_auditor.get(PAGE).content.decode()


@pytest.mark.sql("repeated")
@pytest.mark.parametrize("kind", ["consumer", "guest"])
def test_value_that_is_no_known_reference_gets_into_no_address(as_auditor: Client, kind: str) -> None:
    answer = as_auditor.post(PAGE, {"kind": kind, "value": FULL.passport_number})
    assert answer.status_code == 200
    assert "The portal knows no such reference." in text(answer)


def test_known_reference_of_another_shape_leads_to_its_report(
    as_auditor: Client, supervisor: User, one: Submission
) -> None:
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref="Con-1")
    with transaction.atomic():
        data: dict[str, Any] = {"kind": "guest", "result": "found"}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), guest_ref="g-1", data=data))
    for kind, value in (("consumer", "con-1"), ("guest", "G-1")):
        assert as_auditor.post(PAGE, {"kind": kind, "value": value}).status_code == 303


@pytest.mark.sql("repeated")
def test_reports_by_reference_are_limited(as_auditor: Client, settings: Any) -> None:
    settings.SEARCHES_PER_HOUR = 1
    address = f"{PAGE}?consumer={uuid.uuid4()}"
    assert as_auditor.get(address).status_code == 200
    assert as_auditor.get(address).status_code == 429
    assert len(events("access_report.viewed")) == 1


@pytest.mark.sql("repeated")
def test_report_that_shows_nothing_is_an_event(
    as_auditor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_auditor.get(PAGE, {"consumer": str(uuid.uuid4()), "until": "2001-01-01"})
    monkeypatch.setattr(subjects, "MOST", 0)
    ref = str(uuid.uuid4())
    store(staff, Outcome.CREATED, consumer_ref=ref)
    as_auditor.get(PAGE, {"consumer": ref})
    none, too_many = events("access_report.viewed")
    assert (none.details["count"], none.details["until"], none.consumer_ref) == (0, "2001-01-01", None)
    assert (too_many.details["count"], too_many.details["result"]) == (0, "too_many")
    assert too_many.consumer_ref == ref


@pytest.mark.sql("repeated")
def test_report_says_where_the_log_begins(as_auditor: Client) -> None:
    ref = str(uuid.uuid4())
    assert "The log begins with event 1 of" in text(as_auditor.get(PAGE, {"consumer": ref}))
    with zipfile.ZipFile(io.BytesIO(downloaded(as_auditor, f"{FILE}?consumer={ref}"))) as archive:
        begins = json.loads(archive.read("report.json"))["log_begins"]
    first = AuditEvent.objects.get(seq=1)
    assert begins == {"seq": 1, "at": f"{first.at:%Y-%m-%dT%H:%M:%S.%f}Z"}


# --- What is certain, and what is not -------------------------------------------------------------------
def exported(by: User, asked: SubmissionFilter) -> Any:
    selection = Selection(asked, Viewer(str(by.pk), sees_all=True))
    return exports.prepare(selection, PLAIN, query="", rows=0, person=acting(by))


def export(by: User, end: Callable[[Any, Actor], object] | None, asked: dict[str, Any] | None = None) -> None:
    made = exported(by, SubmissionFilter(**(asked or {})))
    exports.start(made, acting(by))
    if end is not None:
        end(made, acting(by))


def finish(made: Any, actor: Actor) -> None:
    assert exports.finish(made, Progress(rows=1), "0" * 64, actor)


def verdicts(made: Submission) -> list[tuple[Verdict, Doubt | None]]:
    return [(one.verdict, one.doubt) for one in of(made).entries()]


def change(made: Submission, person: User, **columns: Any) -> None:
    Submission.objects.filter(pk=made.pk).update(**columns)
    with transaction.atomic():
        record(recording.event_of(CONSUMER_OUTCOME_UNKNOWN, made, acting(person)))


def test_export_with_filters_that_match_showed_it(one: Submission, supervisor: User) -> None:
    export(supervisor, finish)
    same = {"outcomes": (Outcome.UNKNOWN,), "person": str(one.actor_id), "order_ref": one.order_ref}
    export(supervisor, finish, same)
    assert verdicts(one) == [(Verdict.SHOWED, None)] * 2


@pytest.mark.parametrize(
    "asked", [{"outcomes": (Outcome.CREATED,)}, {"person": "0"}, {"order_ref": "x-1"},
              {"consumer_ref": "x-1"}, {"reason": "busy"}, {"answered_from": 5}]
)  # fmt: skip
def test_export_with_filters_that_do_not_match_is_not_in_the_report(
    one: Submission, supervisor: User, asked: dict[str, Any]
) -> None:
    export(supervisor, finish, asked)
    assert verdicts(one) == []


def test_export_of_a_list_showed_the_submissions_of_the_list_only(staff: User, supervisor: User) -> None:
    batch = uuid.uuid4()
    made = [store(staff, Outcome.REJECTED, batch=of, batch_row=1) for of in (batch, uuid.uuid4(), batch)]
    export(supervisor, finish, {"batch": batch})
    assert [verdicts(one) for one in made] == [[(Verdict.SHOWED, None)], [], [(Verdict.SHOWED, None)]]


@pytest.mark.sql("repeated")
def test_each_filter_of_an_export_is_compared() -> None:
    names = {one.name for one in dataclasses.fields(SubmissionFilter)} - {"search"}  # its kinds are named
    assert {*names, *DigestKind} == COMPARED


@pytest.mark.sql("repeated")
def test_filter_that_is_not_compared_is_a_doubt(
    one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(supervisor, finish, {"order_ref": one.order_ref})
    monkeypatch.setattr("apps.privacy.exports.COMPARED", COMPARED - {"order_ref"})
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.NOT_RECORDED)]


def test_outcome_that_changed_since_is_the_one_of_the_export(one: Submission, supervisor: User) -> None:
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN,)})
    export(supervisor, finish, {"reason": "read_timeout"})
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=REF, error_code="")
    with transaction.atomic():
        record(recording.event_of(SUBMISSION_VIEWED, one, acting(supervisor)))
    change(one, supervisor)
    assert verdicts(one) == [
        (Verdict.SHOWED, None), (Verdict.POSSIBLE, Doubt.CHANGED_SINCE), (Verdict.SHOWED, None)
    ]  # fmt: skip


@pytest.mark.sql("repeated")
def test_change_while_a_file_is_written_is_a_doubt(one: Submission, supervisor: User) -> None:
    def end(made: Any, actor: Actor) -> None:
        change(one, supervisor)
        finish(made, actor)

    export(supervisor, end, {"outcomes": (Outcome.CREATED,)})
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.WHILE_WRITTEN)]


@pytest.mark.sql("repeated")
def test_submission_while_a_file_is_written_is_a_doubt_and_after_it_none(
    supervisor: User, staff: User
) -> None:
    late: list[Submission] = []

    def end(made: Any, actor: Actor) -> None:
        for ended in (False, True):
            if ended:
                finish(made, actor)
            late.append(store(staff, Outcome.REJECTED))
            with transaction.atomic():
                record(recording.event_of(CONSUMER_CREATE_REQUESTED, late[-1], acting(staff)))

    export(supervisor, end)
    assert [verdicts(one) for one in late] == [[(Verdict.POSSIBLE, Doubt.WHILE_WRITTEN)], []]


@pytest.mark.sql("repeated")
def test_file_that_was_not_completed_is_a_doubt(one: Submission, supervisor: User) -> None:
    export(supervisor, None)
    export(supervisor, lambda made, actor: exports.fail(made, FailureCode.READER_GONE, Progress(), actor))
    export(supervisor, exports.cancel)
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.NOT_COMPLETED)] * 3


def test_erased_person_is_a_doubt_of_an_export_of_a_search(
    one: Submission, as_supervisor: Client, supervisor: User
) -> None:

    search = recorded(supervisor, passport=FULL.passport_number)

    export(supervisor, finish, {"search": searches.find(search.public_id)})
    assert verdicts(one) == [(Verdict.SHOWED, None)]
    SubmissionDigest.objects.all().delete()
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.ERASED)]
    RecordedSearch.objects.update(encrypted_values=b"")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.SEARCH_GONE)]


@pytest.mark.sql("repeated")
def test_list_names_its_rows_exactly(staff: User, supervisor: User) -> None:
    made = [
        store(staff if n % 2 else supervisor, Outcome.REJECTED, clean(last_name=f"N{n}")) for n in range(9)
    ]
    shown = [made[0], made[1], made[4], made[8]]
    recording.record_listed(shown, viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    for one in made:
        assert verdicts(one) == ([(Verdict.SHOWED, None)] if one in shown else [])


def test_altered_list_is_a_doubt(one: Submission, supervisor: User) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET data = 'x' WHERE action = 'submissions.listed'")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.UNREADABLE)]


@pytest.mark.sql("repeated")
def test_order_with_more_consumers_than_an_event_names_is_a_doubt(supervisor: User) -> None:
    refs = [f"c-{number}" for number in range(60)]
    data: dict[str, Any] = {"kind": "order", "result": "found", "shown": 60}
    with transaction.atomic():
        event = Event(VENDOR_RECORD_VIEWED, acting(supervisor), order_ref="o-1", data=data)
        recording.record_shown(event, consumers=refs)
    found = {ref: [one.doubt for one in Report(subjects.of_consumer(ref)).entries()] for ref in refs}
    assert (found["c-0"], found["C-49".lower()], found["c-50"]) == ([None], [None], [Doubt.MORE_SHOWN])
    assert list(Report(subjects.of_consumer("c-99")).entries()) == []


def test_ranges_of_every_width_are_found(one: Submission, supervisor: User) -> None:
    """The index finds each range that contains a submission, wherever the range begins and however wide."""
    pk = one.pk
    for seq, (first, last) in enumerate(
        (max(pk - before, 0), pk + after)
        for before in (0, 1, 2, 7, 64, 5000)
        for after in (0, 1, 3, 100, 900)
    ):
        recording.index_range(seq + 1, first, last, owner=one.actor_id if seq % 2 else 0)
    assert len(of(one).candidates.all()) == ShownRange.objects.count() == 30
    ShownRange.objects.all().delete()
    recording.index_range(1, pk + 1, pk + 50)
    recording.index_range(2, 0, max(pk - 1, 0))
    recording.index_range(3, pk, pk, owner=one.actor_id + 1)
    assert of(one).candidates.all() == []


def test_change_between_the_selection_and_the_start_is_a_doubt(
    one: Submission, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounds of the selected rows say nothing of a submission that came to match after they were read."""
    made = exported(supervisor, SubmissionFilter(reason="read_timeout"))
    Submission.objects.update(error_code="busy")
    reserve = exports._reserve_slot

    def change_first(*arguments: Any) -> None:
        change(one, supervisor, error_code="read_timeout")
        reserve(*arguments)

    monkeypatch.setattr(exports, "_reserve_slot", change_first)
    exports.start(made, acting(supervisor))
    finish(made, acting(supervisor))
    [started] = events("export.started")
    assert started.details["expected"] == 0
    assert verdicts(one) == [(Verdict.SHOWED, None)]


@pytest.mark.sql("repeated")
def test_row_outside_the_bounds_was_not_in_the_file_whatever_the_event_does_not_say(
    one: Submission, supervisor: User
) -> None:
    export(supervisor, finish, {"reason": "busy"})
    change(one, supervisor)
    assert verdicts(one) == []


def guest_search(by: User, result: str, *kinds: str) -> None:
    values = {"email": FULL.emails[0], "identifier": FULL.identifiers[0].id}
    found = recorded(by, **{kind: values[kind] for kind in kinds})
    data: dict[str, Any] = {"kind": "guest", "by": kinds, "result": result, "search": str(found.public_id)}
    with transaction.atomic():
        recording.record_shown(Event(VENDOR_RECORDS_SEARCHED, acting(by), data=data), guests=["g-unknown"])


@pytest.mark.sql("repeated")
@pytest.mark.parametrize(
    ("result", "kinds", "verdict"),
    [
        ("found", ["email"], (Verdict.SHOWED, None)),
        ("found", ["email", "identifier"], (Verdict.POSSIBLE, Doubt.SEVERAL_VALUES)),
        ("not_found", ["email"], (Verdict.SEARCHED, None)),
    ],
)
def test_search_that_found_a_guest_by_the_value_showed_it(
    supervisor: User, result: str, kinds: list[str], verdict: tuple[Verdict, Doubt | None]
) -> None:
    """Also of a guest that the portal did not create, whose reference it cannot know."""
    guest_search(supervisor, result, *kinds)
    search = recorded(supervisor, email=FULL.emails[0])
    found = [*Report(subjects.of_search(searches.find(search.public_id))).entries()]
    [entry] = [entry for entry in found if entry.event.action == VENDOR_RECORDS_SEARCHED.name]
    assert (entry.verdict, entry.doubt) == verdict


def altered(assignment: str, action: str) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {assignment} WHERE action = %s", [action])


@pytest.mark.parametrize(
    "assignment",
    [
        """data = '{"count":1,"rows":["999"],"scope":"all"}'""",
        "action = 'session.ended'",
        "actor_name = 'Sam Person'",
    ],
)
def test_altered_event_that_can_be_read_is_a_doubt(
    one: Submission, supervisor: User, assignment: str
) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    assert verdicts(one) == [(Verdict.SHOWED, None)]
    altered(assignment, "submissions.listed")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.ALTERED)]


def test_event_with_its_own_hash_but_no_valid_mac_is_a_doubt(one: Submission, supervisor: User) -> None:
    recording.record_listed([one], viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    altered(f"mac = '{'0' * 64}'", "submissions.listed")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.ALTERED)]


@pytest.mark.sql("repeated")
def test_exports_of_a_page_need_few_queries_and_each_event_is_judged_once(
    one: Submission, supervisor: User, django_assert_max_num_queries: Any
) -> None:
    search = searches.find(recorded(supervisor, passport=FULL.passport_number).public_id)
    for _ in range(40):
        export(supervisor, finish, {"search": search})
    report = of(one)
    with django_assert_max_num_queries(20):
        assert len(report.page(size=50, position=None).rows) == 40
    with django_assert_max_num_queries(0):
        assert report.counts() == Counts(showed=40)


def test_altered_end_of_an_export_is_a_doubt(one: Submission, supervisor: User) -> None:
    export(supervisor, lambda made, actor: exports.fail(made, FailureCode.READER_GONE, Progress(), actor))
    altered("action = 'export.finished'", "export.failed")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.ALTERED)]


@pytest.mark.parametrize(
    ("action", "assignment"),
    [
        ("consumer.create_requested", "actor_name = 'Sid Person'"),
        ("consumer.outcome_unknown", "action = 'consumer.rejected'"),
        ("consumer.outcome_unknown", "action = 'session.ended'"),  # it hides a change
        ("consumer.outcome_unknown", f"mac = '{'0' * 64}'"),
    ],
)
def test_altered_event_of_the_submission_is_a_doubt_of_what_depends_on_it(
    one: Submission, supervisor: User, action: str, assignment: str
) -> None:
    export(supervisor, finish, {"outcomes": (Outcome.UNKNOWN,)})
    export(supervisor, finish, {"outcomes": (Outcome.REJECTED,)})
    export(supervisor, finish, {"person": "0"})  # no event decides about it
    made_for(one, uuid.UUID(int=7), 1)
    of_list(BATCH_DOWNLOADED, uuid.UUID(int=7), supervisor)
    assert verdicts(one) == [(Verdict.SHOWED, None)] * 2
    altered(assignment, action)
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.HISTORY_ALTERED)] * 3


def test_altered_export_does_not_break_the_page(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    export(supervisor, finish)
    altered('data = replace(data, \'"export":"\', \'"export":"x\')', "export.started")
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    shown = as_auditor.get(PAGE, {"consumer": ref})
    assert shown.status_code == 200
    assert str(DOUBT_LABELS[Doubt.ALTERED]) in text(shown)
    assert downloaded(as_auditor, f"{FILE}?consumer={ref}")


def test_figures_by_a_search_or_a_reference_could_have_shown_it(
    one: Submission, as_supervisor: Client, supervisor: User
) -> None:
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    figures, search = reverse("history:figures"), recorded(supervisor, passport=FULL.passport_number)
    as_supervisor.get(figures, {"period": "all", "consumer": ref})
    as_supervisor.get(figures, {"period": "all", "consumer": str(uuid.uuid4())})
    as_supervisor.get(figures, {"period": "all", "search": searches.seal(search)})
    as_supervisor.get(figures, {"period": "all"})
    of_ref = [*Report(subjects.of_consumer(ref)).entries()]
    of_value = [*Report(subjects.of_search(searches.find(search.public_id))).entries()]
    viewed = [event.seq for event in events("figures.viewed")]
    counted = (Verdict.POSSIBLE, Doubt.COUNTED)
    assert [(one.event.seq, (one.verdict, one.doubt)) for one in of_ref] == [(viewed[0], counted)]
    assert [(one.event.seq, one.verdict) for one in of_value if one.doubt] == [
        (viewed[0], Verdict.POSSIBLE), (viewed[2], Verdict.POSSIBLE)
    ]  # fmt: skip


@pytest.mark.sql("repeated")
def test_warning_about_values_that_are_not_shown_could_have_shown_them(
    as_staff: Client, supervisor: User, staff: User, sandbox: SandboxServer
) -> None:
    theirs = store(supervisor, Outcome.CREATED)
    page = text(as_staff.post(reverse("consumers:new"), posted(clean(passport_number=FULL.passport_number))))
    assert "Same fields: passport number." in page
    [compared] = events("consumer.compared")
    assert (compared.submission, compared.actor_id) == (str(theirs.public_id), str(staff.pk))
    assert verdicts(theirs) == [(Verdict.POSSIBLE, Doubt.COMPARED)]


def test_guest_of_a_consumer_that_is_shown_is_named(
    as_supervisor: Client, supervisor: User, sandbox: SandboxServer, settings: Any
) -> None:
    """The order page, the panel, copied details and what a resolution is compared with."""
    settings.CDP_RECONCILIATION = True
    token, actor, client = uuid.uuid4(), acting(supervisor), get_client()
    made = submit.submit(order_ref=SAMPLE_ORDER, consumer=FULL, token=token, actor=actor, client=client)
    consumer = client.retrieve_order_consumer(made.consumer_ref)
    assert consumer.guest_ref
    as_supervisor.get(reverse("orders:order", args=[SAMPLE_ORDER]))
    as_supervisor.post(reverse("consumers:order_panel"), {"order_ref": SAMPLE_ORDER})
    recording.record_consumers_shown(SAMPLE_ORDER, [consumer], actor)
    evidence.read_consumer(made, made.consumer_ref, actor=actor, client=client)
    named = [event.details.get("guests", []) for event in events("vendor_record.viewed")]
    assert [consumer.guest_ref in guests for guests in named] == [True] * 4
    OrderReading.objects.all().delete()
    Submission.objects.update(guest_ref="")
    report = Report(subjects.Subject(guests={reference_key(consumer.guest_ref): consumer.guest_ref}))
    assert [entry.verdict for entry in report.entries()] == [Verdict.SHOWED] * 4


# --- Lists of people ------------------------------------------------------------------------------------
def made_for(made: Submission, batch: uuid.UUID, row: int) -> None:
    Submission.objects.filter(pk=made.pk).update(batch=batch, batch_row=row)


def of_list(event_type: EventType, batch: uuid.UUID | str, by: User) -> int:
    """Record an event of a list of people as the pages of lists do, with its key in the index."""
    data: dict[str, Value] = {"batch": str(batch), "rows": 2}
    if event_type is BATCH_DOWNLOADED:
        data["sent"] = ["1-9"]
    event = Event(event_type, acting(by), order_ref=SAMPLE_ORDER, data=data)
    with transaction.atomic():
        seq = record(event)
        recording.index_keys(seq, [recording.key_of(recording.BATCH, batch)])
    return seq


@pytest.mark.sql("repeated")
def test_file_of_a_list_showed_its_rows_and_a_page_could_have(one: Submission, supervisor: User) -> None:
    batch = uuid.uuid4()
    other = of_list(BATCH_DOWNLOADED, batch, supervisor)
    assert verdicts(one) == []  # the submission is of no list
    made_for(one, batch, 7)
    page = of_list(BATCH_VIEWED, batch, supervisor)
    file = of_list(BATCH_DOWNLOADED, batch, supervisor)
    of_list(BATCH_DOWNLOADED, uuid.uuid4(), supervisor)
    found = {entry.event.seq: (entry.verdict, entry.doubt) for entry in of(one).entries()}
    assert found.pop(page) == (Verdict.POSSIBLE, Doubt.ROW_UNCERTAIN)
    assert found.pop(file) == (Verdict.SHOWED, None)
    assert {*found} == {other}


def test_list_in_a_report_leads_to_its_page_for_those_who_may_see_it(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    batch, both = uuid.uuid4(), Client()
    made_for(one, batch, 7)
    of_list(BATCH_DOWNLOADED, batch, supervisor)
    both.force_login(make_person("amy", "auditor", "supervisor"))
    link = f'href="{reverse("batches:batch", args=[batch])}"'
    assert link in text(both.post(PAGE, PASSPORT, follow=True))
    assert link not in text(as_auditor.post(PAGE, PASSPORT, follow=True))


@pytest.mark.sql("repeated")
def test_export_in_a_report_leads_to_its_page_for_those_who_may_see_it(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    made = exported(supervisor, SubmissionFilter())
    exports.start(made, acting(supervisor))
    link = reverse("history:exported", args=[made.public_id])
    assert f'href="{link}"' in text(as_auditor.post(PAGE, PASSPORT, follow=True))
    [entry] = of(one).entries()
    assert line(entry, lambda permission: permission == VIEW_PAST_EXPORTS).page_url == link
    assert line(entry, may_nothing).page_url == ""


@pytest.mark.sql("repeated")
def test_doubt_about_a_row_of_a_list_says_what_its_event_does_not_say(
    as_auditor: Client, one: Submission, supervisor: User
) -> None:
    batch = uuid.uuid4()
    made_for(one, batch, 7)
    of_list(BATCH_VIEWED, batch, supervisor)
    shown = text(as_auditor.post(PAGE, PASSPORT, follow=True))
    assert "the event does not say that it showed this row as it was sent" in shown


@pytest.mark.sql("repeated")
def test_row_that_was_not_sent_yet_or_was_sent_again_could_have_been_another(
    staff: User, supervisor: User
) -> None:
    batch = uuid.uuid4()
    early = of_list(BATCH_DOWNLOADED, batch, supervisor)
    made = [store(staff, Outcome.NOT_SENT, batch=batch, batch_row=7) for _ in range(2)]
    files = []
    for one in made:
        with transaction.atomic():
            record(recording.event_of(CONSUMER_CREATE_REQUESTED, one, acting(staff)))
        files.append(of_list(BATCH_DOWNLOADED, batch, supervisor))
    corrected, certain = (Verdict.POSSIBLE, Doubt.ROW_UNCERTAIN), (Verdict.SHOWED, None)
    for one, expected in zip(made, ([certain, corrected], [corrected, certain]), strict=True):
        found = {entry.event.seq: (entry.verdict, entry.doubt) for entry in of(one).entries()}
        assert found == {early: corrected, **dict(zip(files, expected, strict=True))}


def test_event_of_a_list_that_was_altered_is_a_doubt(one: Submission, supervisor: User) -> None:
    batch = uuid.uuid4()
    made_for(one, batch, 7)
    of_list(BATCH_DOWNLOADED, batch, supervisor)
    altered("""data = '{"batch":"7"}'""", "batch.downloaded")
    assert verdicts(one) == [(Verdict.POSSIBLE, Doubt.ALTERED)]


# --- The file -------------------------------------------------------------------------------------------
@pytest.fixture
def files(
    as_auditor: Client, as_administrator: Client, as_supervisor: Client, supervisor: User, one: Submission,
    tmp_path: Path,
) -> Path:  # fmt: skip
    """A folder with a report, a later proof of the log, and the programs from the report."""
    as_supervisor.get(reverse("history:submissions"), {"period": "all"})
    as_supervisor.get(reverse("consumers:receipt", args=[one.public_id]))
    made_for(one, uuid.UUID(int=7), 1)
    of_list(BATCH_DOWNLOADED, uuid.UUID(int=7), supervisor)
    answer: Any = as_auditor.post(PAGE, PASSPORT)
    (tmp_path / "report.zip").write_bytes(downloaded(as_auditor, answer["Location"].replace(PAGE, FILE)))
    sign_checkpoint(TESTS)
    (tmp_path / "proof.zip").write_bytes(downloaded(as_administrator, reverse("audit:proof")))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        archive.extractall(tmp_path / "report")
    return tmp_path


def verified(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the report's own verifier in a Python without installed packages and without the portal."""
    program = str(folder / "report" / "verify_access_report.py")
    command = [sys.executable, "-I", "-S", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, check=False)


def test_outsider_verifies_the_file(files: Path) -> None:
    alone = verified(files, "report.zip")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "The report has 4 events." in alone.stdout
    with_log = verified(files, "report.zip", "--proof", "proof.zip")
    assert with_log.returncode in (0, 1), with_log.stdout + with_log.stderr
    assert "none that names the person is left out" in with_log.stdout
    about = json.loads((files / "report" / "report.json").read_text())
    assert about["counts"] == {"showed": 3, "possible": 0, "searched": 1}


def _left_out(folder: Path) -> None:
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(b"".join(lines[1:]))
    rows = (folder / "report.csv").read_bytes().splitlines(keepends=True)
    (folder / "report.csv").write_bytes(b"".join([rows[0], *rows[2:]]))


def _list_left_out(folder: Path) -> None:
    for name in ("events.jsonl", "report.csv"):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join(line for line in lines if b"batch.downloaded" not in line))


def _other_person(folder: Path) -> None:
    path = folder / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Sue Person", b"Sam Person", 1))


def _other_address(folder: Path) -> None:
    path = folder / "report.csv"
    path.write_bytes(path.read_bytes().replace(b"127.0.0.1", b"127.0.0.2", 1))


@pytest.mark.parametrize("alter", [_left_out, _list_left_out, _other_person, _other_address])
def test_altered_file_is_not_verified(files: Path, alter: Callable[[Path], None]) -> None:

    alter(files / "report")
    names = ("report.json", "report.csv", "events.jsonl")
    digests = {name: hashlib.sha256((files / "report" / name).read_bytes()).hexdigest() for name in names}
    (files / "report" / "manifest.json").write_text(json.dumps({"files": digests}))  # as a forger would
    result = verified(files, "report", "--proof", "proof.zip")
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith("different: ")


@pytest.mark.sql("repeated")
def test_export_of_a_report_is_an_event(files: Path, auditor: User) -> None:
    [event] = events("access_report.exported")
    assert (event.actor_id, event.details["about"], event.details["count"]) == (str(auditor.pk), "search", 4)


@pytest.mark.sql("repeated")
def test_verdicts_have_labels() -> None:

    assert {*DOUBT_LABELS} == {*Doubt}
    assert {*VERDICT_LABELS} == {*Verdict}
