"""The list of submissions and the start page: one's own, or all for supervisors, newest first."""

from __future__ import annotations

import datetime
import re
from html import unescape

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers import selectors
from apps.consumers.models import Outcome, Submission
from apps.consumers.sending.digests import search_digests
from apps.core import clock
from apps.history.views import list as views
from sandbox.data.seed import GROUP_ORDER, SAMPLE_ORDER
from tests.support.entries import FULL, clean, resolved_by, store, text
from tests.support.people import events, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

PAGE = "/submissions/"


def listed(page: str) -> list[str]:
    """The receipts that a page links to, in its order."""
    return re.findall(r'<a href="/submissions/([0-9a-f-]{36})/"', page)


def many(person: User, number: int) -> list[str]:
    """Store so many submissions, three per second; returns their ids, newest first."""
    start = datetime.datetime(2026, 3, 7, tzinfo=datetime.UTC)
    made = []
    for index in range(number):
        moment = start + datetime.timedelta(seconds=index // 3)
        made.append(store(person, Outcome.CREATED, clean(last_name=f"C{index}"), submitted_at=moment))
    return [str(submission.public_id) for submission in reversed(made)]


@pytest.mark.parametrize("path", ["/", PAGE])
def test_page_without_submissions_shows_the_next_step(as_staff: Client, path: str) -> None:
    page = text(as_staff.get(path))
    assert 'href="/consumers/new/"' in page
    assert listed(page) == []
    assert ("No submissions yet" in page) is (path == PAGE)


def test_staff_see_their_own_submissions_and_supervisors_all(
    as_staff: Client, as_supervisor: Client, staff: User
) -> None:
    mine = store(staff, Outcome.REJECTED)
    theirs = store(make_person("sid", "staff"), Outcome.CREATED, clean())
    assert listed(text(as_staff.get(PAGE))) == [str(mine.public_id)]
    page = text(as_supervisor.get(PAGE))
    assert listed(page) == [str(theirs.public_id), str(mine.public_id)]
    for words in (
        "Sid Person",
        "Ida Clean",
        "Aoife Zaphodina O’Beeblebrox",
        "Created",
        "Rejected",
        mine.order_ref,
    ):
        assert words in page
    assert FULL.passport_number not in page


def test_administrator_sees_no_submissions(as_administrator: Client, staff: User) -> None:
    store(staff, Outcome.UNKNOWN)
    assert as_administrator.get(PAGE).status_code == 403
    page = text(as_administrator.get("/"))
    assert listed(page) == []
    assert FULL.last_name not in page
    assert f'href="{PAGE}"' not in page
    assert 'href="/identity-rules/"' in page


def test_administrator_sees_the_number_of_unknown_outcomes_and_no_call_to_act_on_them(
    as_administrator: Client, as_supervisor: Client, staff: User
) -> None:
    of_two = [store(staff, Outcome.UNKNOWN), store(staff, Outcome.UNKNOWN, clean(last_name="Other"))]
    for submission in of_two:
        old = submission.submitted_at - datetime.timedelta(days=3)
        type(submission).objects.filter(pk=submission.pk).update(submitted_at=old)
    page = text(as_administrator.get("/"))
    assert "For supervisors to resolve" in page
    assert "Unknown outcomes: 2 open, oldest from" in page
    needs_attention = page.partition("Needs attention")[2].partition("For supervisors to resolve")[0]
    assert "nknown outcome" not in needs_attention
    assert 'href="/submissions/?' not in page
    assert "For supervisors to resolve" not in text(as_supervisor.get("/"))
    assert "2 submissions of unknown outcome" in text(as_supervisor.get("/"))


@pytest.mark.sql("new")
def test_paging_shows_every_submission_once_newest_first(
    as_staff: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    ids = many(staff, 11)
    address, seen, pages = f"{PAGE}?period=all", [], 0
    while address:
        page = as_staff.get(address).content.decode()
        seen += listed(page)
        pages += 1
        older = re.search(r'rel="next" href="([^"]+)"', page)
        address = unescape(older[1]) if older else ""
        assert pages <= 3
    assert seen == ids
    assert pages == 3


@pytest.mark.sql("new")
def test_submission_added_meanwhile_moves_no_page(
    as_staff: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    ids = many(staff, 8)
    older = re.search(r'rel="next" href="([^"]+)"', as_staff.get(f"{PAGE}?period=all").content.decode())
    assert older
    store(staff, Outcome.CREATED, clean(last_name="Late"))
    page = as_staff.get(unescape(older[1])).content.decode()
    assert listed(page) == ids[4:]
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer
    assert listed(as_staff.get(unescape(newer[1])).content.decode()) == ids[:4]


@pytest.mark.parametrize(
    "query",
    ["before=x", "before=", "before=1-", "after=-1", "before=1-1-1", "before=1-1&after=1-1",
     "before=" + "9" * 30 + "-1", "after=" + "9" * 18 + "-1", "before=1-" + "9" * 19, "before=1-\u0661"],
)  # fmt: skip
def test_truncated_or_altered_page_key_is_reported(as_staff: Client, query: str) -> None:
    response = as_staff.get(f"{PAGE}?{query}")
    assert response.status_code == 400
    assert "contains the position in the list" in text(response)


@pytest.mark.sql("new")
def test_page_beyond_the_last_is_reported_and_leads_to_the_newest(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED)
    page = text(as_staff.get(PAGE, {"before": "0-1"}))
    assert listed(page) == []
    assert "There are no further submissions" in page
    assert f'href="{PAGE}?period=last-30-days">Open the first page' in page


@pytest.mark.sql("new")
def test_start_page_says_in_a_line_what_needs_attention(
    as_staff: Client, as_supervisor: Client, staff: User, supervisor: User
) -> None:
    unknown = store(staff, Outcome.UNKNOWN)
    newest = many(staff, 7)
    Submission.objects.filter(pk=unknown.pk).update(
        submitted_at=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    )
    page = text(as_staff.get("/"))
    receipt = f'<a href="/submissions/{unknown.public_id}/">1 submission of unknown outcome (1 overdue)</a>'
    assert f"{receipt}. Do not enter these again." in page
    assert listed(page) == [str(unknown.public_id), *newest[:5]]
    store(supervisor, Outcome.UNKNOWN, clean(last_name="Second"))
    every = (
        '<a href="/submissions/?outcome=unknown&amp;period=all">2 submissions of unknown outcome (1 overdue)'
    )
    page = text(as_supervisor.get("/"))
    assert f"{every}</a>. Check the order in Sitecore CDP and resolve each of them." in page
    assert "1 submission of unknown outcome" in text(as_staff.get("/"))
    Submission.objects.filter(outcome=Outcome.UNKNOWN).delete()
    assert "Needs attention" not in text(as_supervisor.get("/"))


@pytest.mark.parametrize(
    ("reconciliation", "to_staff", "to_supervisors"),
    [
        (
            True,
            "Do not enter these again. A check may find the outcome; otherwise a supervisor resolves them.",
            "A check may find the outcome. Otherwise check the order in Sitecore CDP and resolve each of"
            " them.",
        ),
        (
            False,
            "Do not enter these again. A supervisor resolves them.",
            "Check the order in Sitecore CDP and resolve each of them.",
        ),
    ],
    ids=["on", "off"],
)
def test_next_step_of_unknown_outcomes_depends_on_reconciliation(
    as_staff: Client,
    as_supervisor: Client,
    staff: User,
    settings: Settings,
    reconciliation: bool,
    to_staff: str,
    to_supervisors: str,
) -> None:
    settings.CDP_RECONCILIATION = reconciliation
    store(staff, Outcome.UNKNOWN)
    assert f"1 submission of unknown outcome</a>. {to_staff}" in text(as_staff.get("/"))
    assert f"1 submission of unknown outcome</a>. {to_supervisors}" in text(as_supervisor.get("/"))


def test_view_of_a_list_of_names_is_recorded(as_staff: Client, as_supervisor: Client, staff: User) -> None:
    own = store(staff, Outcome.CREATED)
    as_staff.get(PAGE)
    as_supervisor.get(PAGE)
    [since] = events("submissions.listed")[0].details["filters"]
    assert since.startswith("since:2")
    shown = {"filters": [since], "count": 1, "first": own.pk, "last": own.pk, "rows": [str(own.pk)]}
    assert [event.details for event in events("submissions.listed")] == [
        {**shown, "scope": "own"},
        {**shown, "scope": "everybody"},
    ]


def test_list_accepts_only_get(as_staff: Client) -> None:
    assert as_staff.put(PAGE).status_code == 405
    assert as_staff.post("/").status_code == 405


@pytest.mark.sql("new")
def test_erased_consumer_stays_in_the_list_without_a_name(as_staff: Client, staff: User) -> None:
    submission = store(staff, Outcome.CREATED)
    Submission.objects.update(encrypted_consumer=b"", content_digest=b"")
    page = text(as_staff.get(PAGE))
    assert listed(page) == [str(submission.public_id)]
    assert "Zaphodina" not in page
    assert "(unreadable)" not in page


def test_consumer_emptied_in_the_database_is_unreadable_in_the_list(as_staff: Client, staff: User) -> None:
    store(staff, Outcome.CREATED)
    Submission.objects.update(encrypted_consumer=b"")
    assert "(unreadable)" in text(as_staff.get(PAGE))


@pytest.mark.sql("new")
def test_possible_consumers_of_an_order_are_found_in_any_letter_case(staff: User) -> None:
    order = "2d7de9df-45a2-45ea-872c-30e45139007d"
    made = [
        store(staff, Outcome.CREATED, clean(last_name=str(number)), order=form)
        for number, form in enumerate((order, order.upper()))
    ]
    for form in (order, order.upper(), order[:20].upper() + order[20:]):
        shared = search_digests(clean(last_name="0")) | search_digests(clean(last_name="1"))
        found = selectors.possibly_similar_on_order(form, shared)
        assert {one.pk for one in found} == {one.pk for one in made}


@pytest.mark.sql("new")
def test_start_page_continues_with_the_last_order_and_counts_only_ones_own_day(
    as_staff: Client, as_supervisor: Client, supervisor: User, staff: User
) -> None:
    yesterday = clock.now() - datetime.timedelta(days=1)
    store(staff, Outcome.CREATED, clean(), consumer_ref="1", submitted_at=yesterday, order_number="B4LNDQ-1")
    store(staff, Outcome.CREATED, clean(last_name="A"), consumer_ref="2")
    store(staff, Outcome.CREATED, clean(last_name="B"), consumer_ref="3")
    store(staff, Outcome.NOT_SENT, clean(last_name="C"), order=GROUP_ORDER)
    page = text(as_staff.get("/"))
    assert f'href="/consumers/new/?order={GROUP_ORDER}">Continue with order {GROUP_ORDER}</a>' in page
    assert "Earlier orders:" in page
    assert f'<a class="mono" href="/consumers/new/?order={SAMPLE_ORDER}">B4LNDQ-1</a>' in page
    assert "3 added by you" in page
    orders = text(as_staff.get("/orders/"))
    recent = orders[orders.index("Your recent orders") :]
    assert f'<a class="mono" href="/orders/{GROUP_ORDER}/">{GROUP_ORDER}</a>' in recent
    assert f'<a class="mono" href="/orders/{SAMPLE_ORDER}/">B4LNDQ-1</a>' in recent
    assert recent.index("0 added by you") < recent.index("3 added by you")
    assert "Your recent orders" not in text(as_supervisor.get("/orders/"))
    found = re.findall(r'<li><a href="([^"]+)"><strong>(\d+)</strong> ([^<]+)</a>', page)
    assert [(label, int(number)) for _url, number, label in found] == [
        ("Submitted", 3),
        ("Created", 2),
        ("Not sent", 1),
    ]
    for url, number, _label in found:  # each number leads to exactly its submissions
        assert len(set(listed(text(as_staff.get(unescape(url)))))) == int(number)
    assert "Your submissions today" not in text(as_supervisor.get("/"))
    store(supervisor, Outcome.REJECTED, clean(last_name="D"))
    own = re.findall(r'<li><a href="([^"]+)"><strong>1</strong> Rejected</a>', text(as_supervisor.get("/")))
    assert len(set(listed(text(as_supervisor.get(unescape(own[0])))))) == 1


def test_contradicted_absence_is_unknown_in_own_figures_in_its_row_and_in_both_filters(
    as_staff: Client, staff: User, supervisor: User
) -> None:
    absent = store(staff, Outcome.NOT_CREATED, clean(last_name="A"), **resolved_by(supervisor))
    contradicted = store(
        staff, Outcome.NOT_CREATED, clean(last_name="B"), **resolved_by(supervisor), contradicted=True
    )
    found = re.findall(r'<li><a href="([^"]+)"><strong>(\d+)</strong> ([^<]+)</a>', text(as_staff.get("/")))
    lists = {label: unescape(url) for url, _number, label in found}
    assert {label: int(number) for _url, number, label in found} == {
        "Submitted": 2,
        "Unknown": 1,
        "Not created": 1,
    }
    for label, one in (("Unknown", contradicted), ("Not created", absent)):
        page = text(as_staff.get(lists[label]))
        assert set(listed(page)) == {str(one.public_id)}
        assert "<p>1 submission<" in page
        rows = page.partition("<tbody")[2]
        assert f"{label}</" in rows
        assert ("Contradicted after the resolution" in rows) is (one is contradicted)


def test_search_for_an_order_begins_on_the_start_page(as_staff: Client, as_administrator: Client) -> None:
    assert 'id="id_find_order"' in text(as_staff.get("/"))
    assert 'id="id_find_order"' not in text(as_administrator.get("/"))
