from __future__ import annotations

import pytest

from apps.consumers import connection_health


@pytest.fixture(autouse=True)
def _reset_health() -> None:
    """The first answer in a test is written at once."""
    connection_health._latest.clear()
