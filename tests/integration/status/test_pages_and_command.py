"""Administrators read every line on the page, and monitoring reads the exit code of the command."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils.html import escape

from apps.accounts.models import User
from apps.consumers.models import Outcome
from apps.core import heartbeats
from consumerportal import status
from tests.support.entries import store, text

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]


def run(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        call_command("status")
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out


def test_page_shows_every_line_only_to_administrators(
    as_administrator: Client, as_supervisor: Client
) -> None:
    page = text(as_administrator.get("/status/"))
    for one in status.lines():
        assert escape(str(one.label)) in page
    assert as_supervisor.get("/status/").status_code == 403


def test_command_exits_with_the_worst_level(staff: User, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(capsys)
    assert code == 2
    assert re.search(r"^CRITICAL +Background worker: ", output, re.MULTILINE)
    heartbeats.record_heartbeat(heartbeats.WORKER)
    code, output = run(capsys)
    assert (code, "CRITICAL" in output) == (0, False), output
    store(staff, Outcome.UNKNOWN)
    assert run(capsys)[0] == 1


@pytest.mark.sql("new")
def test_command_reports_a_lost_database(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise OperationalError("password=hunter2")

    monkeypatch.setattr(status, "lines", gone)
    assert run(capsys) == (2, "CRITICAL  Database: does not answer (OperationalError)\n")
