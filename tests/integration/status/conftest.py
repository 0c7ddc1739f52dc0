from __future__ import annotations

import pytest

from apps.consumers import connection_health


@pytest.fixture(autouse=True)
def _reset_health() -> None:
    """No answer of an earlier test is written."""
    connection_health.clear_latest()
