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


def test_every_scheduled_time_has_a_check_and_none_follows_the_last() -> None:
    moment, taken = schedule.first_check(SINCE), []
    while moment is not None:
        taken.append(seconds(moment))
        moment = schedule.next_check(SINCE, moment)
    assert len(taken) == len(TIMES)
    for set_time, real in zip(TIMES, taken, strict=True):
        assert set_time <= real <= set_time * 1.1


def test_checks_of_simultaneous_submissions_are_spread() -> None:
    assert len({schedule.next_check(SINCE, SINCE + datetime.timedelta(hours=2)) for _ in range(20)}) > 10


def test_missed_times_are_skipped() -> None:
    assert seconds(schedule.next_check(SINCE, SINCE + datetime.timedelta(minutes=30))) >= 3600


def test_unanswered_checks_are_retried_at_growing_intervals_up_to_an_hour() -> None:
    waits = [seconds(schedule.retry(SINCE, SINCE, failed=failed, asked=0.0)) for failed in (1, 2, 3, 9, 500)]
    for wait, expected in zip(waits, (10, 20, 40, 2560, 3600), strict=True):
        assert expected <= wait <= expected * 1.1


def test_retry_after_of_the_vendor_is_observed() -> None:
    assert seconds(schedule.retry(SINCE, SINCE, failed=1, asked=120.0)) == 120


def test_vendor_that_answers_no_check_for_a_week_is_not_asked_again() -> None:
    late = SINCE + datetime.timedelta(days=7, seconds=1)
    assert schedule.retry(SINCE, late, failed=3, asked=0.0) is None


def test_failed_check_cancels_no_configured_time(settings: Settings) -> None:
    settings.CDP_RECONCILIATION_AFTER = [2, 14 * 86400]
    late = SINCE + datetime.timedelta(days=8)
    assert seconds(schedule.retry(SINCE, late, failed=3, asked=0.0)) >= 14 * 86400


def test_without_reconciliation_no_check_is_scheduled(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = False
    assert schedule.first_check(SINCE) is None
    assert schedule.retry(SINCE, SINCE, failed=1, asked=0.0) is None
