import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import TestCase

from apps.accounts.audit_events import ACCESS_DENIED, PERSON_ADDED, SESSION_SIGNED_IN, SESSION_SIGNED_OUT
from apps.audit.chain import FORMAT, GENESIS, Row, row_hash
from apps.audit.events import Event
from apps.audit.models import AuditEvent, AuditHead
from apps.audit.recording import EventRefused, record
from apps.consumers.audit_events import (
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    CONSUMER_NOT_SENT,
    CONSUMER_REJECTED,
    SUBMISSION_VIEWED,
)
from apps.core.actor import Actor, Origin
from tests.support.audit_flush import lift_triggers
from tests.support.audit_logs import recorded
from tests.support.moments import events_at

COLUMNS = ", ".join((*Row._fields, "hash"))


def stored_rows() -> list[tuple[Row, str]]:
    """Every row as a raw cursor returns it, with its stored hash."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM audit_event ORDER BY seq")
        return [(Row(*fields), own_hash) for *fields, own_hash in cursor.fetchall()]


@pytest.mark.django_db
def test_event_is_stored_field_by_field(anna: Actor) -> None:
    event = Event(
        CONSUMER_REJECTED,
        anna,
        submission="b7a0",
        order_ref="ord-1",
        consumer_ref="con-1",
        guest_ref="gst-1",
        person="23",
        data={"http_status": 400, "error_code": "bad_request", "duration_ms": None},
    )
    seq = recorded(event)
    stored = AuditEvent.objects.get(seq=seq)
    assert (stored.action, stored.failure, stored.format) == ("consumer.rejected", True, FORMAT)
    assert (stored.actor_id, stored.actor_name, stored.actor_roles) == (
        "17",
        "Anna Keller",
        "staff,supervisor",
    )
    assert stored.session == "8c3e1d8a-1"
    assert (stored.request_id, stored.peer_address, stored.client_address) == (
        "6d7a3f00-1",
        "10.0.0.1",
        "192.0.2.7",
    )
    assert (stored.submission, stored.order_ref, stored.consumer_ref) == ("b7a0", "ord-1", "con-1")
    assert (stored.guest_ref, stored.person) == ("gst-1", "23")
    assert stored.data == '{"duration_ms":null,"error_code":"bad_request","http_status":400}'
    assert stored.details == {"duration_ms": None, "error_code": "bad_request", "http_status": 400}


@pytest.mark.django_db
def test_row_read_from_the_database_equals_the_hashed_one(anna: Actor) -> None:
    names = [
        "Zoë",
        "李 雷",
        "e\u0301 combining",
        'quote " and \\',
        "%s %(x)s",
        "'; DROP TABLE audit_event; --",
        "🜁",
    ]
    for name in names:
        recorded(Event(PERSON_ADDED, Actor(id="1", name=name), data={"username": name}))
    recorded(Event(CONSUMER_NOT_SENT, anna, data={"http_status": None, "duration_ms": 2**53 - 1}))
    recorded(Event(SESSION_SIGNED_IN, Actor.anonymous(Origin())))
    rows = stored_rows()
    assert [row.actor_name for row, _ in rows[: len(names)]] == names
    assert [row_hash(row) for row, _ in rows] == [own_hash for _, own_hash in rows]


@pytest.mark.django_db
def test_rows_are_numbered_without_a_gap_and_linked(anna: Actor) -> None:
    first = recorded(Event(SESSION_SIGNED_IN, anna))
    numbers = [first, *(recorded(Event(SUBMISSION_VIEWED, anna)) for _ in range(3))]
    rows = stored_rows()
    assert [row.seq for row, _ in rows] == list(range(1, len(rows) + 1))
    assert numbers == [row.seq for row, _ in rows[-4:]]
    assert [row.previous_hash for row, _ in rows] == [GENESIS, *(own_hash for _, own_hash in rows[:-1])]
    head = AuditHead.objects.get()
    assert (head.seq, head.time, head.hash) == (rows[-1][0].seq, rows[-1][0].time, rows[-1][1])


@pytest.mark.django_db
def test_recording_outside_a_transaction_is_refused(anna: Actor) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record(Event(SESSION_SIGNED_IN, anna))
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_event_is_rolled_back_with_its_fact(anna: Actor) -> None:
    before = recorded(Event(SESSION_SIGNED_IN, anna))
    with transaction.atomic():
        record(Event(SUBMISSION_VIEWED, anna))
        transaction.set_rollback(True)
    assert recorded(Event(SESSION_SIGNED_OUT, anna)) == before + 1
    assert [row.action for row, _ in stored_rows()][-2:] == ["session.signed_in", "session.signed_out"]


@pytest.mark.django_db
def test_time_is_utc_in_microseconds_and_never_decreases(anna: Actor) -> None:
    noon = datetime(2031, 3, 7, 12, 0, 0, 123456, tzinfo=UTC)
    with events_at(noon):
        first = recorded(Event(SESSION_SIGNED_IN, anna))
    with events_at(noon - timedelta(hours=1)):
        second = recorded(Event(SUBMISSION_VIEWED, anna))
    with events_at(noon + timedelta(seconds=1)):
        third = recorded(Event(SESSION_SIGNED_OUT, anna))
    times = [AuditEvent.objects.get(seq=seq).at for seq in (first, second, third)]
    assert times == [noon, noon, noon + timedelta(seconds=1)]


@pytest.mark.django_db
def test_odd_header_or_name_does_not_prevent_an_event() -> None:
    origin = Origin(request_id="x" * 5000, peer_address="", client_address="fe80::1%a\x00b")
    seq = recorded(Event(ACCESS_DENIED, Actor(id="1", name="A\x00", origin=origin)))
    stored = AuditEvent.objects.get(seq=seq)
    assert (stored.request_id, stored.peer_address, stored.client_address) == ("x" * 200, "", "fe80::1%a?b")
    assert stored.actor_name == "A?"


@pytest.mark.django_db
def test_anchor_is_logged_after_the_commit_without_further_data(
    anna: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="apps.audit")
    with TestCase.captureOnCommitCallbacks(execute=True):
        seq = recorded(Event(CONSUMER_CREATED, anna, order_ref="ord-1"))
        assert not caplog.records
    (line,) = caplog.records
    usual = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
    assert {key: value for key, value in line.__dict__.items() if key not in usual} == {
        "seq": seq,
        "hash": AuditEvent.objects.get(seq=seq).hash,
        "action": "consumer.created",
    }
    assert line.getMessage() == "audit event"


@pytest.mark.django_db
def test_no_anchor_is_logged_for_a_rolled_back_event(anna: Actor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="apps.audit")
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        record(Event(SESSION_SIGNED_IN, anna))
        transaction.set_rollback(True)
    assert not caplog.records


@pytest.mark.django_db
def test_lost_head_is_restored_from_the_last_row(anna: Actor) -> None:
    first = recorded(Event(SESSION_SIGNED_IN, anna))
    AuditHead.objects.all().delete()
    assert recorded(Event(SESSION_SIGNED_OUT, anna)) == first + 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "seq = seq - 1",
        "seq = seq + 1",
        f"seq = {2**60}",
        f"seq = {2**63 - 1}",
        "hash = repeat_a",
        "time = time - 86400000000",
        "time = time + 1",
    ],
)
def test_tampered_head_stops_the_writer(anna: Actor, change: str) -> None:
    with events_at(datetime(2041, 1, 1, tzinfo=UTC)):
        recorded(Event(SESSION_SIGNED_IN, anna))
    count = AuditEvent.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_head SET {change}".replace("repeat_a", f"'{'a' * 64}'"))
    with pytest.raises(EventRefused), transaction.atomic():
        record(Event(SESSION_SIGNED_OUT, anna))
    assert AuditEvent.objects.count() == count


@pytest.mark.django_db
def test_truncated_end_stops_the_writer(anna: Actor) -> None:
    for _ in range(3):
        last = recorded(Event(SESSION_SIGNED_IN, anna))
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq = %s", [last])
    with pytest.raises(DatabaseError), transaction.atomic():
        record(Event(SESSION_SIGNED_OUT, anna))


@pytest.mark.django_db
def test_longest_event_fits(anna: Actor) -> None:
    actor = Actor(id="i" * 200, name="李" * 200, roles=("r" * 100,) * 10, origin=anna.origin)
    words = ["w" * 100] * 50
    reference = "é" * 200
    seq = recorded(
        Event(
            CONSUMER_CREATE_REQUESTED,
            actor,
            reference,
            reference,
            reference,
            reference,
            reference,
            {"fields": words, "overridden": words, "resubmission_of": "w" * 100},
        )
    )
    assert json.loads(AuditEvent.objects.get(seq=seq).data)["fields"] == words
