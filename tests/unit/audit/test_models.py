import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

from apps.accounts.audit_events import SESSION_SIGNED_IN
from apps.audit.chain import GENESIS, Row
from apps.audit.events import Event
from apps.audit.macs import MAC_COLUMNS
from apps.audit.models import AppendOnlyError, AuditEvent, AuditHead
from apps.core.actor import Actor
from tests.support.audit_logs import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(anna: Actor) -> AuditEvent:
    return AuditEvent.objects.get(seq=recorded(Event(SESSION_SIGNED_IN, anna)))


@pytest.mark.parametrize(
    "write",
    [
        lambda row: row.save(),
        lambda row: row.save(force_insert=True),
        lambda row: row.delete(),
        lambda row: AuditEvent.objects.create(seq=row.seq + 1),
        lambda row: AuditEvent.objects.get_or_create(seq=row.seq),
        lambda row: AuditEvent.objects.update_or_create(seq=row.seq),
        lambda row: AuditEvent.objects.bulk_create([row]),
        lambda row: AuditEvent.objects.bulk_update([row], ["action"]),
        lambda row: AuditEvent.objects.update(action="x"),
        lambda row: AuditEvent.objects.filter(seq=row.seq).update(action="x"),
        lambda row: AuditEvent.objects.filter(seq=row.seq).delete(),
        lambda row: AuditEvent._base_manager.all().delete(),
        lambda row: row.save_base(),
        lambda row: row.save_base(raw=True),  # loaddata
    ],
)
def test_model_refuses_to_write_before_the_database_does(
    stored: AuditEvent, write: Callable[[AuditEvent], Any]
) -> None:
    with pytest.raises(AppendOnlyError), transaction.atomic():
        write(stored)
    assert AuditEvent.objects.get(seq=stored.seq).action == "session.signed_in"


def test_row_has_no_foreign_keys() -> None:
    assert not [field for field in AuditEvent._meta.get_fields() if field.is_relation]
    assert not [field for field in AuditHead._meta.get_fields() if field.is_relation]


def test_columns_are_the_hashed_fields_in_order_the_hash_and_the_mac() -> None:
    columns = [field.column for field in AuditEvent._meta.concrete_fields]
    assert columns == [*Row._fields, "hash", *MAC_COLUMNS]


def test_only_one_head_is_possible(stored: AuditEvent) -> None:
    with pytest.raises(IntegrityError, match="audit_head_one_row"), transaction.atomic():
        AuditHead.objects.create(id=2, seq=0, time=0, hash=GENESIS)


def test_two_rows_cannot_share_a_hash_even_without_triggers(stored: AuditEvent) -> None:
    constraints = connection.introspection.get_constraints(connection.cursor(), "audit_event")
    unique = [tuple(entry["columns"]) for entry in constraints.values() if entry["unique"]]
    assert ("hash",) in unique
    assert ("seq",) in unique or connection.vendor == "sqlite"  # on SQLite it is the row id


# --- Each filter is a range of an index that ends in the sequence -----------------------------------

FILTERS = [
    ("audit_time_seq", {"time__gte": 5, "time__lt": 9}, "time"),
    ("audit_action_seq", {"action": "consumer.created"}, "seq"),
    ("audit_failure_seq", {"failure": True}, "seq"),
    ("audit_actor_id_seq", {"actor_id": "17"}, "seq"),
    ("audit_session_seq", {"session": "8c3e"}, "seq"),
    ("audit_request_id_seq", {"request_id": "6d7a"}, "seq"),
    ("audit_client_address_seq", {"client_address": "192.0.2.7"}, "seq"),
    ("audit_submission_seq", {"submission": "b7a0"}, "seq"),
    ("audit_order_ref_seq", {"order_ref": "ord-1"}, "seq"),
    ("audit_consumer_ref_seq", {"consumer_ref": "con-1"}, "seq"),
    ("audit_guest_ref_seq", {"guest_ref": "gst-1"}, "seq"),
    ("audit_person_seq", {"person": "23"}, "seq"),
]


@pytest.mark.parametrize(("index", "condition", "order"), FILTERS)
def test_filtered_page_reads_one_index_without_sorting(
    index: str, condition: dict[str, Any], order: str
) -> None:
    page = AuditEvent.objects.filter(**condition, seq__lt=1000).order_by(
        f"-{order}", *(["-seq"][: order != "seq"])
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The table is empty: the test is whether the index can serve, not whether the planner would
            # prefer it.
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            if index != "audit_failure_seq":
                cursor.execute("ALTER TABLE audit_event DROP CONSTRAINT audit_event_pkey")
    plan = page[:50].explain()
    assert re.search(rf"\b{index}\b", plan), plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_filters_above_use_every_index() -> None:
    assert {index.name for index in AuditEvent._meta.indexes} == {name for name, _, _ in FILTERS}


def test_sequence_is_64_bit_on_both_databases() -> None:
    field = AuditEvent._meta.get_field("seq")
    assert isinstance(field, models.BigIntegerField)
    assert field.db_type(connection) == ("integer" if connection.vendor == "sqlite" else "bigint")
