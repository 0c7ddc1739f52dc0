"""What the modules that install triggers share. A trigger is known by its name and its statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.backends.base.base import BaseDatabaseWrapper


def missing_on_sqlite(connection: BaseDatabaseWrapper, table: str, triggers: Mapping[str, str]) -> list[str]:
    """Names of the triggers that are absent from the table or different, sorted.

    ``triggers``: the statement of each, by its name.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
        )
        found = dict(cursor.fetchall())
    return sorted(name for name, sql in triggers.items() if found.get(name) != sql.strip())


def statements_on_sqlite(triggers: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """The statements that create the triggers with these names, or replace them."""
    return [
        statement
        for name in names
        for statement in (f"DROP TRIGGER IF EXISTS {name}", triggers[name].strip())
    ]


def quoted_schema(connection: BaseDatabaseWrapper) -> str:
    """The schema of the portal's tables on PostgreSQL, quoted if necessary."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        return str(cursor.fetchone()[0])
