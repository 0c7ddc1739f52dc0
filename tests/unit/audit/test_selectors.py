from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from apps.accounts.audit_events import PERSON_ADDED, SESSION_SIGNED_IN
from apps.audit import selectors
from apps.audit.events import Event
from apps.audit.models import AuditEvent
from apps.audit.selectors import events_of_submission, newest_about
from apps.consumers.audit_events import (
    CONSUMER_COMPARED,
    CONSUMER_CREATE_REQUESTED,
    CONSUMER_CREATED,
    SUBMISSION_VIEWED,
)
from apps.core.actor import Actor
from tests.support.audit_logs import recorded

pytestmark = pytest.mark.django_db


def test_events_of_a_submission_are_in_order_and_without_others(anna: Actor) -> None:
    recorded(Event(CONSUMER_CREATE_REQUESTED, anna, submission="b7a0"))
    recorded(Event(CONSUMER_CREATE_REQUESTED, anna, submission="other"))
    recorded(Event(SESSION_SIGNED_IN, anna))
    recorded(Event(CONSUMER_CREATED, anna, submission="b7a0"))
    found = events_of_submission("b7a0", without="submission.viewed")
    assert [event.action for event in found.events] == ["consumer.create_requested", "consumer.created"]


def test_of_the_views_of_a_submission_only_the_latest_are_read(
    anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "VIEWS", 2)
    first = recorded(Event(CONSUMER_CREATE_REQUESTED, anna, submission="b7a0"))
    for _ in range(3):
        recorded(Event(SUBMISSION_VIEWED, anna, submission="b7a0"))
        recorded(Event(CONSUMER_COMPARED, anna, submission="b7a0"))
    last = recorded(Event(CONSUMER_CREATED, anna, submission="b7a0"))
    read: list[int] = []
    monkeypatch.setattr(AuditEvent, "from_db", _counting(read))
    found = events_of_submission("b7a0", without="submission.viewed")
    assert [event.seq for event in found.events] == [first, last - 3, last - 1, last]
    assert found.left_out == 1
    assert len(read) == 4
    assert events_of_submission("other", without="submission.viewed") == ((), 0)


def _counting(read: list[int]) -> Any:
    """A ``from_db`` that adds the number of each event that is read to ``read``."""
    original = AuditEvent.from_db.__func__  # type: ignore[attr-defined]  # a class method

    def from_db(cls: type[AuditEvent], db: str, names: list[str], values: list[Any]) -> AuditEvent:
        event: AuditEvent = original(cls, db, names, values)
        read.append(event.seq)
        return event

    return classmethod(from_db)


def test_newest_events_about_a_person_are_those_of_one_action_read_from_the_index_of_the_person(
    anna: Actor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for person in ("23", "24", "23", "23"):
        recorded(Event(SESSION_SIGNED_IN, anna, person=person))
    recorded(Event(PERSON_ADDED, anna, person="23", data={"username": "ben"}))
    with django_assert_num_queries(1) as captured:
        found = newest_about("23", "session.signed_in", 2)
    assert [(one.action, one.person) for one in found] == [("session.signed_in", "23")] * 2
    assert found[0].seq > found[1].seq
    is_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgresql:  # so few rows would be read without an index
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute(
                "SET LOCAL enable_sort = off; ALTER TABLE audit_event DROP CONSTRAINT audit_event_pkey"
            )
        how = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{how} {captured.captured_queries[0]['sql']}".replace("%", "%%"))
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert "audit_person_seq" in plan, plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan, plan
