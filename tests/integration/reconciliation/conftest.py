"""Reconciliation is on, its checks are due at once, and one may follow another immediately."""

from __future__ import annotations

import datetime

import pytest
from pytest_django import Settings

from apps.consumers.reconciliation import checks


@pytest.fixture(autouse=True)
def _on(settings: Settings) -> None:
    settings.CDP_RECONCILIATION = True
    settings.CDP_RECONCILIATION_AFTER = [0.001, 0.002, 60]


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MIN_CHECK_INTERVAL", datetime.timedelta(0))
