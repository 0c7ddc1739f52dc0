"""The start of the portal is recorded in the audit log."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.audit.models import AuditEvent
from consumerportal.announcement import record_start, settings_digest
from consumerportal.management.commands import worker


@pytest.mark.django_db(transaction=True)
def test_start_is_recorded_with_version_and_settings(settings: Settings) -> None:
    record_start()
    [event] = AuditEvent.objects.filter(action="portal.started")
    assert event.details == {"version": settings.VERSION, "settings_digest": settings_digest()}
    assert event.actor_name == "system:portal"


def test_digest_changes_with_a_setting_and_with_nothing_else(settings: Settings) -> None:
    first = settings_digest()
    assert first == settings_digest()
    settings.CDP_API_TOKEN = "another token"
    assert settings_digest() != first


@pytest.fixture
def worker_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    """The start of a worker that is stopped before its first duty."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(worker, "keys_are_accepted", lambda stop: False)
    yield lambda: call_command("worker")
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("process", ["web", "worker"])
def test_secrets_file_readable_by_others_is_reported_at_the_start(
    process: str,
    worker_start: Callable[[], object],
    settings: Settings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start: Callable[[], object] = record_start if process == "web" else worker_start
    settings.ENV_FILE = tmp_path / ".env"
    settings.ENV_FILE.write_text("SECRET_KEY=x")
    for mode, reported in ((0o600, False), (0o640, True), (0o604, True)):
        settings.ENV_FILE.chmod(mode)
        caplog.clear()
        start()
        lines = [record.getMessage() for record in caplog.records]
        assert any("readable_by_others" in line and ".env" in line for line in lines) is reported
