import datetime
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.presenters.events import sentence
from apps.consumers import searches
from apps.consumers.models import Outcome
from apps.consumers.viewer import Viewer
from apps.history.exports import lifecycle, selections
from apps.history.exports.lifecycle import Choice, FailureCode, Progress
from apps.history.models import Export, State
from apps.history.selection import Selection, Sort, SubmissionFilter
from tests.support.entries import store
from tests.support.export_rows import PLAIN, prepared, stored
from tests.support.people import TESTS, acting, events
from tests.support.searches import recorded

SUM = "ab" * 32


def test_selection_round_trips_through_the_database(supervisor: User) -> None:
    asked = SubmissionFilter(
        since=datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        until=datetime.datetime(2026, 3, 8, tzinfo=datetime.UTC),
        outcomes=(Outcome.CREATED, Outcome.UNKNOWN),
        person="7",
        order_ref="Ord-1",
        consumer_ref="con-1",
        guest_ref="gue-1",
        batch=uuid.UUID(int=7),
        reason="timeout",
        answered_from=0,
        answered_under=500,
        search=searches.find(recorded(supervisor, email="ida@example.com", last_name="Zed").public_id),
    )
    selection = Selection(asked, Viewer(str(supervisor.pk)), Sort.SLOWEST)
    export = lifecycle.prepare(selection, PLAIN, query="", rows=0, person=acting(supervisor))
    export.refresh_from_db()
    assert selections.from_json(export.selection) == selection
    assert len(selection.asked.digests) == 2
    empty = Selection(SubmissionFilter(), Viewer("7", sees_all=True))
    assert selections.from_json(selections.to_json(empty)) == empty


def test_preparing_takes_no_slot_and_records_nothing(supervisor: User) -> None:
    export = prepared(supervisor)
    assert (export.state, export.slot, export.person_name) == (State.READY, None, supervisor.name)
    assert events("export.started") == []


def test_start_is_recorded_with_filters_counts_and_bounds(supervisor: User) -> None:
    made = store(supervisor, Outcome.CREATED)
    newest = store(supervisor, Outcome.REJECTED)
    order = "2D7DE9DF-45A2-45EA-872C-30E45139007D"
    export = prepared(supervisor, order_ref=order, outcomes=(Outcome.CREATED,))
    lifecycle.start(export, acting(supervisor))
    [event] = events("export.started")
    assert event.details == {
        "export": str(export.public_id),
        "format": "csv",
        "filters": ["outcomes:created", f"order_ref:{order}"],
        "scope": "everybody",
        "columns": ["submitted_at", "person", "outcome", "order_ref"],
        "personal": "no",
        "reason": None,
        "expected": 1,
        "first": made.pk,
        "last": made.pk,
        "newest": newest.pk,
        "head": event.seq - 1,
    }
    export.refresh_from_db()
    assert (export.state, export.slot, export.rows_expected) == (State.RUNNING, 1, 1)


def test_note_is_encrypted_and_not_recorded(supervisor: User) -> None:
    choice = Choice(
        **{**{name: getattr(PLAIN, name) for name in PLAIN.__slots__}, "columns": ("last_name",)}
        | {"personal": True, "reason": "other", "note": "for Mrs Marker"}
    )
    export = prepared(supervisor, choice)
    assert b"Marker" not in export.encrypted_note
    assert export.note == "for Mrs Marker"
    lifecycle.start(export, acting(supervisor))
    lifecycle.fail(export, FailureCode.FAULT, Progress(), acting(supervisor))
    recorded = events("export.started") + events("export.failed")
    assert [event.details["personal"] for event in recorded] == ["yes", "yes"]
    assert recorded[0].details["reason"] == "other"
    assert not any("Marker" in str(event.data) for event in recorded)


@pytest.mark.django_db(transaction=True)
def test_no_export_starts_without_its_event(supervisor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_event: object) -> int:
        raise DatabaseError

    export = prepared(supervisor)
    monkeypatch.setattr(lifecycle, "record", refuse)
    with pytest.raises(DatabaseError):
        lifecycle.start(export, acting(supervisor))
    export.refresh_from_db()
    assert (export.state, export.slot) == (State.READY, None)


def test_export_starts_once(supervisor: User) -> None:
    export = prepared(supervisor)
    lifecycle.start(export, acting(supervisor))
    with pytest.raises(lifecycle.NotReady):
        lifecycle.start(export, acting(supervisor))
    assert len(events("export.started")) == 1


def test_started_export_is_reported_as_started_although_slots_are_full(
    supervisor: User, settings: Settings
) -> None:
    settings.EXPORTS_AT_ONCE = 1
    export = prepared(supervisor)
    lifecycle.start(export, acting(supervisor))
    with pytest.raises(lifecycle.NotReady):
        lifecycle.start(export, acting(supervisor))
    with pytest.raises(lifecycle.AllSlotsTaken):
        lifecycle.start(prepared(supervisor), acting(supervisor))


@pytest.mark.django_db(transaction=True)
def test_of_eight_concurrent_starts_as_many_succeed_as_there_are_slots(
    supervisor: User, settings: Settings
) -> None:
    settings.EXPORTS_AT_ONCE = 3
    actor, waiting = acting(supervisor), [prepared(supervisor) for _ in range(8)]

    together = threading.Barrier(8)

    def begin(export: Export) -> str:
        try:
            connection.ensure_connection()
            together.wait(10)
            lifecycle.start(export, actor)
        except lifecycle.AllSlotsTaken:
            return "busy"
        finally:
            connection.close()
        return "started"

    with ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(begin, waiting))
    assert results == ["busy"] * 5 + ["started"] * 3
    slots = Export.objects.filter(state=State.RUNNING).values_list("slot", flat=True)
    assert {*slots} == {1, 2, 3}
    assert len(events("export.started")) == 3


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_each_end_is_recorded_once_and_releases_the_slot(supervisor: User, end: str) -> None:
    export, actor = prepared(supervisor), acting(supervisor)
    lifecycle.start(export, actor)
    ends: dict[str, Callable[[], bool]] = {
        "finish": lambda: lifecycle.finish(export, Progress(rows=2, unreadable=1, bytes=9), SUM, actor),
        "fail": lambda: lifecycle.fail(export, FailureCode.DISK_FULL, Progress(rows=2), actor),
        "cancel": lambda: lifecycle.cancel(export, actor),
    }
    assert ends[end]()
    assert [act() for act in ends.values()] == [False] * 3
    assert not lifecycle.store_heartbeat(export, State.RUNNING, Progress(rows=3))
    export.refresh_from_db()
    names = {"finish": "finished", "fail": "failed", "cancel": "cancelled"}
    assert (export.state, export.slot) == (names[end], None)
    recorded = {name: len(events(f"export.{name}")) for name in names.values()}
    assert recorded == {name: int(name == names[end]) for name in names.values()}
    [event] = events(f"export.{names[end]}")
    assert (event.actor_id, event.person) == (actor.id, None), "Nothing was done to anybody else"
    if end == "finish":
        facts = {"rows": 2, "unreadable": 1, "bytes": 9, "sha256": SUM}
        assert facts.items() <= event.details.items()
    if end == "fail":
        assert (event.failure, event.details["failure_code"]) == (True, "disk_full")


def test_heartbeat_stores_the_progress(supervisor: User) -> None:
    export = stored(supervisor, State.RUNNING)
    assert lifecycle.store_heartbeat(export, State.DELIVERING, Progress(rows=5, bytes=70, bytes_sent=20))
    before = export.beat_at
    export.refresh_from_db()
    assert (export.state, export.rows, export.bytes, export.bytes_sent) == ("delivering", 5, 70, 20)
    assert before is not None
    assert export.beat_at is not None
    assert export.beat_at > before


@pytest.mark.parametrize("state", [State.RUNNING, State.DELIVERING])
def test_exports_without_a_heartbeat_fail(supervisor: User, state: State) -> None:
    now = datetime.datetime.now(datetime.UTC)
    lost = stored(supervisor, state, beat_at=now - lifecycle.LOST_AFTER - datetime.timedelta(seconds=1))
    alive = stored(supervisor, state, slot=2, beat_at=now - lifecycle.LOST_AFTER / 2)
    assert lifecycle.fail_lost_exports(TESTS) == 1
    assert lifecycle.fail_lost_exports(TESTS) == 0
    lost.refresh_from_db()
    alive.refresh_from_db()
    assert (lost.state, lost.slot, lost.failure_code) == ("failed", None, "process_lost")
    assert alive.state == state
    [event] = events("export.failed")
    assert (event.details["failure_code"], event.person) == ("process_lost", str(supervisor.pk))
    assert sentence(event).startswith(f"An export of submissions by {supervisor.name} failed: ")


def test_lost_exports_are_found_by_the_index_of_the_slots(supervisor: User) -> None:
    """It runs each second, and the table contains every export ever made."""
    stored(supervisor, State.RUNNING)
    with CaptureQueriesContext(connection) as asked:
        lifecycle.fail_lost_exports(TESTS)
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # which is cheaper for one row
        cursor.execute(f"{explain} {asked.captured_queries[0]['sql']}")
        plan = str(cursor.fetchall())
    assert "export_slot_once" in plan


def test_export_is_found_only_by_its_person(supervisor: User, administrator: User) -> None:
    export = prepared(supervisor)
    assert lifecycle.find(export.public_id, str(supervisor.pk)) == export
    assert lifecycle.find(export.public_id, str(administrator.pk)) is None
    newer = prepared(supervisor)
    assert lifecycle.last_of(str(supervisor.pk)) == newer
    assert lifecycle.last_of(str(administrator.pk)) is None
