"""If a row was altered outside the portal, every page still answers and shows the alteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.integrity import past_verifications
from apps.audit.integrity.bulk_hashing import COLUMNS
from apps.audit.recording import record
from apps.consumers.audit_events import CONSUMER_RESOLVED
from apps.consumers.models import Outcome
from apps.core.actor import Actor, Origin
from apps.history.models import State
from tests.support.audit_flush import lift_triggers
from tests.support.entries import store
from tests.support.export_rows import prepared
from tests.support.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)

TELLER: Final = Actor("901", "Anna Keller", ("staff",), Origin("req-1", "10.0.0.1", "192.0.2.17"))
ALONE: Final = ("seq", "time", "action", "submission", "data", "failure", "format", "hash", "previous_hash")
"""Columns that are changed one by one; a page shows all others unchanged, whatever they contain."""
DATA: Final = (
    "",
    "x",
    "[]",
    '"a"',
    "null",
    "{}",
    '{"outcome":["a"],"scope":["whole"],"verdict":["unchanged"]}',
    '{"outcome":{"a":1},"scope":{"a":1},"verdict":{"a":1}}',
    '{"outcome":null,"scope":"whole","verdict":"unchanged"}',
    '{"outcome":"strange","scope":"whole","verdict":"strange","about":1,"first":1,"last":2,"checkpoint":1}',
    '{"outcome":1,"scope":"whole","verdict":"changed","about":"x","first":"x","last":[],"checkpoint":{}}',
    '{"outcome":NaN,"about":1e999}',
    '{"outcome":' + "1" * 5_000 + "}",
    r'{"outcome":"\ud800"}',
    r'{"\ud800":"created"}',
    '{"outcome":' + "[" * 300 + "]" * 300 + "}",
    "[" * 100_000,
)
LISTS: Final = ("/audit/", "/audit/integrity/", "/status/", "/")
"""The pages that show several rows, the latest verification or both."""
TEXTS: Final = ("", "%(actor)s%", "a/b?c=<b>&d", "system:\u202e")


def values_for(column: str) -> list[tuple[str, Any]]:
    """The values that a database administrator can write into the column, as SQL with its value."""
    plain: tuple[Any, ...] = {
        "seq": (-1, -(2**63)),
        "format": (0, -1, 2**15 - 1),
        "time": (0, -1, 9 * 10**18, -9 * 10**18, 2**63 - 1, -62_135_596_800_000_000, 253_402_300_799_999_999),
        "failure": (True, False),
        "data": DATA,
        "hash": TEXTS[1:],
    }.get(column, TEXTS)
    values = [("%s", value) for value in plain]
    if connection.vendor == "sqlite" and column != "seq":  # the row id, an integer there, too
        values += [("%s", 1.5), ("%s", 9e999), ("%s", b"\xff\x00x"), ("%s", b'{"a":1}')]
        values += [("CAST(%s AS TEXT)", b"\xff\xfe"), ("CAST(%s AS TEXT)", b"a\x00b")]
    return values


@dataclass(frozen=True)
class Change:
    """A value of columns of a row, as SQL with its value."""

    seq: int
    columns: Sequence[str]
    sql: str
    value: Any

    @property
    def seen_at(self) -> int:
        """The sequence number under which the row is found after the change."""
        return int(self.value) if self.columns == ["seq"] else self.seq


@contextmanager
def changed(changes: Sequence[Change]) -> Iterator[None]:
    """The rows with those values inside the block, written directly."""
    before = []
    with lift_triggers(connection), transaction.atomic(), connection.cursor() as cursor:
        for one in changes:
            cursor.execute(f"SELECT {', '.join(one.columns)} FROM audit_event WHERE seq = %s", [one.seq])
            before.append(cursor.fetchone())
        for one in changes:
            _write(cursor, one.columns, one.seq, one.sql, [one.value] * len(one.columns))
    try:
        yield
    finally:
        with lift_triggers(connection), transaction.atomic(), connection.cursor() as cursor:
            for one, values in zip(changes, before, strict=True):
                _write(cursor, one.columns, one.seen_at, "%s", values)


def _write(cursor: Any, columns: Sequence[str], seq: int, sql: str, values: Sequence[Any]) -> None:
    changes = ", ".join(f"{column} = {sql}" for column in columns)
    cursor.execute(f"UPDATE audit_event SET {changes} WHERE seq = %s", [*values, seq])


@pytest.fixture
def reader(administrator: User) -> Client:
    """A person who may open every page."""
    client = Client(raise_request_exception=False)
    client.force_login(make_person("both", "administrator", "supervisor"))
    return client


@pytest.fixture
def submission(staff: User) -> str:
    return str(store(staff, Outcome.CREATED).public_id)


def read(response: HttpResponseBase) -> int:
    """The status of an answer that was read completely."""
    if response.streaming:
        b"".join(response.streaming_content)  # type: ignore[attr-defined]  # what streaming says
        response.close()
    return response.status_code


def failing(reader: Client, addresses: Sequence[str]) -> list[tuple[str, int]]:
    """The pages at these addresses that do not answer, with their status."""
    statuses = {address: read(reader.get(address)) for address in addresses}
    return [(address, status) for address, status in statuses.items() if status != 200]


def verify(reader: Client) -> int:
    """The status of the answer to Verify now."""
    return read(reader.post("/audit/integrity/verify/"))


@pytest.mark.parametrize("columns", [[c] for c in ALONE] + [[c for c in COLUMNS if c not in ALONE]], ids=str)
def test_no_value_of_a_row_breaks_a_page(columns: list[str], reader: Client, submission: str) -> None:
    """Lists and exports are read once with all values in the log; a row's pages and verification for each.

    A verification ends at the first altered row, so each value has to be the only one.
    """
    facts: dict[str, Any] = {"submission": submission, "order_ref": "ord-1", "person": "901"}
    values, changes = values_for(columns[0]), []
    with transaction.atomic():
        for number, (sql, value) in enumerate(values):
            # Of requests of their own: a row's page lists the other rows of its request.
            actor = replace(TELLER, origin=replace(TELLER.origin, request_id=f"req-{number}"))
            event = Event(CONSUMER_RESOLVED, actor, data={"outcome": "created"}, **facts)
            changes.append(Change(record(event), columns, sql, value))
            record(event)  # the next row, which shows whether the one before it was altered
    with changed(changes):
        assert failing(reader, [*LISTS, f"/submissions/{submission}/"]) == []
        for form in ("jsonl", "csv"):
            assert read(reader.post("/audit/export/", {"format": form})) == 200, form
        for one in changes:
            rows = [f"/audit/{seq}/" for seq in (one.seen_at, one.seq + 1) if seq > 0]
            assert failing(reader, rows) == [], repr(one.value)[:99]
    for one in changes:
        with changed([one]):
            assert verify(reader) == 200, repr(one.value)[:99]


@pytest.mark.parametrize("number", [2**53, 2**63 - 1])
def test_row_with_a_number_beyond_the_log_breaks_no_page(
    number: int, reader: Client, submission: str
) -> None:
    """The trigger that refuses it, and then every next event, is missing."""
    with transaction.atomic():
        seq = record(Event(CONSUMER_RESOLVED, TELLER, submission=submission, data={"outcome": "created"}))
        record(Event(CONSUMER_RESOLVED, TELLER, submission=submission, data={"outcome": "created"}))
    with changed([Change(seq, ["seq"], "%s", number)]), lift_triggers(connection):
        pages = [*LISTS, f"/submissions/{submission}/", f"/audit/{number}/", f"/audit/{seq + 1}/"]
        assert failing(reader, pages) == []
        for form in ("jsonl", "csv"):
            assert read(reader.post("/audit/export/", {"format": form})) == 200, form
        export = prepared(User.objects.get(username="both"))
        assert read(reader.post(f"/submissions/exports/{export.public_id}/file/")) == 200
        export.refresh_from_db()
        assert export.state == State.FINISHED


@pytest.mark.parametrize("number", [-1, -(2**63)])
def test_finding_that_was_moved_before_the_log_breaks_no_page(
    number: int, reader: Client, submission: str
) -> None:
    with changed([Change(1, ["actor_name"], "%s", "Bob")]), pytest.raises(SystemExit):
        call_command("audit_verify")
    found = past_verifications.standing_problem()
    assert found is not None
    with transaction.atomic():
        record(Event(CONSUMER_RESOLVED, TELLER, submission=submission, data={"outcome": "created"}))
    with changed([Change(found.seq, ["seq"], "%s", number)]):
        assert failing(reader, LISTS) == []
        assert "The audit log was found altered" in reader.get("/audit/").content.decode()


@pytest.mark.parametrize("column", ["data", "time", "action"])
def test_no_value_of_a_verification_breaks_a_page(column: str, reader: Client) -> None:
    """Only the latest verification is shown, so each value is read alone.

    Exports write its row as any other: the test above covers them.
    """
    call_command("audit_checkpoint")
    call_command("audit_verify")
    row = past_verifications.latest_verification()
    assert row is not None
    read(reader.get("/audit/"))
    for sql, value in values_for(column):
        with changed([Change(row.seq, [column], sql, value)]):
            shown = failing(reader, [*LISTS, f"/audit/{row.seq}/", f"/audit/{row.seq + 1}/"])
            assert shown == [], repr(value)[:99]
            assert verify(reader) == 200, repr(value)[:99]
