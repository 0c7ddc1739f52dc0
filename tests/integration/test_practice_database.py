"""An outdated practice database is moved away with its checkpoints; a current one stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from pytest_django import Settings

from consumerportal.practice_database import set_aside_if_outdated
from tests.support import prepared

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def practice(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A practice database of this version, as the default connection."""
    folder = tmp_path / "practice"
    folder.mkdir()
    settings.AUDIT_CHECKPOINT_FILE = folder / "portal.checkpoints.jsonl"
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    name = prepared.copy_file(folder).removeprefix("sqlite:///")
    connection.settings_dict = {**connection.settings_dict, "NAME": name}
    before = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connection
    try:
        yield Path(name)
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS] = before


def test_current_database_is_not_changed(practice: Path) -> None:
    before = practice.read_bytes()
    assert set_aside_if_outdated() is None
    assert practice.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('consumers', '0002_of_another_version', CURRENT_TIMESTAMP)",
        "ALTER TABLE consumers_submission RENAME COLUMN check_count TO looks",
        "DROP INDEX submission_outcome_duration",
        "DROP TABLE consumers_pastresolution",
    ],
    ids=["a migration that is gone", "another column", "an index that is missing", "a table that is missing"],
)
def test_outdated_database_is_moved_away(practice: Path, settings: Settings, change: str) -> None:
    settings.AUDIT_CHECKPOINT_FILE.write_text("of the old log")
    with closing(sqlite3.connect(practice)) as database, database:
        database.execute(change)
    old = set_aside_if_outdated()
    assert old is not None
    assert {path.name for path in old.iterdir()} == {"portal.sqlite3", "portal.checkpoints.jsonl"}
    assert not settings.AUDIT_CHECKPOINT_FILE.exists()
    assert set_aside_if_outdated() is None
