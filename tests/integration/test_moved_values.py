"""An encrypted value that was moved in the database is shown as such, and never as another person's."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.cdp.consumers import OrderConsumer
from apps.consumers import altered_values
from apps.consumers.models import Outcome, PastResolution, ResolutionReason, Submission
from apps.consumers.reconciliation.resolution import resolve
from apps.core.export.formats import Format
from consumerportal import status
from tests.support.entries import REF, clean, store, text
from tests.support.export_files import layout, written
from tests.support.keys import new_encryption_key
from tests.support.people import acting, events

MOVED = "This value does not belong to this submission: the database was changed outside the portal."
FOUND = "submission.value_does_not_belong"
KEY_MISSING = "their encryption key is missing"
MINE = clean(first_name="Ida", last_name="Quixwold")
THEIRS = clean(first_name="Zephyrine", last_name="Hollybrook")


def _receipt(client: Client, submission: Submission) -> str:
    return text(client.get(f"/submissions/{submission.public_id}/"))


def _overwrite(submission: Submission, **columns: object) -> None:
    assert Submission.objects.filter(pk=submission.pk).update(**columns) == 1


def test_consumer_of_another_submission_is_not_shown(
    as_staff: Client, staff: User, caplog: pytest.LogCaptureFixture
) -> None:
    mine, theirs = store(staff, Outcome.REJECTED, MINE), store(staff, Outcome.CREATED, THEIRS)
    _overwrite(mine, encrypted_consumer=theirs.encrypted_consumer)
    page = _receipt(as_staff, mine)
    assert "Hollybrook" not in page
    assert MOVED in page
    assert KEY_MISSING not in page
    assert "Correct and send again" not in page
    assert as_staff.get(f"/consumers/new/?from={mine.public_id}").status_code == 404
    logged = f"encrypted_value_does_not_belong submission.consumer {mine.public_id}"
    assert logged in caplog.messages
    assert "Hollybrook" in _receipt(as_staff, theirs)


def test_swapped_consumers_are_unreadable_in_list_and_export(as_staff: Client, staff: User) -> None:
    one, other = store(staff, Outcome.CREATED, MINE), store(staff, Outcome.CREATED, THEIRS)
    _overwrite(one, encrypted_consumer=other.encrypted_consumer)
    _overwrite(other, encrypted_consumer=one.encrypted_consumer)
    page = text(as_staff.get("/submissions/"))
    assert page.count("(unreadable)") == 2
    data, summary = written(layout(Format.CSV_EXACT, ("submission", "last_name")))
    rows = [*csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=",")][1:]
    assert sorted(rows) == sorted([str(row.public_id), "(unreadable)"] for row in (one, other))
    assert (summary.rows, summary.unreadable) == (2, 2)


def test_value_of_another_column_of_the_same_submission_is_not_shown(as_staff: Client, staff: User) -> None:
    answer = OrderConsumer(ref="r", first_name="Zephyrine", last_name="Hollybrook")
    submission = store(staff, Outcome.CREATED, MINE, answer=answer)
    _overwrite(submission, encrypted_answer=submission.encrypted_consumer)
    page = _receipt(as_staff, submission)
    assert f"Returned: {MOVED}" in page
    assert "Quixwold" in page
    _overwrite(submission, encrypted_consumer=submission.encrypted_answer)
    assert "Hollybrook" not in _receipt(as_staff, submission)


def test_vendors_message_of_another_submission_is_not_shown(as_staff: Client, staff: User) -> None:
    theirs = store(staff, Outcome.REJECTED, THEIRS, vendor_message="Not like Mrs Hollybrook")
    mine = store(staff, Outcome.REJECTED, MINE, encrypted_vendor_message=theirs.encrypted_vendor_message)
    page = _receipt(as_staff, mine)
    assert "Hollybrook" not in page
    assert f"Sitecore CDP's message: {MOVED}" in page.replace("&#x27;", "'")


def test_notes_of_resolutions_cannot_be_exchanged(as_supervisor: Client, staff: User) -> None:
    """Also between the resolution in force and the one that it replaced, which are of one submission."""
    submission = store(staff, Outcome.NOT_CREATED, MINE, note="First note")
    resolve(
        submission,
        outcome=Outcome.CREATED,
        reason=ResolutionReason.OTHER,
        note="Second note",
        actor=acting(staff),
        consumer_ref=REF,
    )
    past = PastResolution.objects.get()
    assert (past.resolution_note, submission.resolution_note) == ("First note", "Second note")
    page = _receipt(as_supervisor, submission)
    assert "First note" in page
    assert "Second note" in page
    _overwrite(submission, encrypted_resolution_note=past.encrypted_resolution_note)
    PastResolution.objects.update(encrypted_resolution_note=submission.encrypted_resolution_note)
    page = _receipt(as_supervisor, submission)
    assert "First note" not in page
    assert "Second note" not in page
    assert page.count(f"Note: {MOVED}") == 2


def test_altered_value_is_an_event_once_and_a_line_of_status_until_it_is_restored(
    as_staff: Client, staff: User, settings: Settings
) -> None:
    mine, theirs = store(staff, Outcome.REJECTED, MINE), store(staff, Outcome.CREATED, THEIRS)
    before = mine.encrypted_consumer
    _receipt(as_staff, mine)
    assert events(FOUND) == []
    _overwrite(mine, encrypted_consumer=theirs.encrypted_consumer, encrypted_answer=theirs.encrypted_consumer)
    as_staff.get("/submissions/")
    assert events(FOUND) == []  # a list decrypts many rows, and only logs
    for _ in range(2):
        _receipt(as_staff, mine)
    found = events(FOUND)
    assert [(event.submission, event.actor_name) for event in found] == [
        (str(mine.public_id), staff.name)
    ] * 2
    assert [event.details for event in found] == [{"value": "consumer"}, {"value": "answer"}]
    assert _altered_in_status() == ["1"]
    settings.ENCRYPTION_KEYS, keys = [new_encryption_key()], settings.ENCRYPTION_KEYS
    _receipt(as_staff, theirs)
    assert _altered_in_status() == []  # a missing key is told elsewhere
    settings.ENCRYPTION_KEYS = keys
    _overwrite(mine, encrypted_consumer=before)
    assert _altered_in_status() == ["1"]
    _overwrite(mine, encrypted_answer=b"")
    assert _altered_in_status() == []
    assert len(events(FOUND)) == 2


def _forge(submission: str | None, data: str) -> None:
    """Add a row to the log past the portal, which its trigger requires to follow the last one."""
    last = AuditEvent.objects.latest("seq")
    row = {field.attname: getattr(last, field.attname) for field in AuditEvent._meta.concrete_fields}
    row |= {"seq": last.seq + 1, "previous_hash": last.hash, "hash": f"{last.seq + 1:064x}"}
    row |= {"action": FOUND, "submission": submission, "data": data}
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO audit_event ({columns}) VALUES ({places})", [*row.values()])
        cursor.execute("UPDATE audit_head SET seq = %s, hash = %s", [row["seq"], row["hash"]])


def test_forged_events_break_neither_receipt_nor_status(
    as_staff: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = store(staff, Outcome.REJECTED, MINE), store(staff, Outcome.CREATED, THEIRS)
    _overwrite(mine, encrypted_consumer=theirs.encrypted_consumer)
    me = str(mine.public_id)
    forged = [(me, "{}"), (me, "[1"), (me, '{"value":["x"]}'), (None, "{}"), ("no id", "{}")]
    for submission, data in forged:
        _forge(submission, data)
    assert MOVED in _receipt(as_staff, mine)
    assert _altered_in_status() == ["1"]
    monkeypatch.setattr(altered_values, "MAX_CHECKED", 1)  # the event of the receipt is the newest
    assert _altered_in_status() == ["at least 1"]


def _altered_in_status() -> list[str]:
    return [line.text for line in status.lines() if line.name == "altered_values"]


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL stores bytes only")
def test_digest_that_is_no_bytes_does_not_break_the_receipt(as_supervisor: Client, staff: User) -> None:
    submission = store(staff, Outcome.NOT_CREATED, MINE)
    resolve(
        submission,
        outcome=Outcome.CREATED,
        reason=ResolutionReason.OTHER,
        note="",
        actor=acting(staff),
        consumer_ref=REF,
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consumers_submission SET content_digest = 'altered text'")
    assert "Quixwold" in _receipt(as_supervisor, submission)


def test_missing_key_is_told_apart(as_staff: Client, staff: User, settings: Settings) -> None:
    submission = store(staff, Outcome.REJECTED, MINE)
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    page = _receipt(as_staff, submission)
    assert KEY_MISSING in page
    assert MOVED not in page
