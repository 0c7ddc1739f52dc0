"""The actor of the audit tests."""

from __future__ import annotations

import pytest

from apps.core.actor import Actor, Origin


@pytest.fixture
def anna() -> Actor:
    origin = Origin(request_id="6d7a3f00-1", peer_address="10.0.0.1", client_address="192.0.2.7")
    return Actor("17", "Anna Keller", ("staff", "supervisor"), origin, session="8c3e1d8a-1")
