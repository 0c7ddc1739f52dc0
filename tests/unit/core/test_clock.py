"""The portal's clock: the database's time, counted on by the monotonic clock, whatever the machine's says."""

from __future__ import annotations

import datetime as dt
import math
import os
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
    """The monotonic clock, and a database with the true time that answers after ``round_trip`` seconds."""

    vendor = "postgresql"
    in_atomic_block = False

    def __init__(self) -> None:
        self.uptime = 1_000.0
        self.round_trip = 0.0
        self.asked = 0
        self.away = False

    def monotonic(self) -> float:
        return self.uptime

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
        self.told = self.true
        self.uptime += self.round_trip / 2

    def fetchone(self) -> tuple[dt.datetime]:
        return (self.told,)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=made.monotonic, time=time.time))
    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    monkeypatch.setattr(clock, "connection", made)
    monkeypatch.setattr(clock, "_last", None)
    monkeypatch.setattr(clock, "_tried_at", -math.inf)
    return made


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD])
def test_a_wrong_clock_is_corrected_from_the_first_call_on(machine: Machine, ahead: dt.timedelta) -> None:
    with time_machine.travel(TRUE + ahead, tick=False):
        assert clock.now() == TRUE
        assert clock.seconds() == int(TRUE.timestamp())
        assert clock.microseconds() == int(TRUE.timestamp()) * 1_000_000
    assert machine.asked == 1
    measured = clock.last_measurement()
    assert measured is not None
    assert measured.ahead == ahead.total_seconds()


def test_between_two_measurements_a_step_of_the_machines_clock_does_no_harm(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False) as local:
        clock.now()
        machine.uptime += 30
        local.shift(AHEAD)
        assert clock.now() == machine.true
        assert measure_if_due(machine)  # and status hears of it with the next connection
        assert not measure_if_due(machine)
        assert clock.now() == machine.true
        measured = clock.last_measurement()
        assert measured is not None
        assert measured.ahead == pytest.approx(AHEAD.total_seconds() - 30)


def test_it_is_measured_once_a_minute(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False) as local:
        for _ in range(180):
            measure_if_due(machine)
            machine.uptime += 1
            local.shift(1)
    assert machine.asked == 3


def test_half_of_the_round_trip_is_counted(machine: Machine) -> None:
    machine.round_trip = 0.4
    with time_machine.travel(TRUE, tick=False):
        clock.now()
        assert abs(clock.now() - machine.true) < dt.timedelta(milliseconds=1)


def test_a_slow_answer_changes_nothing_but_is_better_than_none(machine: Machine) -> None:
    machine.round_trip = 3.0
    with time_machine.travel(TRUE + AHEAD, tick=False):
        clock.now()
        assert abs(clock.now() - machine.true) < dt.timedelta(milliseconds=1)
        first = clock.last_measurement()
        machine.uptime += 61
        assert not measure_if_due(machine)
        assert clock.last_measurement() == first


def test_without_the_database_the_last_offset_stays_and_nobody_waits_often(
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
    assert machine.asked <= 1 + 60 * 2 / clock.RETRY_SECONDS


def test_a_process_that_never_reached_the_database_has_its_machines_clock(machine: Machine) -> None:
    machine.away = True
    with time_machine.travel(TRUE, tick=False):
        assert [clock.now() for _ in range(5)] == [TRUE] * 5
    assert machine.asked == 1


def test_once_measured_no_call_asks_the_database(machine: Machine) -> None:
    with time_machine.travel(TRUE, tick=False):
        clock.now()
        machine.uptime += 24 * 60 * 60
        clock.now()
    assert machine.asked == 1


@pytest.mark.parametrize(("name", "value"), [("vendor", "sqlite"), ("in_atomic_block", True)])
def test_neither_sqlite_nor_a_transaction_is_asked(machine: Machine, name: str, value: object) -> None:
    setattr(machine, name, value)
    assert not measure_if_due(machine)
    assert machine.asked == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine and its clock")
def test_a_connection_that_is_taken_measures_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.core.models import MachineClock

    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    with time_machine.travel(dt.datetime.now(dt.UTC) + AHEAD):
        connection.close()
        connection.ensure_connection()
        stored = MachineClock.objects.get()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            [told] = cursor.fetchone()
        assert abs(clock.now() - told) < dt.timedelta(seconds=1)
    assert stored.ahead == pytest.approx(AHEAD.total_seconds(), abs=1)


def test_the_vendors_client_takes_this_clock() -> None:
    exchange: Any = get_client()._exchange
    assert exchange.clock is clock.now


def test_the_age_of_a_file_is_counted_by_the_clock_that_stamped_it(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with time_machine.travel(TRUE + AHEAD, tick=False):
        stamp = (TRUE + AHEAD).timestamp()
        os.utime(path, (stamp, stamp))
        clock.now()
        assert clock.seconds_since_written(path) == pytest.approx(0, abs=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="One machine and its clock")
def test_the_first_session_of_a_process_is_not_judged_by_the_clock_of_the_machine(
    as_staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was started while the database was away, so it has asked in vain a moment ago."""
    monkeypatch.setattr(clock, "measure_if_due", measure_if_due)
    monkeypatch.setattr(clock, "_tried_at", time.monotonic())
    connection.close()
    with time_machine.travel(dt.datetime.now(dt.UTC) + AHEAD):
        assert as_staff.get("/").status_code == 200
