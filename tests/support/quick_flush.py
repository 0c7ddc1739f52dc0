"""A flush after each transactional test with the same result in a hundredth of the time.

pytest-django ends such a test with Django's ``flush``. That empties every table and then sends
``post_migrate`` once for each app, which recreates content types, permissions and groups: hundreds of
queries. On PostgreSQL it empties with TRUNCATE, which creates new files for every table and index.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from django.apps import apps
from django.core.management.color import Style, no_style
from django.core.management.commands import flush
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.operations import DatabaseOperations as PostgreSQL

from apps.history.models import ChangedMoment


@contextmanager
def flushes_are_quick() -> Iterator[None]:
    """The first flush inside the block runs ``post_migrate``; later ones restore its rows."""
    saved: dict[str, list[_Rows]] = {}

    def put_back(verbosity: int, interactive: bool, database: str) -> None:
        # Triggers note each deleted submission, perhaps after the table of the notes was emptied.
        ChangedMoment.objects.using(database).all().delete()
        if database in saved:
            _insert(connections[database], saved[database])
        else:
            emit_post_migrate_signal(verbosity, interactive, database)
            saved[database] = _rows_of(connections[database])

    with ExitStack() as patches:
        patches.enter_context(mock.patch.object(flush, "emit_post_migrate_signal", put_back))
        patches.enter_context(mock.patch.object(PostgreSQL, "sql_flush", _deletes(PostgreSQL.sql_flush)))
        yield


@dataclass(frozen=True)
class _Rows:
    """All rows of one table, and the statement that inserts one."""

    insert: str
    rows: list[tuple[Any, ...]]


def _rows_of(connection: BaseDatabaseWrapper) -> list[_Rows]:
    quote = connection.ops.quote_name
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f"SELECT * FROM {quote(table)}")
            columns = [quote(column[0]) for column in cursor.description]
            if rows := cursor.fetchall():
                places = ", ".join(["%s"] * len(columns))
                insert = f"INSERT INTO {quote(table)} ({', '.join(columns)}) VALUES ({places})"
                found.append(_Rows(insert, rows))
    return found


def _insert(connection: BaseDatabaseWrapper, saved: list[_Rows]) -> None:
    # Foreign keys are checked when the transaction ends: the order of the tables does not matter.
    models = apps.get_models(include_auto_created=True)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for table in saved:
            cursor.executemany(table.insert, table.rows)
        # A flush may have reset the sequences to values below the restored keys.
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _deletes(truncates: Any) -> Any:
    """DELETE statements, unless sequences have to be reset or unnamed tables have to follow.

    Foreign keys are not checked, because every table is emptied: with statistics of a small table, the server
    reads the whole referencing table for each of ten thousand rows.
    """

    def sql_flush(
        operations: PostgreSQL,
        style: Style,
        tables: list[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        if reset_sequences or allow_cascade:
            statements: list[str] = truncates(
                operations, style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade
            )
            return statements
        deletes = [f"DELETE FROM {operations.quote_name(table)}" for table in tables]
        return ["SET LOCAL session_replication_role = replica", *deletes]

    return sql_flush
