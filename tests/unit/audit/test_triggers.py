"""The database itself refuses: each statement is plain SQL and bypasses all Python code."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from apps.accounts.audit_events import SESSION_SIGNED_IN
from apps.audit.chain import Row, row_hash
from apps.audit.events import Event
from apps.audit.macs import MAC_COLUMNS
from apps.audit.triggers import install_triggers, missing_triggers
from apps.core.actor import Actor
from tests.support.audit_logs import recorded
from tests.unit.audit.test_recording import stored_rows

pytestmark = pytest.mark.django_db

INSERT = "INSERT"


@pytest.fixture
def rows(anna: Actor) -> list[tuple[Row, str]]:
    for _ in range(3):
        recorded(Event(SESSION_SIGNED_IN, anna))
    return stored_rows()


@pytest.fixture
def only_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's own ways")


@pytest.fixture
def only_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's own ways")


def run(sql: str, parameters: Any = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def refused(sql: str, parameters: Any = ()) -> None:
    """Assert that a trigger of ours refuses the statement and the log is unchanged."""
    before = stored_rows()
    with pytest.raises(IntegrityError, match="audit log"), transaction.atomic():
        run(sql, parameters)
    assert stored_rows() == before


def insert(row: Row, own_hash: str, verb: str = INSERT, end: str = "") -> tuple[str, tuple[Any, ...]]:
    columns = (*Row._fields, "hash", *MAC_COLUMNS)
    values = (*row[:4], bool(row.failure), *row[5:], own_hash, "", "")
    sql = f"{verb} INTO audit_event ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) {end}"
    return sql, values


def successor(rows: list[tuple[Row, str]]) -> Row:
    last, own_hash = rows[-1]
    return last._replace(seq=last.seq + 1, previous_hash=own_hash)


def test_row_that_continues_the_chain_is_accepted(rows: list[tuple[Row, str]]) -> None:
    row = successor(rows)
    run(*insert(row, row_hash(row)))
    assert stored_rows() == [*rows, (row, row_hash(row))]


@pytest.mark.parametrize("column", [*Row._fields, "hash", *MAC_COLUMNS])
def test_no_column_can_be_updated(rows: list[tuple[Row, str]], column: str) -> None:
    refused(f"UPDATE audit_event SET {column} = {column} WHERE seq = 2")
    refused(f"UPDATE audit_event SET {column} = {column}")


def test_nothing_can_be_deleted(rows: list[tuple[Row, str]]) -> None:
    refused("DELETE FROM audit_event WHERE seq = 2")
    refused("DELETE FROM audit_event")


@pytest.mark.parametrize(
    "alter",
    [
        lambda row: row._replace(seq=row.seq + 1),  # a gap
        lambda row: row._replace(seq=row.seq - 1),  # a fork: the number is taken
        lambda row: row._replace(seq=0),
        lambda row: row._replace(seq=-1),
        lambda row: row._replace(previous_hash="f" * 64),  # linked to nothing
        lambda row: row._replace(time=row.time - 1),  # before its predecessor
    ],
)
def test_row_that_does_not_continue_the_chain_is_refused(
    rows: list[tuple[Row, str]], alter: Callable[[Row], Row]
) -> None:
    row = alter(successor(rows))
    refused(*insert(row, row_hash(row)))


def test_fork_from_an_older_row_is_refused(rows: list[tuple[Row, str]]) -> None:
    row = successor(rows)._replace(previous_hash=rows[0][1])
    refused(*insert(row, row_hash(row)))


def test_hash_of_another_row_cannot_be_reused(rows: list[tuple[Row, str]]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run(*insert(successor(rows), rows[0][1]))
    assert stored_rows() == rows


def test_upsert_changes_nothing(rows: list[tuple[Row, str]]) -> None:
    row, own_hash = rows[1]
    end = "ON CONFLICT (seq) DO UPDATE SET actor_name = 'Nobody'"
    refused(*insert(row, own_hash, end=end))
    sql, values = insert(
        successor(rows), rows[0][1], end="ON CONFLICT (hash) DO UPDATE SET actor_name = 'Nobody'"
    )
    refused(sql, values)


@pytest.mark.usefixtures("only_sqlite")
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize(
    "verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL", "INSERT OR ABORT"]
)
def test_conflict_clauses_of_sqlite_have_no_effect(
    rows: list[tuple[Row, str]], verb: str, recursive: str
) -> None:
    run(f"PRAGMA recursive_triggers = {recursive}")
    try:
        refused(*insert(rows[1][0]._replace(actor_name="Nobody"), rows[1][1], verb))  # the same number
        refused(*insert(successor(rows), rows[0][1], verb))  # the next number, an old row's hash
        refused(*insert(successor(rows)._replace(seq=9), rows[0][1], verb))
    finally:
        run("PRAGMA recursive_triggers = OFF")


@pytest.mark.usefixtures("only_sqlite")
@pytest.mark.parametrize("name", ["rowid", "_rowid_", "oid"])
def test_sqlite_has_no_second_row_id_for_replace(rows: list[tuple[Row, str]], name: str) -> None:
    row = successor(rows)
    sql, values = insert(row, row_hash(row), "INSERT OR REPLACE")
    before, after = sql.replace("(seq", f"({name}, seq"), sql.replace("mac)", f"mac, {name})")
    refused(before.replace("VALUES (", "VALUES (%s, "), (row.seq, 1, *values[1:]))
    refused(after.replace("%s)", "%s, %s)"), (*values, 1))
    sql, values = insert(row, row_hash(row))
    with_null = (None, *values[1:])
    run("SAVEPOINT numbered")
    with pytest.raises(IntegrityError, match="audit log"):
        run(sql, with_null)  # a number chosen by SQLite is not in sequence
    run("ROLLBACK TO numbered")
    assert stored_rows() == rows


@pytest.mark.usefixtures("only_sqlite")
def test_update_or_replace_of_sqlite_is_refused(rows: list[tuple[Row, str]]) -> None:
    refused("UPDATE OR REPLACE audit_event SET seq = 1 WHERE seq = 2")
    refused("UPDATE OR IGNORE audit_event SET actor_name = 'Nobody'")


@pytest.mark.postgresql
@pytest.mark.usefixtures("only_postgresql")
def test_truncate_is_refused(rows: list[tuple[Row, str]]) -> None:
    refused("TRUNCATE audit_event")
    refused("TRUNCATE audit_event, audit_head CASCADE")


@pytest.mark.postgresql
@pytest.mark.usefixtures("only_postgresql")
def test_replication_role_does_not_disable_the_triggers(rows: list[tuple[Row, str]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        if cursor.fetchone() != ("on",):
            pytest.skip("only a superuser can try")
        cursor.execute("SET LOCAL session_replication_role = replica")
    refused("DELETE FROM audit_event")
    refused("UPDATE audit_event SET actor_name = 'Nobody'")


@pytest.mark.postgresql
@pytest.mark.usefixtures("only_postgresql")
def test_temporary_table_of_the_same_name_does_not_deceive_the_triggers(
    rows: list[tuple[Row, str]],
) -> None:
    run("CREATE TEMPORARY TABLE audit_event (LIKE public.audit_event)")
    forged = successor(rows)._replace(seq=41)
    run(*insert(forged, row_hash(forged)))  # into a temporary table, which has no triggers
    row = successor([(forged, row_hash(forged))])
    sql, values = insert(row, row_hash(row))
    with pytest.raises(IntegrityError, match="audit log"), transaction.atomic():
        run(sql.replace("audit_event", "public.audit_event"), values)


@pytest.mark.postgresql
@pytest.mark.usefixtures("only_postgresql")
def test_copy_fires_the_triggers(rows: list[tuple[Row, str]]) -> None:
    with (
        pytest.raises(psycopg.Error, match="audit log"),
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy("COPY audit_event FROM STDIN") as copy,
    ):
        copy.write_row((*rows[1][0]._replace(seq=99), rows[1][1], "", ""))


# --- Presence of the triggers ---------------------------------------------------------------------


def names() -> set[str]:
    common = {"audit_event_no_update", "audit_event_no_delete", "audit_event_continue"}
    return common | ({"audit_event_no_truncate"} if connection.vendor == "postgresql" else set())


def drop(name: str) -> None:
    run(f"DROP TRIGGER {name}" if connection.vendor == "sqlite" else f"DROP TRIGGER {name} ON audit_event")


def test_every_trigger_exists_after_the_migrations() -> None:
    assert missing_triggers(connection) == []


def test_dropped_trigger_is_reported_and_restored_by_the_next_migrate() -> None:
    for name in names():
        drop(name)
    assert missing_triggers(connection) == sorted(names())
    call_command("migrate", "audit", verbosity=0)
    assert missing_triggers(connection) == []


def test_weakened_trigger_of_the_same_name_is_reported_and_restored() -> None:
    if connection.vendor == "sqlite":
        drop("audit_event_no_delete")
        run(
            "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event WHEN FALSE BEGIN SELECT 1; END"
        )
        weak = ["audit_event_no_delete"]
    else:
        run(
            "CREATE OR REPLACE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN OLD; END'"
        )
        weak = ["audit_event_no_delete", "audit_event_no_truncate", "audit_event_no_update"]
    assert missing_triggers(connection) == weak
    install_triggers(connection)
    assert missing_triggers(connection) == []


@pytest.mark.postgresql
@pytest.mark.usefixtures("only_postgresql")
def test_disabled_trigger_is_reported_and_restored() -> None:
    run("ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_update")
    assert missing_triggers(connection) == ["audit_event_no_update"]
    install_triggers(connection)
    assert missing_triggers(connection) == []


def test_installing_twice_changes_nothing(rows: list[tuple[Row, str]]) -> None:
    install_triggers(connection)
    assert missing_triggers(connection) == []
    refused("DELETE FROM audit_event")
