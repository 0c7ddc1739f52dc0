"""Many rows in one statement, for work on whole tables, and one row where the time matters.

The ORM takes several times as long.

Names of tables and columns are those of models; values are parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection, models


class Replaced(NamedTuple):
    """The values of a row's columns before and after. Those before are as read: on SQLite, of any type."""

    pk: int
    before: tuple[Any, ...]
    after: tuple[bytes, ...]


def replace_values(model: type[models.Model], names: Sequence[str], rows: Sequence[Replaced]) -> bool:
    """Store new values of these columns. Returns whether all rows had the values from before.

    The ORM's ``bulk_update`` compares no values, and takes several times as long.
    """
    columns = [_column(model, name) for name in names]
    table, key = connection.ops.quote_name(model._meta.db_table), _column(model, "pk")
    if not rows:
        return True
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            given: list[list[Any]] = [[row.pk for row in rows]]
            given += [[row.after[at] for row in rows] for at in range(len(columns))]
            given += [[row.before[at] for row in rows] for at in range(len(columns))]
            new, old = ([f"{word}_{at}" for at in range(len(columns))] for word in ("new", "old"))
            arrays = _arrays(model, ["pk", *names, *names])
            cursor.execute(
                f"UPDATE {table} AS stored SET "  # noqa: S608  # names only
                + ", ".join(f"{column} = given.{one}" for column, one in zip(columns, new, strict=True))
                + f" FROM unnest({arrays}) AS given (pk, {', '.join([*new, *old])})"
                + f" WHERE stored.{key} = given.pk"
                + "".join(
                    f" AND stored.{column} = given.{one}" for column, one in zip(columns, old, strict=True)
                ),
                given,
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET {', '.join(f'{column} = %s' for column in columns)} WHERE {key} = %s"  # noqa: S608  # names of the model
                + "".join(f" AND {column} = %s" for column in columns),
                [(*row.after, row.pk, *row.before) for row in rows],
            )
        return bool(cursor.rowcount == len(rows))


def update_rows(
    model: type[models.Model], names: Sequence[str], rows: Sequence[tuple[int, tuple[Any, ...]]]
) -> None:
    """Store the values of these columns in the rows with these primary keys. No JSON columns."""
    if not rows:
        return
    fields = [_field(model, name) for name in names]
    columns = [_column(model, name) for name in names]
    table, key = connection.ops.quote_name(model._meta.db_table), _column(model, "pk")
    given = [
        (pk, *(_prepared(field, value) for field, value in zip(fields, values, strict=True)))
        for pk, values in rows
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            new = [f"new_{at}" for at in range(len(names))]
            cursor.execute(
                f"UPDATE {table} AS stored SET "  # noqa: S608  # names only
                + ", ".join(f"{column} = given.{one}" for column, one in zip(columns, new, strict=True))
                + f" FROM unnest({_arrays(model, ['pk', *names])}) AS given (pk, {', '.join(new)})"
                + f" WHERE stored.{key} = given.pk",
                [list(values) for values in zip(*given, strict=True)],
            )
        else:
            cursor.executemany(
                f"UPDATE {table} SET {', '.join(f'{column} = %s' for column in columns)} WHERE {key} = %s",  # noqa: S608  # likewise
                [(*values, pk) for pk, *values in given],
            )


def update_row(
    row: models.Model, values: Mapping[str, Any], *, if_column: str, is_in: Collection[str]
) -> bool:
    """Store these values if the text in the row's ``if_column`` is one of ``is_in``; return whether it was.

    For statements of every create: the ORM makes their SQL each time. The object ``row`` stays unchanged.
    """
    model = type(row)
    table, key = connection.ops.quote_name(model._meta.db_table), _column(model, "pk")
    new = ", ".join(f"{_column(model, one)} = %s" for one in values)
    given = [_prepared(_field(model, one), value) for one, value in values.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {new} WHERE {key} = %s"  # noqa: S608  # names of the model
            f" AND {_column(model, if_column)} IN ({', '.join(['%s'] * len(is_in))})",
            [*given, row.pk, *is_in],
        )
        return bool(cursor.rowcount)


def _prepared(field: Any, value: Any) -> Any:
    """The value as the database takes it: SQLite has no type for a UUID."""
    return value if isinstance(value, bytes) else field.get_db_prep_value(value, connection)


def insert_rows(model: type[models.Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with these columns, in half the time of ``bulk_create``."""
    if not rows:
        return
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(_column(model, name) for name in names)
    insert = f"INSERT INTO {table} ({columns})"  # names only
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            given = [list(values) for values in zip(*rows, strict=True)]
            cursor.execute(f"{insert} SELECT * FROM unnest({_arrays(model, names)})", given)  # noqa: S608  # likewise
        else:
            cursor.executemany(f"{insert} VALUES ({', '.join(['%s'] * len(names))})", rows)


def _column(model: type[models.Model], name: str) -> str:
    return connection.ops.quote_name(_field(model, name).column)


def _arrays(model: type[models.Model], names: Sequence[str]) -> str:
    """Placeholders of arrays of PostgreSQL with the types of these columns."""
    return ", ".join(f"%s::{_element_type(_field(model, name))}[]" for name in names)


def _element_type(field: Any) -> str:
    # Of the primary key, the type of a column that refers to it: its own would be that of a sequence.
    found = str(field.rel_db_type(connection) if field.primary_key else field.db_type(connection))
    # A cast to varchar(n) cuts longer text off. Without it the column refuses the text, as with the ORM.
    return "text" if found.startswith("varchar") else found


def _field(model: type[models.Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)
