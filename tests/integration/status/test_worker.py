"""A missing or failing worker, and outcomes that wait in a spool, are problems."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.consumers.models import Outcome
from apps.consumers.sending import spool
from apps.consumers.sending.result import Result
from apps.core import heartbeats
from apps.core.models import Heartbeat
from consumerportal.status import Level
from tests.support.entries import REF, store, text
from tests.support.status_lines import ago, line

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


@pytest.mark.sql("new")
def test_missing_worker_is_a_problem_and_the_portal_stays_ready(client: Client, settings: Settings) -> None:
    assert line("worker").level is Level.CRITICAL
    assert client.get("/readyz").status_code == 200
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert line("worker").level is Level.OK
    Heartbeat.objects.update(seen_at=ago(seconds=settings.WORKER_SILENT_SECONDS + 1))
    assert line("worker").level is Level.CRITICAL
    assert client.get("/readyz").status_code == 200


def test_spool_of_a_machine_with_a_dead_worker_stays_a_problem() -> None:
    Heartbeat.objects.create(process="worker:other-machine:7", seen_at=ago(days=9), waiting_files=2)
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert (line("spool").text, line("spool").level) == ("2", Level.CRITICAL)


def test_earlier_report_on_the_same_folder_is_superseded_under_any_host_name() -> None:
    folder = spool.folder_id()
    assert folder
    assert folder == spool.folder_id()
    earlier = f"worker:{folder}:a-container-of-yesterday:1"
    Heartbeat.objects.create(process=earlier, seen_at=ago(seconds=60), waiting_files=2)
    heartbeats.record_heartbeat(heartbeats.WORKER, folder=folder)
    assert line("spool").level is Level.OK


def test_failure_in_any_living_worker_is_reported() -> None:
    Heartbeat.objects.create(process="worker:other-machine:7", seen_at=ago(seconds=9), failing="drain_spool")
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert "drain_spool" in line("worker").text
    assert line("worker").level is Level.CRITICAL


def test_unwritable_spool_is_reported_before_it_is_needed(settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "file"
    settings.SPOOL_DIR.write_text("in the way")
    assert "cannot write to SPOOL_DIR" in line("spool").text


@pytest.mark.parametrize("path", ["/status/", "/"])
def test_unreachable_spool_is_reported_and_breaks_no_page(
    as_administrator: Client, unreachable_spool: None, path: str
) -> None:
    assert (line("spool").level, "cannot read SPOOL_DIR" in line("spool").text) == (Level.CRITICAL, True)
    assert "cannot read SPOOL_DIR" in text(as_administrator.get(path))
    assert not spool.can_be_written()


@pytest.mark.sql("new")
def test_yesterdays_processes_are_deleted() -> None:
    Heartbeat.objects.create(process="worker:old:1", seen_at=ago(days=2))
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert Heartbeat.objects.count() == 1


def test_spooled_files_on_any_machine_are_a_problem(staff: User) -> None:
    assert line("spool").level is Level.OK
    spool.write(store(staff, Outcome.SENDING).public_id, Result(Outcome.CREATED, consumer_ref=REF))
    assert line("spool").text == "1"
    heartbeats.record_heartbeat(heartbeats.WORKER, waiting_files=3)
    assert line("spool").text == "3"
    assert line("spool").level is Level.CRITICAL
