"""The counts of the database equal counts made in Python."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core.dates import midnight
from apps.history.figures.counting import MAX_BARS, figures_of, period_before
from apps.history.figures.results import Age, Before, Figures, Unit
from apps.history.selection import Period, Selection, SubmissionFilter
from apps.history.totals.steps import MAX_DURATION
from tests.support.history_rows import bare, stored
from tests.support.people import make_person

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
ALL = SubmissionFilter()
QUARTER = dt.timedelta(minutes=15)
# Clocks that change at night, at midnight (Santiago, Beirut), by half an hour (Lord Howe); offsets of 30 and
# 45 minutes and of 14 hours; a day that never existed (Apia, 30 December 2011).
ZONES = (
    "UTC", "Europe/Dublin", "America/New_York", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe",
    "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Kiritimati", "Pacific/Apia",
)  # fmt: skip


def figures(asked: SubmissionFilter = ALL, person: User | None = None, now: dt.datetime = NOW) -> Figures:
    selection = Selection(asked, Viewer(str(person.pk)) if person else UNRESTRICTED)
    return figures_of(selection, now=now)


@pytest.fixture
def people(db: None) -> list[User]:
    return [make_person(name, "staff", password="") for name in ("ann", "bob", "cia")]


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    with timezone.override(dt.UTC):
        yield


def moments(first: int, last: int) -> st.SearchStrategy[dt.datetime]:
    """Moments between two years, many of them at the ends of quarters of an hour."""
    ends = [dt.datetime(year, month, 15, tzinfo=dt.UTC) for year, month in ((first, 1), (last, 12))]
    quarters = (ends[1] - ends[0]) // QUARTER
    least = dt.timedelta(microseconds=1)
    return st.builds(
        lambda quarter, off: ends[0] + quarter * QUARTER + off,
        st.integers(0, quarters),
        st.one_of(st.sampled_from([-least, dt.timedelta(0), least]), st.timedeltas(dt.timedelta(0), QUARTER)),
    )


ROWS = st.lists(
    st.tuples(
        st.sampled_from(range(3)),
        st.sampled_from(Outcome),
        moments(2026, 2026),
        st.one_of(st.none(), st.integers(0, 120_000), st.sampled_from([99, 100, 999, 1_000, 9_999, 10_000])),
    ),
    max_size=25,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, zone=st.sampled_from(ZONES))
def test_every_number_equals_a_manual_count(
    people: list[User],
    rows: list[tuple[int, Outcome, dt.datetime, int | None]],
    zone: str,
) -> None:
    saved = stored(bare(people[who], what, at, duration_ms=took) for who, what, at, took in rows)
    with timezone.override(ZoneInfo(zone)):
        found = figures()
        days = Counter((one.submitted_at.astimezone(ZoneInfo(zone)).date(), one.outcome) for one in saved)
    assert found.total == len(saved)
    assert len(found.bars) <= MAX_BARS
    for bar in found.bars:
        for outcome in Outcome:
            by_supervisor = sum(
                number
                for (day, what), number in days.items()
                if bar.first <= day <= bar.last and what == outcome
            )
            assert bar.outcomes[outcome] == by_supervisor
    assert found.outcomes == {
        outcome: number for outcome in Outcome if (number := sum(one.outcome == outcome for one in saved))
    }
    assert {(one.id, one.total, one.created, one.answered) for one in found.people} == {
        (
            str(who.pk),
            len(own),
            sum(one.outcome == Outcome.CREATED for one in own),
            sum(one.duration_ms is not None for one in own),
        )
        for who in people
        if saved
        for own in [[one for one in saved if one.actor_id == who.pk]]
    }
    failures = Counter(
        (one.outcome, one.error_code) for one in saved if one.outcome in ("rejected", "not_sent")
    )
    assert {(one.outcome, one.code): one.count for one in found.reasons} == failures
    _check_answers(found, [one.duration_ms for one in saved if one.duration_ms is not None])
    for person in found.people:
        own_times = [
            one.duration_ms for one in saved if str(one.actor_id) == person.id and one.duration_ms is not None
        ]
        _check_percentile(person.median_ms, own_times, 50)
    unknown = [one for one in saved if one.outcome == Outcome.UNKNOWN]
    assert found.open.total == len(unknown)
    assert found.open.oldest_at == min((one.submitted_at for one in unknown), default=None)


def _check_answers(found: Figures, took: list[int]) -> None:
    answers = found.answers
    for span in answers.spans:
        assert span.count == sum(
            span.least <= one and (span.under is None or one < span.under) for one in took
        )
    assert answers.total == len(took)
    _check_percentile(answers.median_ms, took, 50)
    _check_percentile(answers.p95_ms, took, 95)


def _check_percentile(percentile: int | None, took: list[int], percent: int) -> None:
    needed = sorted(took)[-(-len(took) * percent // 100) - 1] if took else None
    if needed is None or needed >= MAX_DURATION:
        assert percentile is None
    else:
        assert percentile is not None
        assert needed < percentile <= needed * 1.1 + 10  # true, and no more than two digits off


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Dublin", dt.date(2026, 3, 29), 23),
        ("Europe/Dublin", dt.date(2026, 10, 25), 25),
        ("America/Santiago", dt.date(2026, 9, 6), 23),  # begins at one o'clock
        ("Australia/Lord_Howe", dt.date(2026, 4, 5), 24.5),
        ("Asia/Kathmandu", dt.date(2026, 3, 29), 24),
        ("Pacific/Kiritimati", dt.date(2026, 3, 29), 24),
    ],
)
def test_day_has_its_length_in_the_readers_time_zone(
    people: list[User], zone: str, day: dt.date, hours: float
) -> None:
    with timezone.override(ZoneInfo(zone)):
        begins = midnight(day).astimezone(dt.UTC)
        ends = begins + dt.timedelta(hours=hours)
        least = dt.timedelta(microseconds=1)
        stored(bare(people[0], Outcome.CREATED, at) for at in (begins - least, begins, ends - least, ends))
        bars = figures().bars
    counts = {bar.first: bar.total for bar in bars if bar.total}
    assert counts == {day - dt.timedelta(days=1): 1, day: 2, day + dt.timedelta(days=1): 1}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.lists(moments(1975, 2090), min_size=1, max_size=6),
    zone=st.sampled_from([*ZONES, "America/St_Johns"]),
)
@example(at=[dt.datetime(2006, 10, 29, 3, 0, tzinfo=dt.UTC)], zone="America/St_Johns")
def test_every_row_in_range_is_in_exactly_the_bar_that_links_to_it(
    people: list[User], at: list[dt.datetime], zone: str
) -> None:
    stored(bare(people[0], Outcome.CREATED, moment) for moment in at)
    with timezone.override(ZoneInfo(zone)):
        found = figures()
        assert found.total == len(at)
        for bar in found.bars:
            begins, ends = midnight(bar.first), midnight(bar.last + dt.timedelta(days=1))
            assert (
                bar.total
                == Submission.objects.filter(submitted_at__gte=begins, submitted_at__lt=ends).count()
            )


@pytest.mark.parametrize(
    ("days", "unit", "bars"),
    [(1, Unit.DAY, 1), (62, Unit.DAY, 62), (63, Unit.WEEK, 10), (428, Unit.WEEK, 62), (440, Unit.MONTH, 15),
     (1_000, Unit.MONTH, 34), (2_000, Unit.YEAR, 6)],
)  # fmt: skip
def test_bars_are_as_short_as_sixty_bars_allow(people: list[User], days: int, unit: Unit, bars: int) -> None:
    first = NOW - dt.timedelta(days=days - 1)
    stored(bare(people[0], Outcome.CREATED, at) for at in {first, NOW})
    found = figures()
    assert (found.unit, len(found.bars)) == (unit, bars)
    assert (found.bars[0].first, found.bars[-1].last) == (first.date(), NOW.date())
    for before, after in zip(found.bars, found.bars[1:], strict=False):
        assert after.first == before.last + dt.timedelta(days=1)
    if unit is Unit.WEEK:
        assert {bar.first.weekday() for bar in found.bars[1:]} == {0}


def test_requested_days_are_shown_without_the_future_and_empty_years(
    people: list[User],
) -> None:
    stored([bare(people[0], Outcome.CREATED, NOW - dt.timedelta(days=3))])
    asked = SubmissionFilter(since=midnight(dt.date(2026, 11, 1)), until=midnight(dt.date(2026, 12, 25)))
    bars = figures(asked).bars
    assert (bars[0].first, bars[-1].last) == (dt.date(2026, 11, 1), dt.date(2026, 11, 23))
    asked = SubmissionFilter(since=midnight(dt.date(1970, 1, 1)), until=midnight(dt.date(9998, 12, 31)))
    found = figures(asked)
    assert [(bar.first, bar.total) for bar in found.bars] == [(dt.date(2026, 11, 20), 1)]
    assert found.days == (dt.date(1970, 1, 1), NOW.date())


def test_without_rows_only_unknown_submissions_elsewhere_are_shown(people: list[User]) -> None:
    stored([bare(people[0], Outcome.UNKNOWN, NOW)])
    found = figures(SubmissionFilter(outcomes=(Outcome.CREATED,)))
    assert (found.total, found.bars, found.people, found.outcomes) == (0, (), (), {})
    assert (found.open.total, found.open.elsewhere) == (0, 1)
    stored([])
    found = figures()
    assert (found.total, found.open.total, found.before) == (0, 0, None)


def test_everybody_is_listed_those_with_the_most_submissions_first(people: list[User]) -> None:
    crowd = [make_person(f"p{number:02}", password="") for number in range(43)]
    stored(
        bare(who, Outcome.NOT_SENT if turn else Outcome.CREATED, NOW)
        for number, who in enumerate(crowd)
        for turn in range(number + 1)
    )
    found = figures().people
    of_crowd = [f"P{number:02} Person" for number in reversed(range(43))]
    assert [one.name for one in found] == [*of_crowd, "Ann Person", "Bob Person", "Cia Person"]
    assert (found[0].total, found[0].created, found[0].answered) == (43, 1, 0)


D = dt.date


@pytest.mark.parametrize(
    ("first", "last", "how", "before"),
    [
        (D(2026, 10, 30), D(2026, 11, 28), Before.LENGTH, (D(2026, 9, 30), D(2026, 10, 29))),
        (D(2026, 11, 28), D(2026, 11, 28), Before.LENGTH, (D(2026, 11, 27), D(2026, 11, 27))),
        (D(2026, 11, 1), D(2026, 11, 28), Before.SAME_DAYS, (D(2026, 10, 1), D(2026, 10, 28))),
        (D(2026, 11, 1), D(2026, 11, 20), Before.LENGTH, (D(2026, 10, 12), D(2026, 10, 31))),
        (D(2026, 10, 1), D(2026, 10, 31), Before.MONTHS, (D(2026, 9, 1), D(2026, 9, 30))),
        (D(2026, 1, 1), D(2026, 3, 31), Before.MONTHS, (D(2025, 10, 1), D(2025, 12, 31))),
        (D(2025, 1, 1), D(2025, 12, 31), Before.MONTHS, (D(2024, 1, 1), D(2024, 12, 31))),
        (D(2026, 1, 1), D(2026, 11, 28), Before.LENGTH, (D(2025, 2, 3), D(2025, 12, 31))),
    ],
)
def test_period_before(first: D, last: D, how: Before, before: tuple[D, D]) -> None:
    assert period_before(first, last, D(2026, 11, 28)) == (how, *before)


def test_month_of_today_is_compared_with_no_more_days_than_the_month_before_has() -> None:
    today = D(2026, 3, 30)
    assert period_before(D(2026, 3, 1), today, today) == (Before.SAME_DAYS, D(2026, 2, 1), D(2026, 2, 28))


@pytest.mark.parametrize(
    ("first", "today", "period", "how", "before"),
    [
        (D(2026, 11, 23), D(2026, 11, 23), Period.THIS_WEEK, Before.WEEKDAYS, D(2026, 11, 16)),
        (D(2026, 11, 23), D(2026, 11, 25), Period.THIS_WEEK, Before.WEEKDAYS, D(2026, 11, 16)),
        (D(2026, 11, 23), D(2026, 11, 25), None, Before.WEEKDAYS, D(2026, 11, 16)),
        (D(2026, 6, 1), D(2026, 6, 3), Period.THIS_WEEK, Before.WEEKDAYS, D(2026, 5, 25)),
        (D(2026, 6, 1), D(2026, 6, 3), Period.THIS_MONTH, Before.SAME_DAYS, D(2026, 5, 1)),
        (D(2026, 6, 1), D(2026, 6, 3), None, Before.SAME_DAYS, D(2026, 5, 1)),
        (D(2026, 11, 23), D(2026, 11, 23), Period.TODAY, Before.LENGTH, D(2026, 11, 22)),
        (D(2026, 12, 1), D(2026, 12, 1), Period.TODAY, Before.LENGTH, D(2026, 11, 30)),
        (D(2026, 11, 1), D(2026, 11, 30), Period.LAST_DAYS, Before.LENGTH, D(2026, 10, 2)),
        (D(2027, 3, 1), D(2027, 3, 30), Period.LAST_DAYS, Before.LENGTH, D(2027, 1, 30)),
    ],
)
def test_name_of_the_period_until_today_decides_what_it_is_compared_with(
    first: D, today: D, period: Period | None, how: Before, before: D
) -> None:
    assert period_before(first, today, today, period) == (how, before, before + (today - first))


def test_headline_of_the_period_before_has_its_rows_only(people: list[User]) -> None:
    days = {
        0: Outcome.CREATED,
        1: Outcome.REJECTED,
        2: Outcome.UNKNOWN,
        3: Outcome.CREATED,
        4: Outcome.CREATED,
    }
    stored(
        bare(people[0], outcome, NOW - dt.timedelta(days=day), duration_ms=day * 1_000)
        for day, outcome in days.items()
    )
    found = figures(SubmissionFilter(since=midnight(dt.date(2026, 11, 22))))
    assert (found.total, found.headline.created) == (2, 1)
    assert found.before is not None
    before = found.before.headline
    assert (found.before.first, found.before.last) == (dt.date(2026, 11, 20), dt.date(2026, 11, 21))
    assert (before.total, before.created, before.unknown) == (2, 1, 1)
    assert (before.answered, before.median_ms, before.p95_ms) == (2, 2_100, 3_100)
    assert figures().before is None
    tomorrow = midnight(NOW.date() + dt.timedelta(days=1))
    assert figures(SubmissionFilter(since=tomorrow)).before is None


@pytest.mark.parametrize("period", Period)
def test_period_that_has_none_of_the_days_is_compared_with_nothing(
    people: list[User], period: Period
) -> None:
    """Whether the days end directly before the period or long before it."""
    stored([bare(people[0], Outcome.CREATED, NOW)])
    first, _end = period.days(NOW.date())
    since = midnight(first or NOW.date())
    for days in (1, 400):
        asked = SubmissionFilter(since=since, until=since - dt.timedelta(days=days - 1))
        found = figures_of(Selection(asked, UNRESTRICTED), now=NOW, period=period)
        assert (found.total, found.before) == (0, None)
    asked = SubmissionFilter(since=since, until=since + dt.timedelta(days=1))
    assert figures_of(Selection(asked, UNRESTRICTED), now=NOW, period=period).before is not None


def test_only_the_period_that_contains_today_is_incomplete(people: list[User]) -> None:
    stored(bare(people[0], Outcome.CREATED, NOW - dt.timedelta(days=day)) for day in (0, 1))
    found = figures()
    assert [found.is_incomplete(bar) for bar in found.bars] == [False, True]
    found = figures(SubmissionFilter(until=midnight(NOW.date())))
    assert [found.is_incomplete(bar) for bar in found.bars] == [False]


def test_two_people_with_one_name_are_distinguished(people: list[User]) -> None:
    User.objects.filter(pk__in=[people[0].pk, people[1].pk]).update(name="Kim Li")
    stored(bare(who, Outcome.CREATED, NOW) for who in people)
    assert [one.name for one in figures().people] == ["Kim Li (ann)", "Kim Li (bob)", "Cia Person"]


def test_unknown_submissions_are_counted_by_age_and_the_oldest_is_named(people: list[User]) -> None:
    least = dt.timedelta(microseconds=1)
    today = midnight(NOW.date())
    at = [NOW + dt.timedelta(hours=20), NOW, today]
    for days in (0, 1, 6):
        at += [today - dt.timedelta(days=days) - least, today - dt.timedelta(days=days + 1)]
    saved = stored(bare(people[0], Outcome.UNKNOWN, moment) for moment in at)
    found = figures(SubmissionFilter(since=NOW - dt.timedelta(days=30))).open
    assert found.ages == (
        Age(dt.date(2026, 11, 23), None, 3),
        Age(dt.date(2026, 11, 22), dt.date(2026, 11, 22), 2),
        Age(dt.date(2026, 11, 17), dt.date(2026, 11, 21), 2),
        Age(None, dt.date(2026, 11, 16), 2),
    )
    assert (found.oldest_id, found.oldest_at) == (saved[-1].public_id, at[-1])
    assert found.elsewhere == 0


def test_only_visible_and_selected_rows_are_counted(people: list[User]) -> None:
    ann, bob, _cia = people
    stored(
        [
            bare(ann, Outcome.CREATED, NOW),
            bare(ann, Outcome.REJECTED, NOW),
            bare(bob, Outcome.UNKNOWN, NOW),
            bare(bob, Outcome.REJECTED, NOW, error_code="not_found"),
        ]
    )
    own = figures(person=ann)
    assert (own.total, own.open.total, own.open.elsewhere) == (2, 0, 0)
    assert [one.id for one in own.people] == [str(ann.pk)]
    found = figures(SubmissionFilter(reason="not_found"))
    assert (found.total, found.outcomes, found.open.elsewhere) == (1, {Outcome.REJECTED: 1}, 1)


def test_number_of_statements_does_not_grow_with_the_rows(people: list[User]) -> None:
    def statements(rows: int) -> int:
        stored(
            bare(people[number % 3], Outcome.UNKNOWN, NOW - dt.timedelta(hours=7 * number), pk=number + 1)
            for number in range(rows)
        )
        with CaptureQueriesContext(
            connection,
        ) as queries:
            figures()
        return len(queries)

    assert statements(1) == statements(200) <= 11


def test_large_numbers_stay_exact(people: list[User]) -> None:
    stored([bare(people[0], Outcome.CREATED, NOW, duration_ms=2**31 - 1, public_id=uuid.uuid4())])
    answers = figures().answers
    assert (answers.total, answers.spans[-1].count, answers.median_ms) == (1, 1, None)
