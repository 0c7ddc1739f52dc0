"""Triggers for SQLite and PostgreSQL that protect the audit log against changes.

They reject UPDATE, DELETE and (PostgreSQL) TRUNCATE, and accept only a row that continues the chain: the next
sequence number, the last row's hash as previous hash, and a time not before the last row's. This also
prevents ``INSERT OR REPLACE``, which deletes without a delete trigger: an accepted row cannot collide in
either of the two unique columns.

There is no setting to disable them. The status page reports :func:`missing_triggers`.
"""

from __future__ import annotations

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.core.triggers import missing_on_sqlite, quoted_schema, statements_on_sqlite

TABLE = "audit_event"

_SQLITE = {
    "audit_event_no_update": """
        CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
        BEGIN SELECT RAISE(ABORT, 'audit log: rows are never changed'); END""",
    "audit_event_no_delete": """
        CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
        BEGIN SELECT RAISE(ABORT, 'audit log: rows are never deleted'); END""",
    "audit_event_continue": """
        CREATE TRIGGER audit_event_continue BEFORE INSERT ON audit_event
        WHEN NEW.seq IS NOT coalesce((SELECT max(seq) FROM audit_event), 0) + 1
          OR NEW.previous_hash IS NOT coalesce(
               (SELECT hash FROM audit_event ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
          OR coalesce(NEW.time < (SELECT time FROM audit_event ORDER BY seq DESC LIMIT 1), FALSE)
          OR EXISTS (SELECT 1 FROM audit_event WHERE hash = NEW.hash)
        BEGIN SELECT RAISE(ABORT, 'audit log: the row does not continue the chain'); END""",
}

# With the schema: a bare name would resolve to a temporary table of the same name.
_POSTGRESQL_FUNCTIONS = {
    "audit_event_refuse": """
BEGIN
    RAISE EXCEPTION 'audit log: % is refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
""",
    "audit_event_continue": """
DECLARE
    last {schema}.audit_event%ROWTYPE;
BEGIN
    SELECT * INTO last FROM {schema}.audit_event ORDER BY seq DESC LIMIT 1;
    IF NEW.seq IS DISTINCT FROM coalesce(last.seq, 0) + 1
       OR NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, repeat('0', 64))
       OR coalesce(NEW.time < last.time, FALSE)
    THEN
        RAISE EXCEPTION 'audit log: the row does not continue the chain'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
""",
}
# Trigger name: event, level, function.
_POSTGRESQL_TRIGGERS = {
    "audit_event_no_update": ("BEFORE UPDATE", "ROW", "audit_event_refuse"),
    "audit_event_no_delete": ("BEFORE DELETE", "ROW", "audit_event_refuse"),
    "audit_event_no_truncate": ("BEFORE TRUNCATE", "STATEMENT", "audit_event_refuse"),
    "audit_event_continue": ("BEFORE INSERT", "ROW", "audit_event_continue"),
}


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the missing triggers. Does nothing if the table does not exist (yet)."""
    if TABLE not in connection.introspection.table_names():
        return
    missing = missing_triggers(connection)
    if not missing:
        return
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in _statements(connection, missing):
            cursor.execute(statement)


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of the triggers that are absent, disabled or different from this version, sorted."""
    if connection.vendor == "sqlite":
        return missing_on_sqlite(connection, TABLE, _SQLITE)
    schema = quoted_schema(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.tgname, pg_get_triggerdef(t.oid), p.prosrc
              FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE t.tgrelid = to_regclass(%s) AND t.tgenabled = 'A'
            """,
            [f"{schema}.{TABLE}"],
        )
        # PostgreSQL includes the schema only if it is not in the search path.
        standing = {
            name: (definition.replace(f"{schema}.", ""), source)
            for name, definition, source in cursor.fetchall()
        }
    return sorted(
        name
        for name, (event, each, function) in _POSTGRESQL_TRIGGERS.items()
        if standing.get(name)
        != (
            f"CREATE TRIGGER {name} {event} ON {TABLE} FOR EACH {each} EXECUTE FUNCTION {function}()",
            _POSTGRESQL_FUNCTIONS[function].format(schema=schema),
        )
    )


def _statements(connection: BaseDatabaseWrapper, names: list[str]) -> list[str]:
    if connection.vendor == "sqlite":
        return statements_on_sqlite(_SQLITE, names)
    schema = quoted_schema(connection)
    statements = [
        f"CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $audit${source.format(schema=schema)}$audit$"
        for name, source in _POSTGRESQL_FUNCTIONS.items()
    ]
    for name in names:
        event, each, function = _POSTGRESQL_TRIGGERS[name]
        statements += [
            f"CREATE OR REPLACE TRIGGER {name} {event} ON {schema}.{TABLE} FOR EACH {each}"
            f" EXECUTE FUNCTION {schema}.{function}()",
            # ALWAYS: also fires with session_replication_role = replica.
            f"ALTER TABLE {schema}.{TABLE} ENABLE ALWAYS TRIGGER {name}",
        ]
    return statements
