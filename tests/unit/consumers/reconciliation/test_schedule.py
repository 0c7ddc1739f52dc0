"""Checks run at the scheduled times with jitter; unanswered ones are repeated at growing intervals."""

from __future__ import annotations

import datetime

import pytest
from pytest_django import Settings

from apps.consumers.reconciliation import schedule

SINCE = datetime.datetime(2026, 3, 7, 12, tzinfo=datetime.UTC)
TIMES = (2, 10, 60, 600, 3600, 86400)


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = list(TIMES)


def seconds(moment: datetime.datetime | None, since: datetime.datetime = SINCE) -> float:
    assert moment is not None
    return (moment - since).total_seconds()


def test_every_set_time_has_its_look_and_after_the_last_there_is_none() -> None:
    moment, taken = schedule.first_check(SINCE), []
    while moment is not None:
        taken.append(seconds(moment))
        moment = schedule.next_check(SINCE, moment)
    assert len(taken) == len(TIMES)
    for set_time, real in zip(TIMES, taken, strict=True):
        assert set_time <= real <= set_time * 1.1


def test_submissions_of_one_moment_do_not_come_back_in_one_moment() -> None:
    assert len({schedule.next_check(SINCE, SINCE + datetime.timedelta(hours=2)) for _ in range(20)}) > 10


def test_times_that_passed_while_nobody_worked_are_left_out() -> None:
    assert seconds(schedule.next_check(SINCE, SINCE + datetime.timedelta(minutes=30))) >= 3600


def test_looks_that_are_not_answered_wait_ever_longer_up_to_an_hour() -> None:
    waits = [
        seconds(schedule.retry(SINCE, SINCE, failed=failed, retry_after=None)) for failed in (1, 2, 3, 9, 500)
    ]
    for wait, expected in zip(waits, (10, 20, 40, 2560, 3600), strict=True):
        assert expected <= wait <= expected * 1.1


def test_the_vendors_own_wish_is_waited_for() -> None:
    assert seconds(schedule.retry(SINCE, SINCE, failed=1, retry_after=120.0)) == 120


def test_a_vendor_that_answers_no_look_for_a_week_is_left_alone() -> None:
    late = SINCE + datetime.timedelta(days=7, seconds=1)
    assert schedule.retry(SINCE, late, failed=3, retry_after=None) is None


def test_without_look_ups_there_is_no_look(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = False
    assert schedule.first_check(SINCE) is None
    assert schedule.retry(SINCE, SINCE, failed=1, retry_after=None) is None
