"""The index of the access report is completed from the log: what is lost is found, or counted."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F

from apps.accounts.models import User
from apps.audit.events import Event, Value
from apps.audit.models import AuditEvent
from apps.consumers import recording
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.models import UNBOUNDED, Outcome, ShownKey, ShownRange, Submission, level_of
from apps.consumers.viewer import Viewer
from apps.core.bulk_writing import insert_rows
from apps.history.exports import lifecycle
from apps.history.exports.lifecycle import Progress
from apps.history.exports.shown_ranges import close_shown_ranges
from apps.history.selection import Selection, SubmissionFilter
from apps.privacy import index, subjects
from apps.privacy.candidates import LAST, Candidates, Span, statement_for
from apps.privacy.index import Completed, complete_index
from apps.privacy.report import Report
from tests.support.audit_flush import lift_triggers
from tests.support.entries import store
from tests.support.export_rows import PLAIN
from tests.support.people import TESTS, acting, events
from tests.support.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

GUEST = "f6fadfa7-e5c1-4b62-9362-da5cc13da58a"


@pytest.fixture
def rows(staff: User, supervisor: User) -> list[Submission]:
    """Three submissions of one person and one of another, which a list showed together, and an export."""
    made = [store(staff, Outcome.REJECTED) for _ in range(3)] + [store(supervisor, Outcome.REJECTED)]
    for shown in (made[:3], made):
        recording.record_listed(shown, viewer=Viewer("1", sees_all=True), actor=acting(supervisor))
    selection = Selection(SubmissionFilter(), Viewer(str(supervisor.pk), sees_all=True))
    export = lifecycle.prepare(selection, PLAIN, query="", rows=4, person=acting(supervisor))
    lifecycle.start(export, acting(supervisor))
    assert lifecycle.finish(export, Progress(rows=4), "0" * 64, acting(supervisor))
    close_shown_ranges()
    with transaction.atomic():
        data = {"kind": "guest", "result": "found"}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), data=data), guests=[GUEST])
    return made


def found(one: Submission) -> list[int]:
    return [line.event.seq for line in Report(subjects.Subject({one.pk: one})).lines()]


def test_complete_index_gets_nothing(rows: list[Submission]) -> None:
    done = complete_index(TESTS)
    assert (done.events, done.keys, done.ranges, done.beyond, done.unreadable) == (5, 0, 0, 0, 0)
    assert events("access_report.index_completed")[-1].details == {
        "events": 5, "keys": 0, "ranges": 0, "beyond": 0, "unreadable": 0
    }  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 2, 20_000])
def test_rows_that_were_deleted_are_made_again(
    rows: list[Submission], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(index, "EVENTS_AT_ONCE", at_once)
    before, keys = [found(one) for one in rows], sorted(ShownKey.objects.values_list("key", "seq"))
    ShownKey.objects.all().delete()
    ShownRange.objects.all().delete()
    assert found(rows[0]) == []
    done = complete_index(TESTS)
    assert sorted(ShownKey.objects.values_list("key", "seq")) == keys
    assert (done.keys, done.ranges) == (len(keys), 3)
    assert [found(one) for one in rows] == before
    assert close_shown_ranges() == 1
    assert [found(one) for one in rows] == before
    assert complete_index(TESTS).ranges == 0


@pytest.mark.parametrize(
    "hidden",
    [
        {"first": F("first") + 1},
        {"last": F("first")},
        {"owner": 987_654},
        {"level": 40},
        {"seq": F("seq") + 1_000},
    ],
    ids=lambda hidden: next(iter(hidden)),
)
def test_range_that_was_changed_so_that_nobody_finds_it_is_added(
    rows: list[Submission], hidden: dict[str, object]
) -> None:
    before = [found(one) for one in rows]
    listed = events("submissions.listed")[1].seq
    ShownRange.objects.filter(seq=listed).update(**hidden)
    if "level" not in hidden:
        for one in ShownRange.objects.all():
            ShownRange.objects.filter(pk=one.pk).update(level=level_of(one.first, one.last))
    assert [found(one) for one in rows] != before
    assert complete_index(TESTS).ranges == 1
    assert [found(one) for one in rows] == before


def test_export_that_is_being_made_again_has_an_open_range(rows: list[Submission]) -> None:
    ShownRange.objects.filter(seq=events("export.started")[0].seq).delete()
    assert complete_index(TESTS).ranges == 1
    assert ShownRange.objects.get(seq=events("export.started")[0].seq).last == UNBOUNDED


def test_what_the_log_does_not_say_is_counted(
    rows: list[Submission], supervisor: User, capsys: pytest.CaptureFixture[str]
) -> None:
    refs = [str(uuid.UUID(int=number)) for number in range(60)]
    with transaction.atomic():
        data: dict[str, Value] = {"kind": "order", "result": "found", "shown": 60}
        recording.record_shown(Event(VENDOR_RECORD_VIEWED, acting(supervisor), data=data), consumers=refs)
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {AuditEvent._meta.db_table} SET data = '[' WHERE action = 'submissions.listed'"
        )
    ShownKey.objects.filter(key__startswith="consumer:").delete()
    call_command("complete_access_index")
    assert ShownKey.objects.filter(key__startswith="consumer:").count() == 50
    printed = capsys.readouterr().out
    assert "6 events checked; 50 keys and 0 ranges were missing and added" in printed
    assert "1 events showed more records than they name" in printed
    assert "2 events cannot be read: verify the audit log" in printed


def test_export_that_selected_nothing_needs_no_row_that_it_did_not_have(
    rows: list[Submission], supervisor: User
) -> None:
    selection = Selection(SubmissionFilter(reason="busy"), Viewer(str(supervisor.pk), sees_all=True))
    export = lifecycle.prepare(selection, PLAIN, query="", rows=0, person=acting(supervisor))
    lifecycle.start(export, acting(supervisor))
    started = events("export.started")[1].seq
    ShownRange.objects.filter(seq=started).update(first=F("first") + 1)  # as of a portal with many rows
    assert complete_index(TESTS).ranges == 0
    ShownRange.objects.filter(seq=started).delete()
    assert complete_index(TESTS).ranges == 1


@pytest.mark.parametrize(
    "altered",
    [
        """data = '{"rows": ["1-9007199254740990"], "count": 4}' WHERE action = 'submissions.listed'""",
        """data = '{"rows": ["7-1", "0"], "count": 4}' WHERE action = 'submissions.listed'""",
        """data = '{"first": "x", "last": 4}' WHERE action = 'export.started'""",
        f"""data = '{{"export": "{"7" * 300}"}}' WHERE action = 'export.started'""",
        """data = '{"export": "\\u0000"}' WHERE action = 'export.started'""",
    ],
    ids=["many rows", "no rows", "no numbers", "long", "NUL"],
)
def test_altered_event_is_counted_and_stops_nothing(rows: list[Submission], altered: str) -> None:
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {AuditEvent._meta.db_table} SET {altered}")
    ShownKey.objects.all().delete()
    done = complete_index(TESTS)
    assert done.unreadable > 0
    assert done.keys >= 2


def test_two_runs_at_the_same_time_add_each_row_once(
    rows: list[Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would find the same rows missing if the second did not wait until the first has added them."""
    before = ShownKey.objects.count(), ShownRange.objects.count()
    ShownKey.objects.all().delete()
    ShownRange.objects.all().delete()
    done, adding, add = list[Completed](), set[int](), recording.index_keys

    def index_keys(seq: int, keys: Iterable[str]) -> None:
        if threading.get_ident() not in adding:
            adding.add(threading.get_ident())
            wait_for(lambda: len(adding) == 2, 1)  # in vain: the other run waits for this one
        add(seq, keys)

    def run() -> None:
        try:
            done.append(complete_index(TESTS))
        finally:
            connection.close()

    monkeypatch.setattr(index, "index_keys", index_keys)
    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert (ShownKey.objects.count(), ShownRange.objects.count()) == before
    assert sorted((one.keys, one.ranges) for one in done) == [(0, 0), before]


def test_ranges_around_submissions_are_read_by_an_index_however_many_there_are() -> None:
    """PostgreSQL would read all ranges for each page of a report, and join them, if it could choose."""
    rows = [(seq, 0, 6, 40 * seq, 40 * seq + 49) for seq in range(1, 20_001)]
    insert_rows(ShownRange, ["seq", "owner", "level", "first", "last"], rows)
    found = Candidates(subjects.Subject({pk: Submission(pk=pk, actor_id=1) for pk in (4_020, 4_021)}), Span())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        statement = statement_for(found.windows, 10, newest=True)
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if is_sqlite else ''} {statement}", [1, LAST])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "shown_range_around" in plan
    assert "Seq Scan" not in plan
    assert found.newest(10) == [100]


def test_ranges_of_a_part_of_the_log_are_read_by_an_index() -> None:
    """Otherwise each part would cost a reading of all ranges."""
    part = ShownRange.objects.filter(seq__gte=1, seq__lte=20_000)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "shown_range_seq" in part.explain()
