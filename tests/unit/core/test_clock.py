"""The portal's clock: the database's time plus the machine's uptime, independent of the machine's time."""

from __future__ import annotations

import datetime as dt
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from apps.cdp.factory import get_client
from apps.core import clock
from apps.core.clock import measure_if_due  # the suite replaces it in the module

TRUE = dt.datetime(2026, 3, 7, 12, 0, tzinfo=dt.UTC)
AHEAD = dt.timedelta(minutes=45)


class Machine:
    """The uptime, and a database with the true time that answers after ``round_trip`` seconds."""

    vendor = "postgresql"
    in_atomic_block = False

    def __init__(self) -> None:
        self.uptime = 1_000.0
        self.round_trip = 0.0
        self.asked = 0
        self.away = False

    @property
    def true(self) -> dt.datetime:
        return TRUE + dt.timedelta(seconds=self.uptime - 1_000.0)

    @contextmanager
    def cursor(self) -> Iterator[Machine]:
        self.asked += 1
        if self.away:
            raise OperationalError
        yield self

    def execute(self, statement: str) -> None:
        self.uptime += self.round_trip / 2
        self.answered_time = self.true
        self.uptime += self.round_trip / 2

    def fetchone(self) -> tuple[dt.datetime]:
        return (self.answered_time,)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(clock, "uptime", lambda: made.uptime)
    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    monkeypatch.setattr(clock, "connection", made)
    monkeypatch.setattr(clock, "_last", None)
    monkeypatch.setattr(clock, "_tried_at", -math.inf)
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no such clock")
def test_time_of_a_suspended_machine_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    suspended = 3_600.0
    clocks = {time.CLOCK_MONOTONIC: 1_000.0, time.CLOCK_BOOTTIME: 1_000.0 + suspended}
    kernel = SimpleNamespace(
        CLOCK_BOOTTIME=time.CLOCK_BOOTTIME,
        clock_gettime=clocks.__getitem__,
        monotonic=lambda: clocks[time.CLOCK_MONOTONIC],
    )
    monkeypatch.setattr(clock, "time", kernel)
    monkeypatch.setattr(clock, "_last", clock.Measurement(1_000.0, TRUE, 0.0))
    assert clock.now() == TRUE + dt.timedelta(seconds=suspended)


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD])
def test_wrong_clock_is_corrected_from_the_first_call(machine: Machine, ahead: dt.timedelta) -> None:
    with time_machine.travel(TRUE + ahead, tick=False):
        assert clock.now() == TRUE
        assert clock.seconds() == int(TRUE.timestamp())
        assert clock.microseconds() == int(TRUE.timestamp()) * 1_000_000
    assert machine.asked == 1
    measured = clock.last_measurement()
    assert measured is not None
    assert measured.ahead == ahead.total_seconds()


def test_machine_clock_change_between_measurements_has_no_effect(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False) as local:
        clock.now()
        machine.uptime += 30
        local.shift(AHEAD)
        assert clock.now() == machine.true
        assert measure_if_due(machine)  # the status page is updated with the next connection
        assert not measure_if_due(machine)
        assert clock.now() == machine.true
        measured = clock.last_measurement()
        assert measured is not None
        assert measured.ahead == pytest.approx(AHEAD.total_seconds() - 30)


def test_offset_is_measured_once_a_minute(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False) as local:
        for _ in range(180):
            measure_if_due(machine)
            machine.uptime += 1
            local.shift(1)
    assert machine.asked == 3


def test_half_of_the_round_trip_is_added(machine: Machine) -> None:
    machine.round_trip = 0.4
    with time_machine.travel(TRUE, tick=False):
        clock.now()
        assert abs(clock.now() - machine.true) < dt.timedelta(milliseconds=1)


def test_slow_measurement_is_used_only_until_there_is_a_better_one(machine: Machine) -> None:
    machine.round_trip = 3.0

    def wait() -> None:
        """Both clocks of the machine go on, so that no step is noticed."""
        machine.uptime += clock.RETRY_INTERVAL
        local.move_to(TRUE + AHEAD + dt.timedelta(seconds=machine.uptime - began))

    began = machine.uptime
    with time_machine.travel(TRUE + AHEAD, tick=False) as local:
        clock.now()
        assert abs(clock.now() - machine.true) < dt.timedelta(milliseconds=1)
        first = clock.last_measurement()
        wait()
        assert not measure_if_due(machine)
        assert clock.last_measurement() == first
        machine.round_trip = 0.2
        wait()
        assert measure_if_due(machine), "A precise measurement replaces a slow one soon"


def test_without_the_database_the_last_offset_stays_and_retries_are_limited(
    machine: Machine,
) -> None:
    with time_machine.travel(TRUE + AHEAD, tick=False) as local:
        clock.now()
        machine.away = True
        for _ in range(60):
            machine.uptime += 2
            local.shift(2)
            measure_if_due(machine)
            assert clock.now() == machine.true
    assert machine.asked <= 1 + 60 * 2 / clock.RETRY_INTERVAL


def test_process_without_any_measurement_uses_its_machines_clock(machine: Machine) -> None:
    machine.away = True
    with time_machine.travel(TRUE, tick=False):
        assert [clock.now() for _ in range(5)] == [TRUE] * 5
    assert machine.asked == 1


def test_no_call_queries_the_database_after_a_measurement(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False):
        clock.now()
        machine.uptime += 24 * 60 * 60
        clock.now()
    assert machine.asked == 1


@pytest.mark.parametrize(("name", "value"), [("vendor", "sqlite"), ("in_atomic_block", True)])
def test_no_measurement_on_sqlite_or_in_a_transaction(machine: Machine, name: str, value: object) -> None:
    setattr(machine, name, value)
    assert not measure_if_due(machine)
    assert machine.asked == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine and its clock")
def test_taking_a_connection_measures_and_reports_the_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.core.models import MachineClock

    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    with time_machine.travel(dt.datetime.now(dt.UTC) + AHEAD):
        connection.close()
        connection.ensure_connection()
        stored = MachineClock.objects.get()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            [database_time] = cursor.fetchone()
        assert abs(clock.now() - database_time) < dt.timedelta(seconds=1)
    assert stored.ahead == pytest.approx(AHEAD.total_seconds(), abs=1)


def test_vendor_client_uses_this_clock() -> None:
    exchange: Any = get_client()._exchange
    assert exchange.clock is clock.now


def test_file_age_is_computed_by_the_clock_that_stamped_it(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with time_machine.travel(TRUE + AHEAD, tick=False):
        stamp = (TRUE + AHEAD).timestamp()
        os.utime(path, (stamp, stamp))
        clock.now()
        assert clock.seconds_since_written(path) == pytest.approx(0, abs=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine and its clock")
def test_first_session_of_a_process_is_not_judged_by_the_machines_clock(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was started during an outage of the database, so its measurement failed a moment ago."""
    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    monkeypatch.setattr(clock, "_tried_at", clock.uptime())
    connection.close()
    with time_machine.travel(dt.datetime.now(dt.UTC) + AHEAD):
        assert as_staff.get("/").status_code == 200
