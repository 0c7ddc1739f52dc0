"""The portal says that the checkpoints are on the disk of the database only if it knows that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from pytest_django import Settings

from apps.audit.integrity import checkpoint_disk
from apps.audit.integrity.checkpoint_disk import is_disk_of_database

pytestmark = pytest.mark.django_db

OTHER_DEVICE = Path("/proc/version")
only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite is a file")
only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL is a server")


@pytest.fixture
def sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file on the disk of the test's checkpoints, in the place of the database."""
    file = tmp_path / "portal.sqlite3"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    return file


@only_sqlite
@pytest.mark.parametrize("exists", [False, True], ids=["not signed yet", "signed"])
def test_sqlite_file_on_the_same_disk_is_recognised(
    sqlite_file: Path, settings: Settings, exists: bool
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = sqlite_file.with_name("new") / "folder" / "checkpoints.jsonl"
    sqlite_file.touch()
    if exists:
        settings.AUDIT_CHECKPOINT_FILE.parent.mkdir(parents=True)
        settings.AUDIT_CHECKPOINT_FILE.touch()
    assert is_disk_of_database()


@only_sqlite
def test_another_disk_and_a_missing_file_are_not_the_same(sqlite_file: Path, settings: Settings) -> None:
    assert not is_disk_of_database()
    sqlite_file.touch()
    assert is_disk_of_database()
    settings.AUDIT_CHECKPOINT_FILE = OTHER_DEVICE
    assert not is_disk_of_database()


@pytest.fixture
def data() -> Path:
    """The folder of the server's data."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        return Path(cursor.fetchone()[0])


@pytest.fixture
def by_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseDatabaseWrapper]:
    """A connection through the server's Unix socket, in the place of the one over TCP."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW unix_socket_directories")
        folder = cursor.fetchone()[0]
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    local = type(connections["default"])(
        {**connection.settings_dict, "HOST": folder, "OPTIONS": options}, "by_socket"
    )
    monkeypatch.setattr(checkpoint_disk, "connection", local)
    yield local
    local.close()


@only_postgresql
def test_server_of_this_machine_is_recognised_by_its_socket(
    by_socket: BaseDatabaseWrapper, data: Path, settings: Settings
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = data / "checkpoints.jsonl"
    assert is_disk_of_database()
    settings.AUDIT_CHECKPOINT_FILE = OTHER_DEVICE
    assert not is_disk_of_database()


@only_postgresql
def test_role_that_cannot_see_the_folder_says_nothing(
    by_socket: BaseDatabaseWrapper, data: Path, settings: Settings
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = data / "checkpoints.jsonl"
    assert is_disk_of_database()
    with by_socket.cursor() as cursor:
        cursor.execute("SET ROLE pg_signal_backend")  # has no right to read settings
        assert not is_disk_of_database()
        cursor.execute("RESET ROLE")


@only_postgresql
def test_server_that_is_reached_over_the_network_says_nothing(data: Path, settings: Settings) -> None:
    settings.AUDIT_CHECKPOINT_FILE = data / "checkpoints.jsonl"
    assert not is_disk_of_database()


@only_postgresql
def test_proxy_before_a_socket_is_not_this_machine(
    by_socket: BaseDatabaseWrapper, data: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = data / "checkpoints.jsonl"
    assert is_disk_of_database()
    seen_from_here = SimpleNamespace(
        vendor="postgresql",
        cursor=by_socket.cursor,
        connection=SimpleNamespace(info=SimpleNamespace(host="db.example.com")),
    )
    monkeypatch.setattr(checkpoint_disk, "connection", seen_from_here)
    assert not is_disk_of_database()
