"""The start of the portal is on record."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from apps.audit.models import AuditEvent
from consumerportal.announcement import record_start, settings_digest


@pytest.mark.django_db(transaction=True)
def test_the_start_is_on_record_with_version_and_settings(settings: Settings) -> None:
    record_start()
    [event] = AuditEvent.objects.filter(action="portal.started")
    assert event.details == {"version": settings.VERSION, "settings_digest": settings_digest()}
    assert event.actor_name == "system:portal"


def test_the_digest_changes_with_a_setting_and_with_nothing_else(settings: Settings) -> None:
    first = settings_digest()
    assert first == settings_digest()
    settings.CDP_API_TOKEN = "another token"
    assert settings_digest() != first
