"""The log of the benchmarks is one that the portal could have written; tables state the results."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.audit.chain import GENESIS
from apps.audit.events import REFERENCE
from apps.audit.integrity.bulk_hashing import follow
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.stored_rows import accepts_events
from apps.audit.integrity.verification import verify
from apps.audit.models import AuditEvent
from apps.audit.triggers import missing_triggers
from benchmarks import audit_events, audit_pages, audit_verify
from benchmarks.figures import Samples
from tests.support import audit_rows


def test_benchmark_rows_are_one_deterministic_chain() -> None:
    rows = [*audit_rows.rows(300)]
    assert follow(rows, 1, GENESIS) == 300
    assert rows == [*audit_rows.rows(300)]


@pytest.mark.django_db(transaction=True)
def test_filled_log_verifies_and_can_be_continued() -> None:
    indexes = set(connection.introspection.get_constraints(connection.cursor(), "audit_event"))
    audit_rows.fill(1200)
    assert set(connection.introspection.get_constraints(connection.cursor(), "audit_event")) == indexes
    assert missing_triggers(connection) == []
    assert accepts_events()
    result = verify()
    assert (result.verdict, result.checkpoint, result.last) == (Verdict.UNCHANGED, 1200, 1200)
    heavy = AuditEvent.objects.filter(order_ref=audit_rows.HEAVY_ORDER)
    assert heavy.count() > 20
    assert AuditEvent.objects.filter(actor_id=str(audit_rows.LEFT), seq__lte=60).exists()
    assert AuditEvent.objects.filter(failure=True).exists()
    assert all(REFERENCE.fullmatch(event.submission) for event in heavy if event.submission)


def test_cost_of_an_event_is_shown_beside_the_unlogged_fact() -> None:
    found = [
        (audit_events.ALONE, 1, 1, Samples((0.001, 0.001), 0.002)),
        ("record", 1, 4, Samples((0.003, 0.005), 0.008)),
    ]
    alone, logged = audit_events.lines_of("SQLite", found)
    assert alone == [audit_events.ALONE, "SQLite", "1", "1.00", "1.00", "–", "1000", "1", "2"]
    assert logged == ["record", "SQLite", "1", "3.00", "5.00", "+2.00", "250", "4", "2"]


def test_verification_is_shown_by_its_median() -> None:
    runs = [
        {"seconds": seconds, "processor": 1.0, "rows": 1_000_000, "grown": 30e6}
        for seconds in (4.0, 9.0, 5.0)
    ]
    line = audit_verify.line_of("verified", "SQLite", runs)
    assert line[2:] == ["1,000,000", "5.00 (4.00–9.00)", "200,000", "5.0", "1.00", "30", "3"]


def test_pages_are_shown_by_size_with_their_ratio() -> None:
    times = {
        ("portal", 10): {"first page": [0.010], "person": [0.02]},
        ("admin", 10): {"first page": [0.005]},
        ("portal", 1000): {"first page": [0.012], "person": [0.02]},
        ("admin", 1000): {"first page": [0.5]},
    }
    shown = audit_pages.shown(times).splitlines()
    assert shown[0] == "| asked for | portal, 10 | portal, 1,000 | admin, 10 | admin, 1,000 | most : fewest |"
    assert shown[2] == "| first page | 10.0 / 10.0 | 12.0 / 12.0 | 5.0 / 5.0 | 500.0 / 500.0 | 1.20 |"
    assert shown[3] == "| person | 20.0 / 20.0 | 20.0 / 20.0 | – | – | 1.00 |"
