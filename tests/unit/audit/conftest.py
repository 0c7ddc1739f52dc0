"""The actor of the audit tests."""

from __future__ import annotations

import pytest

from apps.core.actor import Actor, Origin


@pytest.fixture
def anna() -> Actor:
    origin = Origin(request_id="6d7a3f00-1", peer_address="10.0.0.1", client_address="192.0.2.7")
    return Actor(id="17", name="Anna Keller", roles=("staff", "supervisor"), origin=origin)
