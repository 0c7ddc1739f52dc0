"""Actors and events of the audit tests, and a database that several threads can really share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from apps.audit.models import AuditEvent, AuditHead
from apps.audit.triggers import install_triggers
from apps.core.actor import Actor, Origin


@pytest.fixture
def anna() -> Actor:
    origin = Origin(request_id="6d7a3f00-1", peer_address="10.0.0.1", client_address="192.0.2.7")
    return Actor(id="17", name="Anna Keller", roles=("staff", "supervisor"), origin=origin)


@pytest.fixture
def shared_database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A database for several connections at once, empty, with the audit tables and their triggers.

    PostgreSQL's test database is one. SQLite's is in memory, where locks are not those of a file: there a
    file with the portal's own settings takes its place.
    """
    if connections["default"].vendor != "sqlite":
        yield
        return
    settings = connections.settings["default"]
    in_memory, name = connections["default"], settings["NAME"]
    settings["NAME"] = str(tmp_path / "audit.sqlite3")
    connection = connections["default"] = connections.create_connection("default")
    try:
        with connection.schema_editor() as editor:
            editor.create_model(AuditEvent)
            editor.create_model(AuditHead)
        install_triggers(connection)
        yield
    finally:
        connection.close()
        settings["NAME"], connections["default"] = name, in_memory
