"""Refused credentials and paused reconciliation are shown until they are over."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from apps.cdp.errors import CdpError, CdpRateLimited, CdpUnauthorized
from apps.cdp.exchange import AnswerHealth
from apps.consumers import connection_health
from apps.consumers.models import ConnectionHealth
from apps.consumers.reconciliation import circuit_breaker
from apps.core import heartbeats
from consumerportal import web_heartbeats
from consumerportal.management.commands.worker import Worker
from consumerportal.status import Level
from sandbox.data.seed import FAULT_ORDERS, SAMPLE_ORDER
from sandbox.faults.armed import Armed
from sandbox.server.sandbox_server import SandboxServer
from tests.support.entries import clean, posted, text
from tests.support.status_lines import ago, line

pytestmark = [pytest.mark.django_db, pytest.mark.sql("repeated")]

NEW = "/consumers/new/"


def test_refused_credentials_are_shown_to_administrators_until_a_successful_answer(
    as_staff: Client, as_administrator: Client, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeats.record_heartbeat(heartbeats.WORKER)
    assert "Needs attention" not in text(as_administrator.get("/"))
    as_staff.post(NEW, posted(order=FAULT_ORDERS["401"]))
    since = ConnectionHealth.objects.get().refused_since
    assert since is not None
    page = text(as_administrator.get("/"))
    assert "Needs attention" in page
    assert "Refused by Sitecore CDP (401)" in page
    assert "Needs attention" not in text(as_staff.get("/"))
    assert "credentials_refused" in caplog.text
    as_staff.post(NEW, posted(clean(), order=FAULT_ORDERS["401"]))
    assert ConnectionHealth.objects.get().refused_since == since, "Since when, not when last"
    as_staff.post(NEW, posted())
    assert line("credentials").level is Level.OK
    assert "Needs attention" not in text(as_administrator.get("/"))


def test_reconciliation_reports_refused_credentials(as_staff: Client, sandbox: SandboxServer) -> None:
    sandbox.sandbox.faults.arm(Armed("403", operation="retrieve_order"))
    as_staff.get(f"/orders/{SAMPLE_ORDER}/")
    assert ConnectionHealth.objects.get().refused_status == 403


def test_vendor_fault_does_not_change_the_credentials_status(sandbox: SandboxServer) -> None:
    connection_health.record_answer(AnswerHealth(401, None))
    connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(503, None))
    connection_health.store_latest()
    assert line("credentials").level is Level.CRITICAL


@pytest.mark.sql("new")
def test_unchanged_health_is_written_once_a_minute_and_changes_immediately(
    django_assert_num_queries: Any,
) -> None:
    connection_health.record_answer(AnswerHealth(200, 0.0))
    connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(200, 0.0))
    with django_assert_num_queries(0):
        connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(401, 0.0))
    connection_health.store_latest()
    assert ConnectionHealth.objects.get().refused_status == 401


def duty_of_the_worker() -> None:
    Worker(threading.Event()).duties["store_connection_health"]()


@pytest.mark.sql("new")
@pytest.mark.parametrize("heartbeat", [web_heartbeats.record, duty_of_the_worker])
def test_answer_of_a_process_that_differs_from_another_ones_is_written_with_its_heartbeat(
    heartbeat: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    answered(200, one, monkeypatch)
    answered(401, other, monkeypatch)
    ConnectionHealth.objects.update(answered_at=ago(seconds=10))
    answered(200, one, monkeypatch)
    assert line("credentials").level is Level.CRITICAL
    heartbeat()
    assert line("credentials").level is Level.CRITICAL, "Once a minute"
    one.stored_at -= connection_health.WRITE_INTERVAL
    heartbeat()
    assert line("credentials").level is Level.OK


@pytest.mark.sql("new")
def test_answer_that_nothing_has_written_is_not_written_over_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    monkeypatch.setattr(connection_health, "_latest", one)
    connection_health.record_answer(AnswerHealth(200, None))
    answered(401, other, monkeypatch)
    monkeypatch.setattr(connection_health, "_latest", one)
    web_heartbeats.record()
    assert line("credentials").level is Level.CRITICAL


@pytest.mark.sql("new")
def test_answer_that_has_waited_is_not_written_over_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = connection_health._LatestAnswer(), connection_health._LatestAnswer()
    answered(200, one, monkeypatch)
    answered(200, one, monkeypatch)
    assert one.received is not None
    one.received = replace(one.received, at=one.received.at - 10)
    answered(401, other, monkeypatch)
    one.stored_at -= connection_health.WRITE_INTERVAL
    monkeypatch.setattr(connection_health, "_latest", one)
    connection_health.store_latest()
    assert line("credentials").level is Level.CRITICAL
    answered(200, one, monkeypatch)
    one.stored_at -= connection_health.WRITE_INTERVAL
    connection_health.store_latest()
    assert line("credentials").level is Level.OK


def answered(status: int, process: connection_health._LatestAnswer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer to the process that has this latest answer, which goes on running."""
    monkeypatch.setattr(connection_health, "_latest", process)
    connection_health.record_answer(AnswerHealth(status, None))
    connection_health.store_latest()


@pytest.mark.sql("new")
def test_failed_write_of_health_is_ignored_and_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> None:
        raise OperationalError

    connection_health.record_answer(AnswerHealth(401, None))
    with monkeypatch.context() as patch:
        patch.setattr(ConnectionHealth.objects, "get_or_create", gone)
        connection_health.store_latest()
    connection_health.record_answer(AnswerHealth(401, None))
    connection_health.store_latest()
    assert ConnectionHealth.objects.get().refused_status == 401


def test_reconciliation_pause_is_shown_with_its_reason(settings: Settings) -> None:
    from apps.cdp.errors import CdpUnreachable

    assert "supervisors resolve" in line("reconciliation").text
    settings.CDP_RECONCILIATION = True
    assert line("reconciliation").level is Level.OK
    for _ in range(circuit_breaker.FAILURE_THRESHOLD):
        circuit_breaker.record_failure(CdpUnreachable("connect_refused"), datetime.datetime.now(datetime.UTC))
    found = line("reconciliation")
    assert "did not accept the connection" in found.text
    assert "Paused until" in found.text
    assert found.moment is not None
    assert found.moment > ago()


def test_reconciliation_pause_that_is_over_is_not_shown(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    circuit_breaker.record_failure(CdpRateLimited(retry_after=60.0), ago(minutes=2))
    found = line("reconciliation")
    assert "1 failed in a row" in found.text
    assert ("Paused until" in found.text, found.moment) == (False, None)


@pytest.mark.parametrize("error", [CdpRateLimited(retry_after=60.0), CdpUnauthorized()])
def test_reason_of_a_reconciliation_pause_says_nothing_about_an_entry(
    settings: Settings, error: CdpError
) -> None:
    settings.CDP_RECONCILIATION = True
    circuit_breaker.record_failure(error, datetime.datetime.now(datetime.UTC))
    found = line("reconciliation").text
    assert "1 failed in a row: " in found
    assert "Send it again" not in found
    assert "Your entry" not in found
