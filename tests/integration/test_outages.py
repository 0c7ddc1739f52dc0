"""Verify now shows a message without a verdict if something cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from pytest_django import Settings

from apps.audit.models import AuditEvent
from apps.audit.views import integrity as integrity_views
from tests.integration.test_integrity import posted
from tests.support.audit_logs import write

pytestmark = pytest.mark.django_db(transaction=True)


def assert_no_verdict(shown: str) -> None:
    assert "The verification could not be completed" in shown
    assert "The log was not verified." in shown
    assert shown.rstrip().endswith("</html>")
    assert not AuditEvent.objects.filter(action__startswith="audit.").exists()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_database_lost_during_verification_is_reported(
    error: type[Exception], as_administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> Iterator[None]:
        raise error("lost")
        yield

    monkeypatch.setattr(integrity_views, "verification", lost)
    shown = posted(as_administrator, "audit:verify").decode()
    assert "The database did not answer." in shown
    assert_no_verdict(shown)


def test_unreadable_checkpoint_file_is_reported(
    as_administrator: Client, settings: Settings, tmp_path: Path
) -> None:
    write(1)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    shown = posted(as_administrator, "audit:verify").decode()
    assert "The file of checkpoints could not be read." in shown
    assert_no_verdict(shown)
