"""One attempt: its first byte, its deadline, and the connection that a limit cuts."""

from __future__ import annotations

import datetime as dt
import socket

import pytest

from apps.cdp.attempt import Attempt, Limits, TooLateError

LIMITS = Limits(connect=1, read=1, total=60)
NOON = dt.datetime(2026, 3, 7, 12, tzinfo=dt.UTC)


def connected_sockets() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection. Reading from one that is not cut fails after a while."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(5)
    return ends


def test_request_starts_at_its_first_write() -> None:
    attempt = Attempt(LIMITS)
    assert (attempt.request_started, attempt.expired) == (False, False)
    attempt.before_write()
    assert (attempt.request_started, attempt.expired) == (True, False)


def test_request_that_has_begun_is_completed_after_its_deadline() -> None:
    times = iter([NOON, NOON + dt.timedelta(hours=1)])
    attempt = Attempt(LIMITS, deadline=NOON + dt.timedelta(seconds=1), clock=lambda: next(times))
    attempt.before_write()
    attempt.before_write()
    assert attempt.request_started


def test_request_does_not_start_at_its_deadline() -> None:
    attempt = Attempt(LIMITS, deadline=NOON, clock=lambda: NOON)
    with pytest.raises(TooLateError) as caught:
        attempt.before_write()
    assert (caught.value.code, attempt.request_started) == ("deadline_passed", False)


def test_cut_ends_reading_and_writing() -> None:
    ours, theirs = connected_sockets()
    with ours, theirs:
        attempt = Attempt(LIMITS)
        attempt.watch_socket(ours)
        attempt._cut()
        assert attempt.expired
        assert (ours.recv(1), theirs.recv(1)) == (b"", b"")
        with pytest.raises(BrokenPipeError):
            ours.send(b"x")


def test_connection_that_is_established_after_the_cut_is_not_used() -> None:
    ours, theirs = connected_sockets()
    with ours, theirs:
        attempt = Attempt(LIMITS)
        attempt._cut()
        with pytest.raises(TooLateError) as caught:
            attempt.watch_socket(ours)
    assert (caught.value.code, attempt.request_started) == ("connect_timeout", False)


def test_cut_of_a_closed_connection_is_no_failure() -> None:
    ours, theirs = connected_sockets()
    attempt = Attempt(LIMITS)
    attempt.watch_socket(ours)
    ours.close()
    theirs.close()
    attempt._cut()
    assert attempt.expired


def test_connection_is_not_cut_after_its_attempt() -> None:
    """It may be in use by the next attempt already."""
    ours, theirs = connected_sockets()
    with ours, theirs:
        with Attempt(LIMITS) as attempt:
            attempt.watch_socket(ours)
        attempt._cut()
        theirs.send(b"x")
        assert ours.recv(1) == b"x"
    assert attempt._timer.finished.is_set()


def test_total_limit_holds_up_no_exit_of_the_process() -> None:
    with Attempt(LIMITS) as attempt:
        assert attempt._timer.daemon
