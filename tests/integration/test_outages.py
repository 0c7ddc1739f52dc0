"""What Verify now says when something cannot be read: a sentence, and no verdict."""

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
    assert "The verification could not be finished" in shown
    assert "Nothing was found out about the log." in shown
    assert shown.rstrip().endswith("</html>")
    assert not AuditEvent.objects.filter(action__startswith="audit.").exists()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_lost_on_the_way_is_told(
    error: type[Exception], as_administrator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> Iterator[None]:
        raise error("lost")
        yield

    monkeypatch.setattr(integrity_views, "verification", lost)
    shown = posted(as_administrator, "audit:verify").decode()
    assert "The database did not answer." in shown
    assert_no_verdict(shown)


def test_a_file_of_checkpoints_that_cannot_be_read_is_told(
    as_administrator: Client, settings: Settings, tmp_path: Path
) -> None:
    write(1)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    shown = posted(as_administrator, "audit:verify").decode()
    assert "The file of checkpoints could not be read." in shown
    assert_no_verdict(shown)
