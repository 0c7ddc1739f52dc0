"""Moving away a practice database that another version of the portal created."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from apps.core import clock

APP_PREFIX = "apps."


class DatabaseInUseError(Exception):
    """Another process has the database open, such as a portal that runs."""


def set_aside_if_outdated() -> Path | None:
    """Move an outdated SQLite database, with its checkpoints, into a new folder beside it. Return the folder.

    None if the database is new, is up to date or can be migrated. Raises ``OSError`` if a file cannot be
    moved, and :class:`DatabaseInUseError`; then nothing was moved.
    """
    if connection.vendor != "sqlite" or not _is_outdated():
        return None
    database = Path(connection.settings_dict["NAME"])
    connection.close()
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that one file contains everything
    if Path(f"{database}-wal").exists():  # the last connection that closes removes it
        raise DatabaseInUseError
    folder = database.with_name(f"{database.stem}-{clock.now():%Y%m%d-%H%M%S}")
    folder.mkdir()
    for path in (database, settings.AUDIT_CHECKPOINT_FILE):
        if path.exists():
            path.rename(folder / path.name)
    return folder


def _is_outdated() -> bool:
    """Whether migrating cannot bring this database up to date.

    It has migrations that this version does not have, or all of them and another schema: migrations were
    squashed to one per app before the first release, so the same name may stand for several.
    """
    recorded = MigrationRecorder(connection).applied_migrations()
    labels = {config.label for config in apps.get_app_configs() if config.name.startswith(APP_PREFIX)}
    applied = {key for key in recorded if key[0] in labels}
    known = {key for key in MigrationLoader(None).disk_migrations if key[0] in labels}
    if not applied <= known:
        return True
    complete = {label for label in labels if {key for key in known if key[0] == label} <= applied}
    return any(_has_another_schema(label) for label in complete)


def _has_another_schema(label: str) -> bool:
    """Whether a table of the app is missing, or has other columns or lacks an index of its model."""
    with connection.cursor() as cursor:
        tables = {*connection.introspection.table_names(cursor)}
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            table = model._meta.db_table
            columns = {field.column for field in model._meta.local_concrete_fields}
            if table not in tables:
                return True
            found = connection.introspection.get_table_description(cursor, table)
            indexes = {index.name for index in model._meta.indexes}
            if {column.name for column in found} != columns or not indexes <= _indexes(table):
                return True
    return False


def _indexes(table: str) -> set[str]:
    """The names of the table's indexes in SQLite."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = %s", [table])
        return {name for (name,) in cursor.fetchall()}
