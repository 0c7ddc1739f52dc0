"""A wrong clock, a filling disk and a missing trigger are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from apps.cdp.exchange import AnswerHealth
from apps.cdp.factory import get_client
from apps.consumers import connection_health
from apps.consumers.models import ConnectionHealth
from consumerportal import status
from consumerportal.status import Level, Line, machine
from sandbox.data.seed import SAMPLE_ORDER
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import text
from tests.support.status_lines import line

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def disks() -> list[Line]:
    return [one for one in status.lines() if one.name.startswith("disk_")]


def test_clock_is_compared_with_the_vendors_date(sandbox: SandboxServer) -> None:
    assert line("clock").text == "Not compared with Sitecore CDP yet"
    get_client().retrieve_order(SAMPLE_ORDER)
    connection_health.store_latest()
    ahead = ConnectionHealth.objects.get().clock_ahead
    assert ahead is not None
    assert -1 < ahead < 3
    assert line("clock").level is Level.OK


@pytest.mark.parametrize(("ahead", "words"), [(190.4, "190 seconds ahead"), (-3600.0, "3600 seconds behind")])
def test_clock_error_is_a_problem(ahead: float, words: str) -> None:
    connection_health.record_answer(AnswerHealth(200, ahead))
    connection_health.store_latest()
    assert words in line("clock").text
    assert line("clock").level is Level.CRITICAL


@pytest.mark.sql("new")
@pytest.mark.parametrize(
    ("checked", "words"),
    [("missing_triggers", "audit triggers"), ("missing_totals_triggers", "figures triggers")],
)
def test_missing_trigger_is_a_problem_and_the_portal_stays_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, checked: str, words: str
) -> None:
    assert line("database").level is Level.OK
    monkeypatch.setattr(machine, checked, lambda _connection: ["of_this_test"])
    assert line("database").level is Level.CRITICAL
    assert words in line("database").text
    assert client.get("/readyz").status_code == 200


@pytest.mark.sql("repeated")
def test_unreadable_disk_breaks_no_page(as_administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_path: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.disk_usage", refused)
    assert "Cannot be checked" in text(as_administrator.get("/status/"))
    assert len({one.name for one in disks()}) == len({str(one.label) for one in disks()}) == len(disks())


@pytest.mark.parametrize(("free", "level"), [(50, Level.OK), (5, Level.WARNING), (1, Level.CRITICAL)])
def test_filling_disk_is_reported(monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    class Usage:
        total = 100 * 10**9

    Usage.free = free * 10**9  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)
    first = disks()[0]
    assert first.level is level
    assert f"{free}.0 GB free" in first.text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("SPOOL_DIR", "Disk of SPOOL_DIR"),
        ("AUDIT_CHECKPOINT_FILE", "Disk of AUDIT_CHECKPOINT_FILE"),
        ("EXPORT_DIR", "Disk of EXPORT_DIR"),
        ("", "Disk of temporary files, such as exports"),
    ],
)
def test_filling_disk_of_another_folder_is_reported_by_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, label: str
) -> None:
    class Usage:
        total = free = 100 * 10**9

    class Full(Usage):
        free = 10**9

    other = Path("/proc/version")  # on another device than the folders of tests
    if name:
        setattr(settings, name, str(other) if name == "EXPORT_DIR" else other)
    else:
        settings.EXPORT_DIR = ""
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(other))
    monkeypatch.setattr("shutil.disk_usage", lambda path: Full if path == other else Usage)
    assert [str(one.label) for one in disks() if one.level is Level.CRITICAL] == [label]
