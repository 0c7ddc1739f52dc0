"""A practice database that cannot be migrated is moved away with its checkpoints, and no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from consumerportal.practice_database import DatabaseInUseError, set_aside_if_outdated

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def practice(tmp_path: Path, settings: Settings) -> Iterator[BaseDatabaseWrapper]:
    """The default connection, to an empty practice database."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    name = tmp_path / "practice.sqlite3"
    connection.settings_dict = {**connection.settings_dict, "NAME": str(name)}
    settings.AUDIT_CHECKPOINT_FILE.write_text("of this log")
    before = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connection
    try:
        yield connection
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS] = before


def applied(practice: BaseDatabaseWrapper, *migrations: tuple[str, str]) -> None:
    recorder = MigrationRecorder(practice)
    recorder.ensure_schema()
    for app, name in migrations:
        recorder.record_applied(app, name)


def migrations_of(label: str) -> list[tuple[str, str]]:
    return [key for key in MigrationLoader(None).disk_migrations if key[0] == label]


def test_new_database_is_kept(practice: BaseDatabaseWrapper) -> None:
    assert set_aside_if_outdated() is None


def test_migration_of_another_package_is_none_of_ours(practice: BaseDatabaseWrapper) -> None:
    applied(practice, ("auth", "0099_gone"))
    assert set_aside_if_outdated() is None


@pytest.mark.parametrize("how", ["a migration that is gone", "a table that is missing", "another column"])
def test_outdated_database_is_moved_away(
    practice: BaseDatabaseWrapper, tmp_path: Path, settings: Settings, how: str
) -> None:
    gone = how == "a migration that is gone"
    applied(practice, *([("history", "0099_gone")] if gone else migrations_of("history")))
    if how == "another column":
        practice.cursor().execute("CREATE TABLE history_export (id integer)")
    folder = set_aside_if_outdated()
    assert folder is not None
    names = {"practice.sqlite3", settings.AUDIT_CHECKPOINT_FILE.name}
    assert {path.name for path in folder.iterdir()} == names
    assert not names & {path.name for path in tmp_path.iterdir()}
    assert folder.name.startswith("practice-2")
    assert set_aside_if_outdated() is None


def test_outdated_database_that_another_process_uses_is_not_moved(
    practice: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    applied(practice, ("history", "0099_gone"))
    practice.cursor().execute("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(tmp_path / "practice.sqlite3")) as other:
        other.execute("CREATE TABLE of_another_process (id integer)")
        with pytest.raises(DatabaseInUseError):
            set_aside_if_outdated()
        assert other.execute("SELECT count(*) FROM of_another_process").fetchone() == (0,)
    assert set_aside_if_outdated() is not None


def test_server_database_is_never_moved(
    practice: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(practice, ("history", "0099_gone"))
    monkeypatch.setattr(practice, "vendor", "postgresql")
    assert set_aside_if_outdated() is None
