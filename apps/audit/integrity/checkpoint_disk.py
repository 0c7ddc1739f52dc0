"""Whether the file of checkpoints is on the disk of the database, so that both can be lost at once."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection


def is_disk_of_database() -> bool:
    """Whether this machine's file of checkpoints and the database are known to be in one file system.

    False does not mean that they are apart: a server of another machine, a folder that this process cannot
    see and another file system on the same disk are not recognised. Raises the database's errors.
    """
    folder = _database_path()
    try:
        return folder is not None and _device_of(settings.AUDIT_CHECKPOINT_FILE) == folder.stat().st_dev
    except OSError:
        return False


def _database_path() -> Path | None:
    """The SQLite file, or the folder of a PostgreSQL server on this machine; None if it is not known."""
    if connection.vendor == "sqlite":
        return Path(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        # Both ends must be Unix sockets: between them may be a proxy. Only some roles see the folder.
        cursor.execute(
            "SELECT setting FROM pg_settings WHERE name = 'data_directory' AND inet_server_addr() IS NULL"
        )
        found = cursor.fetchone()
        is_local = str(connection.connection.info.host).startswith("/")
    return Path(found[0]) if found and is_local else None


def _device_of(file: Path) -> int:
    """The device of the file, or of the folder in which it would be created."""
    return next(path for path in (file, *file.absolute().parents) if path.exists()).stat().st_dev
