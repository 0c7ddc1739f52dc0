"""Figures from totals equal figures from rows, whatever happens to the rows in between."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.consumers.models import Outcome, Submission
from apps.consumers.viewer import UNRESTRICTED, Viewer
from apps.core.dates import midnight
from apps.history.figures.counting import figures_of
from apps.history.figures.results import Figures
from apps.history.models import ChangedMoment, PeriodTotals
from apps.history.selection import Selection, SubmissionFilter
from apps.history.totals import keeping, reading, steps
from apps.history.totals.checking import checked_totals
from apps.history.totals.keeping import TotalsKeeper, keep_totals
from apps.history.totals.triggers import install_triggers, missing_triggers
from tests.support.history_rows import bare, stored
from tests.support.locks import is_a_transaction_waiting
from tests.support.people import make_person
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DAYS = 120
ALL = SubmissionFilter()
LIST = uuid.UUID(int=7)  # of people
# Clocks that change in these months, also at midnight (Beirut), and offsets of 30 and 45 minutes.
ZONES = ("UTC", "Europe/Dublin", "America/New_York", "Asia/Beirut", "Asia/Kolkata", "Pacific/Chatham")


@pytest.fixture
def people(db: None) -> list[User]:
    return [make_person(name, "staff", password="") for name in ("ann", "bob", "cia")]


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PAUSE_SECONDS", 0)  # no other process writes


@pytest.fixture(autouse=True)
def _own_zone() -> Iterator[None]:
    with timezone.override(dt.UTC):
        yield


def figures(asked: SubmissionFilter = ALL, viewer: Viewer = UNRESTRICTED, now: dt.datetime = NOW) -> Figures:
    return figures_of(Selection(asked, viewer), now=now)


def of_rows(asked: SubmissionFilter = ALL, viewer: Viewer = UNRESTRICTED) -> Figures:
    with mock.patch.object(reading, "_texts", return_value={}):
        return figures(asked, viewer)


def all_are_true() -> bool:
    return all(is_equal for _totals, is_equal in checked_totals())


MOMENTS = st.builds(
    lambda quarters, off: NOW - quarters * dt.timedelta(minutes=15) - off,
    st.integers(0, 70 * 96),
    st.sampled_from([dt.timedelta(0), dt.timedelta(microseconds=1)]),
)
TIMES = st.one_of(st.none(), st.integers(0, 120_000), st.sampled_from([99, 100, 999, 1_000, 9_999, 99_999]))
ROW = st.tuples(st.integers(0, 2), st.sampled_from(Outcome), MOMENTS, TIMES)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), ROW),
        st.tuples(st.just("outcome"), st.integers(0, 9)),
        st.tuples(st.just("person"), st.integers(0, 9)),
        st.tuples(st.just("time"), st.integers(0, 9), MOMENTS),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("keep")),
    ),
    min_size=1,
    max_size=9,
)


def _act(people: list[User], act: tuple[Any, ...]) -> None:
    kind, *given_ = act
    if kind == "keep":
        keep_totals(now=NOW)
        return
    if kind == "store":
        who, outcome, at, took = given_[0]
        bare(people[who], outcome, at, duration_ms=took).save()
        return
    keys = list(Submission.objects.order_by("pk").values_list("pk", flat=True))
    if not keys:
        return
    rows = Submission.objects.filter(pk=keys[given_[0] % len(keys)])
    if kind == "outcome":
        now_unknown = {"outcome": Outcome.UNKNOWN, "error_code": "read_timeout", "consumer_ref": ""}
        cleared = {"resolved_how": "", "resolved_at": None, "resolution_reason": "", "resolved_by": None}
        rows.update(finished_at=NOW, duration_ms=7, **now_unknown, **cleared)
    elif kind == "person":
        rows.update(actor=people[0])
    elif kind == "time":
        rows.update(submitted_at=given_[1])
    else:
        rows.delete()


@settings(max_examples=10, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    rows=st.lists(ROW, min_size=1, max_size=12),
    acts=ACTS,
    zone=st.sampled_from(ZONES),
    reader=st.one_of(st.none(), st.none(), st.sampled_from(ZONES)),  # mostly the zone of the totals
    since=st.one_of(st.none(), st.integers(40, 75)),
    until=st.one_of(st.none(), st.none(), st.integers(0, 39)),
    asked=st.sampled_from(
        [
            {},
            {"outcomes": (Outcome.REJECTED,)},
            {"outcomes": (Outcome.CREATED, Outcome.UNKNOWN)},
            {"person": 1},
            {"person": 0, "reason": "invalid"},
            {"reason": "read_timeout"},
            {"answered_from": 1_000},
            {"order_ref": "none"},
            {"batch": LIST},
            {"batch": LIST, "outcomes": (Outcome.REJECTED,)},
        ]
    ),
    restricted=st.booleans(),
)
def test_figures_equal_those_of_rows_after_any_changes(
    people: list[User],
    rows: list[tuple[int, Outcome, dt.datetime, int | None]],
    acts: list[tuple[Any, ...]],
    zone: str,
    reader: str | None,
    since: int | None,
    until: int | None,
    asked: dict[str, object],
    restricted: bool,
) -> None:
    Submission.objects.all().delete()
    Submission.objects.bulk_create(
        bare(
            people[who],
            what,
            at,
            duration_ms=took,
            batch=LIST if number % 2 else None,
            batch_row=number if number % 2 else None,
        )
        for number, (who, what, at, took) in enumerate(rows)
    )
    viewer = Viewer(str(people[1].pk)) if restricted else UNRESTRICTED
    with (
        mock.patch.object(keeping, "_zones", return_value=[ZoneInfo(zone)]),
        timezone.override(ZoneInfo(reader or zone)),
    ):
        keep_totals(now=NOW)
        named = asked | ({"person": str(people[int(str(asked["person"]))].pk)} if "person" in asked else {})
        bounds = {
            name: midnight(NOW.date() - days * DAY)
            for name, days in (("since", since), ("until", until))
            if days is not None
        }
        selected = SubmissionFilter(**{**named, **bounds})  # type: ignore[arg-type]  # of those names
        assert figures(selected, viewer) == of_rows(selected, viewer)
        for act in acts:
            _act(people, act)
            assert figures(selected, viewer) == of_rows(selected, viewer)
        assert all_are_true()


@pytest.fixture
def one_a_day(people: list[User]) -> list[Submission]:
    """A row a day for the days, weeks and months of :data:`DAYS`."""
    return Submission.objects.bulk_create(
        bare(people[number % 3], Outcome.UNKNOWN, NOW - number * DAY, duration_ms=number)
        for number in range(DAYS)
    )


def test_totals_take_the_place_of_rows(one_a_day: list[Submission]) -> None:
    asked = SubmissionFilter(since=midnight(NOW.date() - (DAYS - 20) * DAY))
    with CaptureQueriesContext(connection) as before:
        expected = figures(asked)
    assert keep_totals(now=NOW)
    with CaptureQueriesContext(connection) as after:
        assert figures(asked) == expected
    assert len(after) <= len(before) + 2
    PeriodTotals.objects.update(by_person='{"people":[],"kinds":[]}')
    assert figures(asked).total == 1  # today's row is counted, every other one comes from totals


def test_contradicted_absence_is_counted_as_unknown_with_totals_and_without(people: list[User]) -> None:
    old, day = midnight(NOW.date() - 40 * DAY), NOW.date() - 40 * DAY
    found = stored(
        [
            bare(people[0], Outcome.NOT_CREATED, old, contradicted=True, duration_ms=5),
            bare(people[0], Outcome.NOT_CREATED, NOW, contradicted=True),
            bare(people[0], Outcome.NOT_CREATED, old),
            bare(people[1], Outcome.UNKNOWN, NOW),
            bare(people[1], Outcome.CREATED, old),
        ]
    )
    unknown, absent = (SubmissionFilter(outcomes=(one,)) for one in (Outcome.UNKNOWN, Outcome.NOT_CREATED))
    counts = {Outcome.CREATED: 1, Outcome.UNKNOWN: 3, Outcome.NOT_CREATED: 1}
    for _turn in ("rows", "totals"):
        shown = figures()
        assert shown.outcomes == counts
        assert (shown.headline.unknown, shown.open.total, shown.open.oldest_id) == (3, 3, found[0].public_id)
        [bar] = [one for one in shown.bars if one.first <= day <= one.last]
        assert bar.outcomes[Outcome.UNKNOWN] == 1
        assert figures(unknown).outcomes == {Outcome.UNKNOWN: 3}
        assert {one.name: one.total for one in figures(unknown).people if one.total} == {
            people[0].name: 2,
            people[1].name: 1,
        }
        assert figures(absent).outcomes == {Outcome.NOT_CREATED: 1}
        assert figures(absent).open.elsewhere == 3
        keep_totals(now=NOW)
    assert PeriodTotals.objects.exists()


def test_figures_of_a_list_of_people_are_counted_although_there_are_totals(
    one_a_day: list[Submission],
) -> None:
    for number in range(0, DAYS, 7):
        Submission.objects.filter(pk=one_a_day[number].pk).update(batch=LIST, batch_row=number + 1)
    asked = SubmissionFilter(batch=LIST)
    keep_totals(now=NOW)
    assert figures(asked) == of_rows(asked)
    assert figures(asked).total == len(range(0, DAYS, 7))


def test_days_weeks_and_months_that_are_over_are_kept_in_the_zones_of_the_people(
    people: list[User], one_a_day: list[Submission]
) -> None:
    keep_totals(now=NOW)
    days = PeriodTotals.objects.filter(ends__lte=NOW).count()
    assert days == DAYS - 1 + 17 + 3  # days, whole weeks, whole months
    User.objects.filter(pk=people[0].pk).update(time_zone="Asia/Kathmandu")
    User.objects.filter(pk=people[1].pk).update(time_zone="Not/AZone")
    User.objects.filter(pk=people[2].pk).update(time_zone="Europe")  # a folder of zones
    keep_totals(now=NOW)
    assert PeriodTotals.objects.count() == 2 * days
    with timezone.override(ZoneInfo("Asia/Kathmandu")):
        begins = midnight(dt.date(2026, 9, 1))
        assert PeriodTotals.objects.filter(begins=begins).count() == 2  # the day and the month
    assert all_are_true()


def test_late_answer_in_a_day_that_is_over_counts_at_once(one_a_day: list[Submission]) -> None:
    keep_totals(now=NOW)
    count = PeriodTotals.objects.count()
    late = Submission.objects.filter(pk=one_a_day[40].pk)
    late.update(outcome=Outcome.CREATED, consumer_ref="r", error_code="")
    assert figures().outcomes == {Outcome.CREATED: 1, Outcome.UNKNOWN: DAYS - 1}
    keep_totals(now=NOW)
    assert PeriodTotals.objects.count() == count
    assert not ChangedMoment.objects.exists()
    assert figures().outcomes == {Outcome.CREATED: 1, Outcome.UNKNOWN: DAYS - 1}


def _change(one_a_day: list[Submission], days: range) -> None:
    for day in days:
        Submission.objects.filter(pk=one_a_day[day].pk).update(duration_ms=90_000 + day)


def test_changed_days_are_counted_from_rows_and_all_others_from_totals(one_a_day: list[Submission]) -> None:
    keep_totals(now=NOW)
    with CaptureQueriesContext(connection) as before:
        figures()
    _change(one_a_day, range(20, 110, 20))  # five
    with CaptureQueriesContext(connection) as after:
        found = figures()
    assert found == of_rows()
    assert len(after) <= len(before) + 5
    PeriodTotals.objects.update(by_person='{"people":[],"kinds":[]}')
    assert figures().total == 5 + 1  # and today's


def test_with_many_changed_days_those_near_each_other_are_counted_together(
    one_a_day: list[Submission],
) -> None:
    keep_totals(now=NOW)
    _change(one_a_day, range(5, 105, 2))
    with CaptureQueriesContext(connection) as queries:
        found = figures()
    assert found == of_rows()
    assert len(queries) < 3 * reading.MAX_GAPS + 20
    PeriodTotals.objects.update(by_person='{"people":[],"kinds":[]}')
    assert 50 < figures().total <= 100 + 1


def test_change_that_no_total_counts_is_not_noted(one_a_day: list[Submission]) -> None:
    keep_totals(now=NOW)
    Submission.objects.update(encrypted_consumer=b"again")  # as after a rotation or an erasure
    Submission.objects.update(outcome=Outcome.UNKNOWN)
    assert not ChangedMoment.objects.exists()


def test_wrong_total_is_found_by_the_command(
    one_a_day: list[Submission], capsys: pytest.CaptureFixture[str]
) -> None:
    keep_totals(now=NOW)
    with pytest.raises(SystemExit) as ended:
        call_command("check_totals")
    assert ended.value.code == 0
    wrong = PeriodTotals.objects.order_by("begins", "ends")[5]
    PeriodTotals.objects.filter(pk=wrong.pk).update(by_person='{"people":[],"kinds":[]}')
    with pytest.raises(SystemExit) as ended:
        call_command("check_totals")
    assert ended.value.code == 1
    assert f"different: {wrong}" in capsys.readouterr().out


def test_totals_without_a_trigger_are_deleted_when_it_is_installed(one_a_day: list[Submission]) -> None:
    keep_totals(now=NOW)
    install_triggers(connection)
    assert PeriodTotals.objects.exists()
    on = "" if connection.vendor == "sqlite" else " ON consumers_submission"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # pending checks refuse a change of the table
        cursor.execute(f"DROP TRIGGER submission_totals_update{on}")
    assert missing_triggers(connection) == ["submission_totals_update"]
    install_triggers(connection)
    assert missing_triggers(connection) == []
    assert not PeriodTotals.objects.exists()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no TRUNCATE")
def test_truncate_deletes_the_totals(one_a_day: list[Submission]) -> None:
    keep_totals(now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("TRUNCATE consumers_submission CASCADE")
    assert not PeriodTotals.objects.exists()
    assert figures() == of_rows()


@pytest.mark.parametrize("lost", ["submission_totals_insert", "submission_totals_update"])
def test_without_a_trigger_no_total_is_kept_and_rows_are_counted(
    one_a_day: list[Submission], lost: str
) -> None:
    keep_totals(now=NOW)
    on = "" if connection.vendor == "sqlite" else " ON consumers_submission"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"DROP TRIGGER {lost}{on}")
    Submission.objects.filter(pk=one_a_day[40].pk).update(duration_ms=99_000)
    assert keep_totals(now=NOW)
    assert not PeriodTotals.objects.exists()
    assert figures() == of_rows()


def test_worker_rests_once_everything_is_computed(one_a_day: list[Submission]) -> None:
    keeper = TotalsKeeper(threading.Event())
    with mock.patch.object(keeping, "keep_totals", side_effect=[False, True]) as kept:
        for _ in range(4):
            keeper.run_due()
    assert kept.call_count == 2


@pytest.mark.parametrize("stopped", [True, False])
def test_worker_stops_in_time(one_a_day: list[Submission], stopped: bool) -> None:
    stop = threading.Event()
    if stopped:
        stop.set()
    assert not keep_totals(now=NOW, stop=stop, seconds=10 if stopped else -1)
    assert not PeriodTotals.objects.exists()


@given(st.dictionaries(st.sampled_from(steps._LOWER), st.integers(1, 2**31)))
def test_packed_times_are_read_again_exactly(numbers: dict[int, int]) -> None:
    times = sum(steps.packed(step, number) for step, number in numbers.items())
    assert steps.unpacked(times) == numbers
    assert steps.from_text(*steps.to_text(times)) == times


def _in_thread(act: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


_TOGETHER = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")


@_TOGETHER
@pytest.mark.django_db(transaction=True)
def test_change_that_commits_after_the_totals_were_computed_counts(one_a_day: list[Submission]) -> None:
    changed, committed = threading.Event(), threading.Event()

    def change() -> None:
        with transaction.atomic():
            Submission.objects.filter(pk=one_a_day[9].pk).delete()
            changed.set()
            committed.wait(30)

    thread = _in_thread(change)
    assert changed.wait(30)
    keep_totals(now=NOW)
    assert figures().total == DAYS
    committed.set()
    thread.join(30)
    assert figures().total == DAYS - 1
    keep_totals(now=NOW)
    assert figures().total == DAYS - 1
    assert all_are_true()


@_TOGETHER
@pytest.mark.django_db(transaction=True)
def test_second_worker_deletes_no_note_of_a_change_that_the_first_has_missed(
    one_a_day: list[Submission],
) -> None:
    counted, go_on = threading.Event(), threading.Event()
    real = keeping.from_rows

    def slow(span: tuple[dt.datetime, dt.datetime]) -> object:
        texts = real(span)
        if not counted.is_set() and span[0] <= one_a_day[1].submitted_at < span[1]:
            counted.set()
            go_on.wait(30)
        return texts

    with mock.patch.object(keeping, "from_rows", slow):
        first = _in_thread(lambda: keep_totals(now=NOW))
        assert counted.wait(30)
        Submission.objects.filter(pk=one_a_day[1].pk).delete()
        second = _in_thread(keeping.delete_changed)
        wait_until(lambda: is_a_transaction_waiting() or not second.is_alive())
        go_on.set()
        first.join(60)
        second.join(60)
    keep_totals(now=NOW)
    assert figures().total == DAYS - 1
    assert all_are_true()
