"""The page of figures: contents, links, permissions, and the recorded events."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, Permission
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import User
from apps.consumers import searches
from apps.consumers.models import Outcome
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core import clock
from apps.history.figures.results import Bar, Before, Compared, Figures
from apps.history.forms.filters import SubmissionFilterForm
from apps.history.presenters.figures_headline import Card, headline_page, share_text
from apps.history.selection import Selection, SubmissionFilter
from tests.support.entries import FULL, store, text
from tests.support.history_rows import bare, stored
from tests.support.people import TESTS, events, make_person
from tests.support.searches import recorded

pytestmark = pytest.mark.django_db

PAGE = "/submissions/figures/"
LIST = uuid.UUID(int=7)  # of people
NOW = dt.datetime.now(dt.UTC)
SINCE = f"since={NOW - dt.timedelta(days=5):%Y-%m-%d}"
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


@pytest.fixture
def history(staff: User, supervisor: User) -> None:
    """Two weeks of submissions by two people, with every outcome and some reasons, at all hours."""
    outcomes = [Outcome.CREATED] * 6 + [
        Outcome.REJECTED,
        Outcome.NOT_SENT,
        Outcome.UNKNOWN,
        Outcome.NOT_CREATED,
    ]
    rows = []
    for number in range(120):
        outcome = outcomes[number % 10]
        columns: dict[str, object] = (
            {} if outcome == Outcome.NOT_SENT else {"duration_ms": number * number * 5}
        )
        if outcome == Outcome.REJECTED and number % 20 > 10:
            columns |= {"error_code": "not_found"}
        who = supervisor if number % 7 == 0 else staff
        if number % 3 == 0:
            columns |= {"batch": LIST, "batch_row": number + 1}
        rows.append(bare(who, outcome, NOW - dt.timedelta(hours=2.7 * number, minutes=1), **columns))
    rows.append(bare(staff, Outcome.SENDING, NOW))
    stored(rows)


class _Links(HTMLParser):
    """Collects each link into the list whose text is a number, or whose name ends with one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, int]] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._open = given.get("href") or ""
            if number := re.search(r": ([\d,]+)$", given.get("aria-label") or ""):
                self._found(number[1])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open and (
            number := re.match(r"\s*([\d,]+)( submissions?| submissions of unknown outcome)?\s*$", data)
        ):
            self._found(number[1])

    def _found(self, digits: str) -> None:
        if urlsplit(self._open).path == "/submissions/":
            self.found.append((self._open, int(digits.replace(",", ""))))


def links(page: str) -> list[tuple[str, int]]:
    parser = _Links()
    parser.feed(page)
    return parser.found


def rows_behind(url: str, reader: User) -> int:
    """The number of rows that the list shows at that address."""
    form = SubmissionFilterForm(QueryDict(urlsplit(url).query), viewer=UNRESTRICTED)
    assert form.is_valid(), (url, form.errors)
    return Selection(form.asked(), Viewer(str(reader.pk), sees_all=True)).submissions().count()


@pytest.mark.parametrize(
    ("query", "zone"),
    [("", "America/St_Johns"), (SINCE, "Pacific/Kiritimati"), ("period=all", "Asia/Kathmandu"),
     ("outcome=rejected", "UTC"), ("answered_from=700&answered_under=9000", "Asia/Kathmandu"),
     ("reason=not_found&period=all", "Pacific/Kiritimati"), ("until=7 March 1999", "America/St_Johns"),
     ("person={staff}", "Asia/Kathmandu"), (f"batch={LIST}", "Asia/Kathmandu")],
)  # fmt: skip
def test_every_number_links_to_that_many_rows(
    as_supervisor: Client, supervisor: User, staff: User, history: None, query: str, zone: str
) -> None:
    supervisor.time_zone = zone
    supervisor.save()
    page = as_supervisor.get(f"{PAGE}?{query.format(staff=staff.pk)}").content.decode()
    found = links(page)
    with timezone.override(ZoneInfo(zone)):
        assert [(url, number) for url, number in found if rows_behind(url, supervisor) != number] == []
    if query == "":
        for part in ("since=", "person=", "reason=", "answered_from=", "outcome="):
            assert any(part in url for url, _number in found), part
        assert len(found) > 100
    if "1999" in query:
        assert found == []
        assert "No submission matches all of these filters" in page


def test_bar_links_to_a_list_of_exactly_its_rows(as_supervisor: Client, staff: User) -> None:
    stored(
        bare(staff, outcome, NOW - dt.timedelta(days=day), duration_ms=300)
        for day in (2, 3, 9)
        for outcome in [Outcome.CREATED] * day + [Outcome.REJECTED]
    )
    found = dict(links(as_supervisor.get(PAGE).content.decode()))
    assert sorted({*found.values()}) == [1, 2, 3, 4, 9, 10, 14, 17]
    for url, number in found.items():
        page = as_supervisor.get(url).content.decode()
        assert len(set(re.findall(r'<a href="/submissions/([0-9a-f-]{36})/"', page))) == number


def test_numbers_are_shown_as_text_and_in_tables(as_supervisor: Client, history: None) -> None:
    page = text(as_supervisor.get(PAGE))
    for words in (
        "121 submissions</a>",
        "Per day",
        "Sam Person",
        "Sue Person",
        "Sitecore CDP did not accept the entry",
        "The connection was refused",
        "Not found",
        "95th percentile",
        "12 submissions of unknown outcome</a>",
    ):
        assert words in page
    assert 'href="/submissions/?period=last-30-days">Back to the submissions' in page


@pytest.mark.once
def test_filters_link_back_to_the_list_and_can_be_removed(as_supervisor: Client, history: None) -> None:
    page = text(as_supervisor.get(PAGE, {"period": "all", "outcome": "rejected"}))
    assert 'href="/submissions/?period=all&amp;outcome=rejected">Back to the submissions' in page
    without = f'<a href="{PAGE}?period=all"><span><span class="visually-hidden">Remove the filter </span>'
    assert f"{without}Outcome: Rejected" in page
    assert f'<form method="get" action="{PAGE}"' in page


@pytest.mark.once
def test_unreadable_filter_is_an_error_at_its_field_and_nothing_is_summed(
    as_supervisor: Client, history: None
) -> None:
    page = text(as_supervisor.get(PAGE, {"since": "31 February"}))
    assert "There is a problem" in page
    assert 'value="31 February"' in page
    assert links(page) == []
    assert events("figures.viewed") == []


@pytest.mark.once
def test_each_drawing_is_well_formed_and_has_no_inline_style(
    as_supervisor: Client, history: None, staff: User
) -> None:
    staff.name = "<script>alert('x')</script> & \"Co\""
    staff.save()
    page = as_supervisor.get(PAGE).content.decode()
    drawings = SVG.findall(page)
    assert len(drawings) > 20
    for drawing in drawings:
        for element in ElementTree.fromstring(drawing).iter():
            assert "style" not in element.attrib
            assert [name for name in element.attrib if name.startswith("on")] == []
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;Co&quot;" in page


@pytest.mark.once
def test_highest_bar_fills_the_height_and_small_bars_are_visible(as_supervisor: Client, staff: User) -> None:
    stored(
        bare(staff, Outcome.CREATED, NOW - dt.timedelta(days=day))
        for day, many in ((1, 1), (3, 100))
        for _time in range(many)
    )
    drawing = next(
        one for one in SVG.findall(as_supervisor.get(PAGE).content.decode()) if 'role="group"' in one
    )
    bars = [one.attrib for one in ElementTree.fromstring(drawing).iter("rect") if one.get("class") == "bar"]
    assert [(one["y"], one["height"]) for one in bars] == [("0.00", "40.00"), ("38.50", "1.50")]


@pytest.mark.parametrize("rows", [0, 1])
def test_page_works_with_no_row_and_with_one(as_supervisor: Client, staff: User, rows: int) -> None:
    stored(bare(staff, Outcome.CREATED, NOW) for _row in range(rows))
    response = as_supervisor.get(PAGE)
    assert response.status_code == 200
    page = text(response)
    assert ("No submission matches all of these filters" in page) is (rows == 0)
    assert ("1 submission</a>" in page) is (rows == 1)
    assert "None of these submissions has an unknown outcome." in page


def test_unknown_submissions_outside_the_filters_are_counted(as_supervisor: Client, staff: User) -> None:
    stored([bare(staff, Outcome.UNKNOWN, NOW - dt.timedelta(days=90))])
    page = text(as_supervisor.get(PAGE))
    assert "1 more is outside these filters" in page
    assert 'href="/submissions/?period=all&amp;outcome=unknown"' in page


@pytest.mark.once
def test_large_numbers_have_thousands_separators(as_supervisor: Client, staff: User) -> None:
    stored(bare(staff, Outcome.CREATED, NOW) for _row in range(1_234))
    page = text(as_supervisor.get(PAGE))
    assert "1,234 submissions</a>" in page


def test_headline_is_compared_with_the_days_before_and_both_link_to_their_rows(
    as_supervisor: Client, supervisor: User, staff: User
) -> None:
    outcomes = {1: Outcome.CREATED, 2: Outcome.REJECTED, 40: Outcome.UNKNOWN}
    stored(bare(staff, outcome, NOW - dt.timedelta(days=day)) for day, outcome in outcomes.items())
    page = text(as_supervisor.get(PAGE))
    first, last = NOW - dt.timedelta(days=59), NOW - dt.timedelta(days=30)
    days = f"since={first:%Y-%m-%d}&amp;until={last:%Y-%m-%d}"
    assert f'<a href="/submissions/?{days}">1</a> <strong>+100 %</strong>' in page
    assert '<a href="/submissions/?outcome=created">50.0 %</a>' in page
    assert f'<a href="/submissions/?{days}&amp;outcome=unknown">1</a> <strong>−1</strong>' in page
    assert "the 30 days directly before." in page
    assert f"{NOW:%B %Y} is not over: its numbers are incomplete." in page
    page = text(as_supervisor.get(PAGE, {"period": "all"}))
    assert "Not compared: these figures have no first day in the past." in page
    assert "before:" not in page
    page = text(as_supervisor.get(PAGE, {"period": "this-week", "until": "2020-01-01"}))
    assert "Not compared: no day is both in the period and in the days of the filter." in page
    assert "before:" not in page


def test_monday_of_this_week_is_compared_with_the_monday_before(
    as_supervisor: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    stored(bare(staff, Outcome.CREATED, monday - dt.timedelta(days=day)) for day in (0, 0, 1, 7))
    monkeypatch.setattr(clock, "now", lambda: monday)
    page = text(as_supervisor.get(PAGE, {"period": "this-week"}))
    assert "Compared with 16 November 2026, the same weekday of the week before." in page
    assert "since=2026-11-16&amp;until=2026-11-16" in page
    assert "<strong>+100 %</strong>" in page
    assert "the day before." in text(as_supervisor.get(PAGE, {"period": "today"}))


@pytest.mark.parametrize("query", [{}, {"period": "last-30-days"}])
def test_last_days_that_begin_a_month_are_compared_with_as_many_days(
    as_supervisor: Client, staff: User, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    end_of_month = dt.datetime(2026, 3, 30, 12, tzinfo=dt.UTC)
    stored(bare(staff, Outcome.CREATED, end_of_month - dt.timedelta(days=day)) for day in (0, 0, 59, 60))
    monkeypatch.setattr(clock, "now", lambda: end_of_month)
    page = text(as_supervisor.get(PAGE, query))
    assert "the 30 days directly before." in page
    assert "since=2026-01-30&amp;until=2026-02-28" in page
    assert "<strong>+100 %</strong>" in page
    summary = as_supervisor.get(f"{PAGE}file/", {"format": "csv", **query}).content.decode()
    assert "Before,2026-01-30,2026-02-28" in summary


@pytest.mark.once
@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("", ["Sam", "Ann", "Sue"]),
        ("-total", ["Sam", "Ann", "Sue"]),
        ("total", ["Sue", "Ann", "Sam"]),
        ("name", ["Ann", "Sam", "Sue"]),
        ("-name", ["Sue", "Sam", "Ann"]),
        ("-created_share", ["Sue", "Ann", "Sam"]),
        ("median", ["Sam", "Sue", "Ann"]),  # without any answer: last, in both directions
        ("-median", ["Sue", "Sam", "Ann"]),
        ("\x00'\"<script>", ["Sam", "Ann", "Sue"]),
    ],
)
def test_people_are_sorted_by_a_column(
    as_supervisor: Client, supervisor: User, staff: User, sort: str, names: list[str]
) -> None:
    ann = make_person("ann", "staff")
    rows = [bare(staff, Outcome.REJECTED, NOW, duration_ms=100) for _row in range(3)]
    rows += [bare(ann, Outcome.CREATED, NOW), bare(ann, Outcome.NOT_SENT, NOW)]
    stored([*rows, bare(supervisor, Outcome.CREATED, NOW, duration_ms=900)])
    page = as_supervisor.get(PAGE, {"people_sort": sort}).content.decode()
    people = page[page.index('id="people"') : page.index("figures-reasons")]
    assert re.findall(r'<bdi translate="no">(\w+) Person</bdi>', people) == names
    assert people.count("aria-sort=") == 1
    assert "<script>" not in people


def test_whoever_may_submit_is_listed_also_without_a_submission(
    as_supervisor: Client, staff: User, supervisor: User
) -> None:
    gone = make_person("gus", "staff")
    services.deactivate_person(person_id=gone.pk, actor=TESTS)
    make_person("adam", "administrator")
    stored([bare(staff, Outcome.REJECTED, NOW, duration_ms=100)])

    def listed(**asked: str) -> list[str]:
        page = text(as_supervisor.get(PAGE, asked))
        people = page[page.index('id="people"') : page.index("figures-reasons")]
        return re.findall(r'<bdi translate="no">(\w+) Person</bdi>', people)

    assert listed() == ["Sam", "Sue"]
    for sort in ("created_share", "-created_share", "median", "-median"):
        assert listed(people_sort=sort) == ["Sam", "Sue"]  # a share or median of nothing comes last
    assert listed(person=str(staff.pk)) == ["Sam"]
    stored([bare(gone, Outcome.CREATED, NOW), bare(gone, Outcome.CREATED, NOW)])
    assert listed() == ["Gus", "Sue", "Sam"]  # who may not submit any more stays with their rows
    answer = as_supervisor.get(f"{PAGE}file/", {"format": "csv"})
    assert "Sue Person" in answer.content.decode("utf-8-sig")


@pytest.mark.once
@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 0, "–"),
        (0, 10_000, "0.0 %"),
        (1, 10_000, "0.1 %"),
        (9_999, 10_000, "99.9 %"),
        (10_000, 10_000, "100.0 %"),
        (2, 3, "66.7 %"),
    ],
)
def test_share_is_all_or_none_only_if_it_is_exactly_so(part: int, whole: int, expected: str) -> None:
    assert share_text(part, whole) == expected


def of_day(created: int, total: int) -> Figures:
    """The figures of a day with so many submissions, of which the others were rejected."""
    day = dt.date(2026, 3, 7)
    outcomes = dict.fromkeys(Outcome, 0) | {Outcome.CREATED: created, Outcome.REJECTED: total - created}
    return Figures(bars=(Bar(day, day, outcomes),))


def compared(label: str, now: Figures, before: Figures) -> Card:
    """The headline number with this label."""
    earlier = Compared(Before.LENGTH, dt.date(2026, 3, 6), dt.date(2026, 3, 6), before.headline)
    page = headline_page(replace(now, before=earlier), SubmissionFilter(), lambda **_changed: "")
    [card] = [card for card in page.cards if card.label == label]
    return card


@pytest.mark.once
@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ((9_999, 10_000), (5_000, 5_000), "−0.1 points"),
        ((1, 10_000), (0, 5_000), "+0.1 points"),
        ((9_999, 10_000), (4_999, 5_000), "±0.0 points"),
        ((0, 10_000), (0, 5_000), "±0.0 points"),
        ((2, 3), (1, 3), "+33.4 points"),
    ],
)
def test_change_of_the_share_is_the_difference_of_the_shares_shown(
    now: tuple[int, int], before: tuple[int, int], expected: str
) -> None:
    card = compared("Share created", of_day(*now), of_day(*before))
    assert (card.number.text, card.before.text, card.change) == (  # type: ignore[union-attr]  # it is compared
        share_text(*now), share_text(*before), expected
    )  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize(
    ("now", "expected"), [(0, "−100 %"), (1, "−99 %"), (1_000, "±0 %"), (2_500, "+150 %")]
)
def test_number_of_submissions_has_not_fallen_by_all_while_there_are_some(now: int, expected: str) -> None:
    assert compared("Submissions", of_day(0, now), of_day(0, 1_000)).change == expected


@pytest.mark.once
def test_share_and_median_of_a_person(as_supervisor: Client, staff: User, supervisor: User) -> None:
    stored(
        [
            bare(staff, Outcome.CREATED, NOW, duration_ms=100),
            bare(staff, Outcome.CREATED, NOW, duration_ms=200),
            bare(staff, Outcome.REJECTED, NOW, duration_ms=300),
            bare(supervisor, Outcome.CREATED, NOW, duration_ms=200_000),
        ]
    )
    page = text(as_supervisor.get(PAGE))
    for words in ("75.0 %", "66.7 %", "25.0 %", "100.0 %"):
        assert f">{words}</td>" in page
    assert f'<a href="/submissions/?person={staff.pk}&amp;answered_from=0">0.21 s</a>' in page
    assert f'<a href="/submissions/?person={supervisor.pk}&amp;answered_from=0">over 100 s</a>' in page


@pytest.mark.once
def test_figures_need_a_permission(as_staff: Client, as_administrator: Client, history: None) -> None:
    for client in (as_staff, as_administrator):
        assert client.get(PAGE).status_code == 403
    assert events("figures.viewed") == []


def test_reader_limited_to_their_own_submissions_sees_only_their_figures(db: None) -> None:
    reader, other = make_person("rita", "staff"), make_person("otto", "staff")
    readers = Group.objects.create(name="readers of figures")
    readers.permissions.add(Permission.objects.get(codename="view_figures"))
    reader.groups.add(readers)
    stored(bare(who, Outcome.CREATED, NOW) for who in (reader, other, other))
    client = Client()
    client.force_login(reader)
    page = text(client.get(PAGE, {"person": str(other.pk)}))
    assert "1 submission</a>" in page
    assert "Otto Person" not in page
    assert [event.details["scope"] for event in events("figures.viewed")] == ["own"]


def test_view_of_figures_is_recorded_with_its_filters(
    as_supervisor: Client, supervisor: User, staff: User
) -> None:
    store(staff, Outcome.CREATED)
    search = recorded(supervisor, email="secret@example.com")
    query = {"outcome": "created", "person": str(staff.pk), "order": "secret-order"}
    query["search"] = searches.seal(search)
    as_supervisor.get(PAGE)
    page = text(as_supervisor.get(PAGE, query))
    # Nothing has this reference, so it may be any text.
    filters = ["outcomes:created", f"person:{staff.pk}", "order_ref", "email"]
    first, second = (event.details for event in events("figures.viewed"))
    [since] = first["filters"]
    assert since.startswith("since:2")
    assert [first, second] == [
        {"scope": "everybody", "count": 1, "filters": [since]},
        {"scope": "everybody", "count": 0, "filters": filters, "search": str(search.public_id)},
    ]
    assert FULL.last_name not in page


@pytest.mark.once
def test_figures_page_accepts_only_get(as_supervisor: Client) -> None:
    assert as_supervisor.post(PAGE).status_code == 405
