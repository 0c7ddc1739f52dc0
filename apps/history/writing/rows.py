"""The rows of a selection, read by one statement: the database's snapshot of the time when it begins."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Expression, F

from apps.history.selection import Selection

CHUNK: Final = 1_000
"""Number of rows in memory at the same time."""

Row = tuple[Any, ...]
Rows = Sequence[Row]
Statement = tuple[str, Sequence[Any]]


def compiled(
    selection: Selection, cells: Sequence[Expression | F], connection: BaseDatabaseWrapper
) -> Statement | None:
    """The statement that reads these cells of the selection's rows in its order; None if there are none."""
    named = {f"cell_{number}": cell for number, cell in enumerate(cells)}
    query = selection.submissions().annotate(**named).values_list(*named).query
    try:
        sql, params = query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return None
    return sql, params


def chunks(statement: Statement, connection: BaseDatabaseWrapper) -> Generator[list[Row], None, None]:
    """The rows in lists of at most :data:`CHUNK`. Closing the generator stops the statement.

    Raises the database's errors.
    """
    sql, params = statement
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _stream_in_order(cursor)
            # Rows as the server sends them. A server-side cursor would need a transaction.
            stream = cursor.cursor.stream(sql, params, size=CHUNK)
            with connection.wrap_database_errors, closing(stream) as rows:
                while chunk := list(islice(rows, CHUNK)):
                    yield chunk
        else:
            cursor.execute(sql, params)
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk


def copied(
    statement: Statement, connection: BaseDatabaseWrapper, separator: str
) -> Generator[list[bytes], None, None]:
    """The rows as lines of a CSV file, in lists of at most :data:`CHUNK` lines. PostgreSQL only.

    Closing the generator stops the statement. Raises the database's errors.
    """
    sql, params = statement
    copy = f"COPY ({sql}) TO STDOUT (FORMAT csv, DELIMITER '{separator}', ENCODING 'UTF8')"
    with connection.cursor() as cursor, connection.wrap_database_errors:
        _stream_in_order(cursor)
        with cursor.cursor.copy(copy, params) as messages:
            # One message is one row (PostgreSQL manual, message formats, CopyData).
            while lines := [*map(bytes, islice(messages, CHUNK))]:
                yield lines


def with_personal(plain: Rows, personal: Rows) -> Rows:
    """The rows, each followed by its personal cells. ``personal`` is empty if the layout has none."""
    return [row + cells for row, cells in zip(plain, personal, strict=True)] if personal else plain


def _stream_in_order(cursor: CursorWrapper) -> None:
    """Have PostgreSQL return rows in index order as it reads them, instead of all of them after a sort.

    Just-in-time compilation of the many expressions takes longer than it saves. Both settings apply until the
    connection closes; neither changes the result of a statement.
    """
    cursor.execute("SET jit = off")
    cursor.execute("SET max_parallel_workers_per_gather = 0")
