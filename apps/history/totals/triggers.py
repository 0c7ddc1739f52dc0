"""Triggers that note each change of a submission that could change a total.

A total is used only while no change is noted in its period. The note is written by the transaction of the
change, so a reader who sees the change also sees the note. The triggers fire for every writer: services,
bulk statements, and a person with a database shell. A TRUNCATE of PostgreSQL, which has no rows to note,
deletes the totals.
"""

from __future__ import annotations

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.triggers import missing_on_sqlite, quoted_schema, statements_on_sqlite
from apps.history.models import PeriodTotals

TABLE = "consumers_submission"
_NOTE = "INSERT INTO {schema}history_changedmoment (submitted_at)"
_COUNTED = ("submitted_at", "actor_id", "outcome", "error_code", "duration_ms")

_SQLITE = {
    "submission_totals_insert": f"""
CREATE TRIGGER submission_totals_insert AFTER INSERT ON {TABLE}
BEGIN {_NOTE.format(schema="")} VALUES (NEW.submitted_at); END""",  # noqa: S608  # names only
    "submission_totals_delete": f"""
CREATE TRIGGER submission_totals_delete AFTER DELETE ON {TABLE}
BEGIN {_NOTE.format(schema="")} VALUES (OLD.submitted_at); END""",
    "submission_totals_update": f"""
CREATE TRIGGER submission_totals_update AFTER UPDATE OF {", ".join(_COUNTED)} ON {TABLE}
WHEN {" OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _COUNTED)}
BEGIN {_NOTE.format(schema="")} SELECT OLD.submitted_at UNION SELECT NEW.submitted_at; END""",
}
_FUNCTION = f"""
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM {{schema}}history_periodtotals;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        {_NOTE} VALUES (OLD.submitted_at);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.submitted_at IS DISTINCT FROM OLD.submitted_at) THEN
        {_NOTE} VALUES (NEW.submitted_at);
    END IF;
    RETURN NULL;
END
"""  # noqa: S608  # names only
_POSTGRESQL = {
    "submission_totals_insert": ("AFTER INSERT", ""),
    "submission_totals_delete": ("AFTER DELETE", ""),
    "submission_totals_truncate": ("AFTER TRUNCATE", ""),
    "submission_totals_update": (
        "AFTER UPDATE",
        " WHEN ({})".format(" OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _COUNTED)),
    ),
}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the missing triggers, and delete the totals, which may have missed a change without them.

    Does nothing if a table does not exist (yet).
    """
    tables = connection.introspection.table_names()
    if TABLE not in tables or PeriodTotals._meta.db_table not in tables:
        return
    missing = missing_triggers(connection)
    if not missing:
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in _statements(connection, missing):
            cursor.execute(statement)
        PeriodTotals.objects.using(connection.alias).all().delete()


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are absent, disabled or different from this version, sorted."""
    if connection.vendor == "sqlite":
        return missing_on_sqlite(connection, TABLE, _SQLITE)
    schema = quoted_schema(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = to_regclass(%s) AND t.tgenabled IN ('O', 'A') AND p.prosrc = %s
               AND obj_description(t.oid, 'pg_trigger') = %s
            """,
            [f"{schema}.{TABLE}", _FUNCTION.format(schema=f"{schema}."), _version()],
        )
        standing = {name for (name,) in cursor.fetchall()}
        return sorted(_POSTGRESQL.keys() - standing)


def _statements(connection: BaseDatabaseWrapper, names: list[str]) -> list[str]:
    if connection.vendor == "sqlite":
        return statements_on_sqlite(_SQLITE, names)
    schema = quoted_schema(connection)
    function = f"{schema}.submission_totals_note"
    statements = [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $note${_FUNCTION.format(schema=f'{schema}.')}$note$"
    ]
    for name in names:
        event, when = _POSTGRESQL[name]
        each = "STATEMENT" if event == "AFTER TRUNCATE" else "ROW"
        statements += [
            f"CREATE OR REPLACE TRIGGER {name} {event} ON {schema}.{TABLE} FOR EACH {each}{when}"
            f" EXECUTE FUNCTION {function}()",
            f"COMMENT ON TRIGGER {name} ON {schema}.{TABLE} IS '{_version()}'",
        ]
    return statements


def _version() -> str:
    """The columns that the triggers compare. PostgreSQL shows a condition in other words than was given."""
    return " ".join(_COUNTED)
