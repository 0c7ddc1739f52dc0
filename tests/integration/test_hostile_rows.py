"""A row that was changed past the portal: every page still answers, so that the alteration can be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.events import Event
from apps.audit.integrity import past_verifications
from apps.audit.integrity.bulk_hashing import COLUMNS
from apps.audit.recording import record
from apps.consumers.audit_events import CONSUMER_RESOLVED
from apps.consumers.models import Outcome
from apps.core.actor import Actor, Origin
from tests.support.audit_flush import lift_triggers
from tests.support.entries import store
from tests.support.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)

TELLER: Final = Actor("901", "Anna Keller", ("staff",), Origin("req-1", "10.0.0.1", "192.0.2.17"))
ALONE: Final = ("seq", "time", "action", "submission", "data", "failure", "format", "hash", "previous_hash")
"""Columns that are changed each for itself; of the others a page shows all at once, whatever is in them."""
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
TEXTS: Final = ("", "%(actor)s%", "a/b?c=<b>&d", "system:\u202e")


def values_for(column: str) -> list[tuple[str, Any]]:
    """What somebody with every right in the database can write there, as SQL with its value."""
    plain: tuple[Any, ...] = {
        "seq": (-1, -(2**63)),
        "format": (0, -1, 2**15 - 1),
        "time": (0, -1, 9 * 10**18, -9 * 10**18, 2**63 - 1, -62_135_596_800_000_000, 253_402_300_799_999_999),
        "failure": (True, False),
        "data": DATA,
        "hash": TEXTS[1:],
    }.get(column, TEXTS)
    values = [("%s", value) for value in plain]
    if connection.vendor == "sqlite" and column != "seq":  # the row id, a whole number there, too
        values += [("%s", 1.5), ("%s", 9e999), ("%s", b"\xff\x00x"), ("%s", b'{"a":1}')]
        values += [("CAST(%s AS TEXT)", b"\xff\xfe"), ("CAST(%s AS TEXT)", b"a\x00b")]
    return values


@contextmanager
def changed(columns: Sequence[str], seq: int, sql: str, value: Any) -> Iterator[None]:
    """The row with that value, inside the block, written as a thief would."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM audit_event WHERE seq = %s", [seq])
        before = cursor.fetchone()
    _write(columns, seq, sql, [value] * len(columns))
    try:
        yield
    finally:
        _write(columns, value if columns == ["seq"] else seq, "%s", before)


def _write(columns: Sequence[str], seq: int, sql: str, values: Sequence[Any]) -> None:
    changes = ", ".join(f"{column} = {sql}" for column in columns)
    with lift_triggers(connection), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {changes} WHERE seq = %s", [*values, seq])


@pytest.fixture
def reader(administrator: User) -> Client:
    """Somebody who may open every page."""
    client = Client(raise_request_exception=False)
    client.force_login(make_person("both", "administrator", "supervisor"))
    return client


@pytest.fixture
def submission(staff: User) -> str:
    return str(store(staff, Outcome.CREATED).public_id)


def read(response: HttpResponseBase) -> int:
    """The status of an answer, once all of it has come."""
    if response.streaming:
        b"".join(response.streaming_content)  # type: ignore[attr-defined]  # what streaming says
        response.close()
    return response.status_code


def pages(reader: Client, submission: str, seqs: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Every page that shows the rows, with its status."""
    addresses = ["/audit/", "/audit/integrity/", "/status/", "/"]
    addresses += [f"/audit/{seq}/" for seq in seqs if seq > 0]
    addresses += [f"/submissions/{submission}/"]
    for address in addresses:
        yield address, read(reader.get(address))
    yield "Verify now", read(reader.post("/audit/integrity/verify/"))
    for form in ("jsonl", "csv"):
        yield form, read(reader.post("/audit/export/", {"format": form}))


@pytest.fixture(autouse=True)
def _no_limit_of_exports(settings: Settings) -> None:
    """One reader opens every page and export of each altered row."""
    settings.EXPORTS_PER_HOUR = 100_000


def broken(reader: Client, submission: str, row: int, columns: Sequence[str]) -> list[tuple[str, str, int]]:
    """The pages that do not answer, by what stands in these columns of the row."""
    found = []
    for sql, value in values_for(columns[0]):
        with changed(columns, row, sql, value):
            seen = value if columns == ["seq"] else row
            for page, status in pages(reader, submission, (seen, row + 1)):
                if status != 200:
                    found.append((repr(value)[:99], page, status))
    return found


@pytest.mark.parametrize("columns", [[c] for c in ALONE] + [[c for c in COLUMNS if c not in ALONE]], ids=str)
def test_no_value_of_a_row_takes_a_page_away(columns: list[str], reader: Client, submission: str) -> None:
    with transaction.atomic():
        facts: dict[str, Any] = {"submission": submission, "order_ref": "ord-1", "person": "901"}
        row = record(Event(CONSUMER_RESOLVED, TELLER, data={"outcome": "created"}, **facts))
        record(Event(CONSUMER_RESOLVED, TELLER, data={"outcome": "created"}, **facts))
    assert broken(reader, submission, row, columns) == []


@pytest.mark.parametrize("column", ["data", "time", "action"])
def test_no_value_of_a_verification_takes_a_page_away(column: str, reader: Client, submission: str) -> None:
    call_command("audit_checkpoint")
    call_command("audit_verify")
    row = past_verifications.latest_verification()
    assert row is not None
    read(reader.get("/audit/"))
    assert broken(reader, submission, row.seq, [column]) == []
