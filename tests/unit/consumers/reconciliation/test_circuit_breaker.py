"""If the vendor does not answer checks, all workers together pause for longer and longer."""

from __future__ import annotations

import datetime

import pytest

from apps.cdp.errors import CdpNotFound, CdpRateLimited, CdpServerFault, CdpUnreachable
from apps.consumers.reconciliation import circuit_breaker

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 7, 12, tzinfo=datetime.UTC)


def later(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def fail(times: int) -> None:
    for _ in range(times):
        circuit_breaker.record_failure(CdpUnreachable(), NOW)


def test_few_failures_cause_no_pause() -> None:
    fail(circuit_breaker.FAILURE_THRESHOLD - 1)
    assert circuit_breaker.acquire(NOW)


def test_repeated_failures_cause_a_pause_that_one_answered_check_ends_for_all() -> None:
    fail(circuit_breaker.FAILURE_THRESHOLD)
    assert not circuit_breaker.acquire(later(20))
    assert circuit_breaker.acquire(later(40))
    assert not circuit_breaker.acquire(later(40)), "The others wait for the result of the first check"
    circuit_breaker.record_success(later(40))
    assert circuit_breaker.acquire(later(40))
    assert circuit_breaker.state().failures == 0


def test_pause_grows_up_to_a_quarter_of_an_hour() -> None:
    fail(50)
    paused_until = circuit_breaker.state().paused_until
    assert paused_until is not None
    assert 800 <= (paused_until - NOW).total_seconds() <= 1000


def test_pause_requested_by_the_vendor_is_observed_from_the_first_failure() -> None:
    circuit_breaker.record_failure(CdpRateLimited(retry_after=120.0), NOW)
    assert not circuit_breaker.acquire(later(119))
    assert circuit_breaker.acquire(later(120))


def test_wait_that_another_answer_asks_for_causes_no_pause() -> None:
    circuit_breaker.record_failure(CdpServerFault("http_503", retry_after=86_400.0), NOW)
    assert circuit_breaker.acquire(NOW)


def test_longest_pause_that_the_vendor_can_ask_for_is_an_hour() -> None:
    circuit_breaker.record_failure(CdpRateLimited(retry_after=86_400.0), NOW)
    assert circuit_breaker.paused_until(NOW) == later(3600)


def test_pause_from_before_the_clock_was_set_back_is_over_and_ends() -> None:
    circuit_breaker.record_failure(CdpRateLimited(retry_after=3600.0), later(7200))
    assert circuit_breaker.paused_until(NOW) is None
    assert circuit_breaker.acquire(NOW)
    circuit_breaker.record_success(NOW)
    assert circuit_breaker.state().paused_until is None


def test_rejection_counts_as_an_answer() -> None:
    fail(circuit_breaker.FAILURE_THRESHOLD)
    circuit_breaker.record_failure(CdpNotFound(), NOW)
    assert circuit_breaker.acquire(NOW)


def test_reason_of_failures_is_stored_for_the_status_page() -> None:
    circuit_breaker.record_failure(CdpServerFault("http_503"), NOW)
    row = circuit_breaker.state()
    assert (row.failures, row.error_code, row.failed_at) == (1, "http_503", NOW)


def test_longer_pause_is_not_shortened_by_another_failure() -> None:
    circuit_breaker.record_failure(CdpRateLimited(retry_after=600.0), NOW)
    fail(circuit_breaker.FAILURE_THRESHOLD)
    assert circuit_breaker.paused_until(later(1)) == later(600)


def test_check_begun_before_a_failure_does_not_end_the_pause() -> None:
    fail(circuit_breaker.FAILURE_THRESHOLD)
    circuit_breaker.record_success(later(-1))
    assert not circuit_breaker.acquire(later(1))
