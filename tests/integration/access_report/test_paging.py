"""Long reports in pages: each event once, and a limited number of reads for each page."""

from __future__ import annotations

import re
import uuid
from html import unescape
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from apps.accounts.models import User
from apps.audit.recording import record
from apps.consumers import recording, searches
from apps.consumers.audit_events import SUBMISSION_VIEWED
from apps.consumers.models import Outcome, Submission
from apps.core.actor import Actor
from apps.privacy import report as reports
from apps.privacy import subjects
from apps.privacy.report import Counts, Report
from tests.support.access_report import PAGE, export, finish, of
from tests.support.entries import FULL, text
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db(transaction=True)


def test_pages_together_have_each_of_many_events_once(
    as_auditor: Client, one: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 1_050  # more than are counted
    with transaction.atomic():
        for _ in range(number):
            record(recording.event_of(SUBMISSION_VIEWED, one, Actor(id="17", name="Anna")))
    ref = str(uuid.uuid4())
    Submission.objects.update(outcome=Outcome.CREATED, consumer_ref=ref)
    assert "More than 1,000" in text(as_auditor.get(PAGE, {"consumer": ref}))
    report, position, seen = of(one), None, []
    for _ in range(number // 50 + 1):
        page = report.page(size=50, position=position)
        seen += [line.event.seq for line in page.rows]
        position = page.older
        if position is None:
            break
    assert len(seen) == number == len({*seen})
    assert seen == sorted(seen, reverse=True)
    back = report.page(size=50, position=page.newer)
    assert [line.event.seq for line in back.rows] == seen[-100:-50]


@pytest.mark.parametrize(
    ("matching", "counted"),
    [
        ((), 4),
        ((0,), 30),
        ((3, 11, 12, 29), 30),
        ((3, 11, 12, 29), 4),
        ((14,), 30),
        (tuple(range(30)), 4),
    ],
)
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
        numbers = [line.event.seq for line in page.rows]
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
        back.update(line.event.seq for line in page.rows)
    assert back == {*wanted}
    assert [line.event.seq for line in page.rows] == pages[0]


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

    has_lines, texts, links = said(f"{PAGE}?consumer={ref}")
    assert (has_lines, texts) == (True, {short, older})
    has_lines, texts, links = said(unescape(links["next"]))
    assert (has_lines, texts) == (False, {nothing, older})
    has_lines, texts, links = said(unescape(links["next"]))
    assert (has_lines, texts) == (True, set())
    assert "next" not in links
    has_lines, texts, links = said(unescape(links["prev"]))
    assert (has_lines, texts) == (False, {nothing, newer})
    assert said(unescape(links["prev"]))[:2] == (True, {short, older})  # the first page again


@pytest.mark.sql("repeated")
def test_more_submissions_are_compared_with_fewer_exports(one: Submission) -> None:
    many = subjects.Subject(dict.fromkeys(range(1, 401), one))
    some = subjects.Subject(dict.fromkeys(range(1, 21), one))
    assert [Report(subject).most_read for subject in (many, some, subjects.Subject())] == [200, 500, 2_000]


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
