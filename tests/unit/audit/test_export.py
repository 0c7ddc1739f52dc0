"""The log as a file: exactly the stored data, constant memory, and a visible mark if truncated."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import ADMINISTRATOR
from apps.audit import export
from apps.audit.chain import Row, row_hash
from apps.audit.events import Event
from apps.audit.export import CSV_COLUMNS, FORMATS, Export, find_range
from apps.audit.integrity import stored_rows
from apps.audit.models import AuditEvent
from apps.audit.recording import EventRefused, record
from apps.consumers.audit_events import SUBMISSIONS_LISTED
from apps.core.actor import Actor, Origin
from apps.core.export.csv_cells import restore
from apps.core.export.formats import Format
from apps.core.web.lasting_access import AccessEnded
from tests.support.audit_flush import lift_triggers
from tests.support.entries import text
from tests.support.people import PASSWORD, TESTS, events, make_person

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/audit/export/"
FORMULA = '=HYPERLINK("http://x")'
NEW_PASSWORD = "winter above the harbour"
NAMES = [FORMULA, "'quoted", 'Zoë O’Brien, "Z"', "one\ttwo", "\u200b+1", "＝1", "plain"]


def fill(number: int = len(NAMES)) -> None:
    with transaction.atomic():
        for turn in range(number):
            actor = Actor(
                id="7", name=NAMES[turn % len(NAMES)], roles=("staff",), origin=Origin("r-1", "::1")
            )
            record(Event(SUBMISSIONS_LISTED, actor, data={"scope": "own", "count": turn}))


def stored(last: int) -> list[dict[str, Any]]:
    return [
        {name: getattr(event, name) for name in (*Row._fields, "hash")}
        for event in AuditEvent.objects.filter(seq__lte=last).order_by("seq")
    ]


def json_lines(file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.removesuffix("\n").split("\n")]


def content(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


# --- The file -------------------------------------------------------------------------------------
def test_json_lines_are_exactly_the_stored_rows_with_an_end_line(anna: Actor) -> None:
    fill()
    last = AuditEvent.objects.count()
    *lines, end = json_lines("".join(export.write(Export(Format.JSONL, 1, last), anna)))
    rows = stored(last)
    assert [{**line, "data": json.dumps(line["data"], separators=(",", ":"))} for line in lines] == [
        {**row, "at": line["at"]} for row, line in zip(rows, lines, strict=True)
    ]
    at = dt.datetime.fromisoformat(lines[0]["at"])
    assert round(at.timestamp() * 1_000_000) == rows[0]["time"]
    assert end == {"export": "whole", "first": 1, "last": last, "rows": last, "hash": rows[-1]["hash"]}


def test_chain_can_be_verified_from_the_file_alone(anna: Actor) -> None:
    fill()
    *lines, _end = json_lines("".join(export.write(Export(Format.JSONL, 1, len(NAMES)), anna)))
    for line in lines:
        del line["at"]
        own_hash = line.pop("hash")
        line["data"] = json.dumps(line["data"], separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        assert row_hash(Row(**line)) == own_hash


def test_csv_contains_the_same_and_no_cell_is_a_formula(anna: Actor) -> None:
    fill()
    last = AuditEvent.objects.count()
    file = "".join(export.write(Export(Format.CSV, 1, last), anna))
    assert file.startswith("\ufeffat,seq,")
    names, *lines = csv.reader(io.StringIO(file.removeprefix("\ufeff"), newline=""))
    assert tuple(names) == CSV_COLUMNS
    assert not [
        cell for line in lines for cell in line if cell.lstrip("\u200b").startswith(("=", "+", "＝", "\t"))
    ]
    for line, row in zip(lines, stored(last), strict=True):
        cells = dict(zip(names, map(restore, line), strict=True))
        del cells["at"]
        assert cells.pop("failure") == "false"
        assert row.pop("failure") is False
        assert cells == {name: "" if value is None else str(value) for name, value in row.items()}


def test_tampered_log_is_exported_unchanged(anna: Actor) -> None:
    fill(3)
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET data = %s, time = %s WHERE seq = 2", ["no\njson", 2**62])
    file = "".join(export.write(Export(Format.JSONL, 1, 3), anna))
    _one, two, _three, end = json_lines(file)
    assert (two["data"], two["at"]) == ("no\njson", "")
    assert end["rows"] == 3
    assert "".join(export.write(Export(Format.CSV, 1, 3), anna)).count("no\njson") == 1


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("usual_gc")
def test_memory_does_not_grow_with_the_range(
    anna: Actor, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    fill(1_000)
    monkeypatch.setattr(stored_rows, "BATCH", 100)

    def peak(last: int) -> int:
        tracemalloc.start()
        for _ in export.write(Export(form, 1, last), anna):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)  # memory for modules loaded once
    assert peak(1_000) < 2 * peak(200)


# --- The range ------------------------------------------------------------------------------------
def test_range_is_limited_to_existing_rows() -> None:
    assert find_range() is None
    fill(5)
    begin = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    times = AuditEvent.objects.order_by("seq").values_list("time", flat=True)
    at = [begin + dt.timedelta(microseconds=time) for time in times]
    behind = at[-1] + dt.timedelta(microseconds=1)
    assert find_range() == (1, 5)
    assert find_range(first=2, last=4) == (2, 4)
    assert find_range(first=4, last=900) == (4, 5)
    assert find_range(first=6) is None
    assert find_range(since=at[0], until=behind) == (1, 5)
    assert find_range(until=at[0]) is None
    assert find_range(since=behind) is None


# --- The event of the export ----------------------------------------------------------------------
def test_complete_export_is_recorded_with_its_range_and_rows(as_administrator: Client) -> None:
    fill()
    last = AuditEvent.objects.count()
    answer = as_administrator.post(PAGE, {"format": "jsonl"})
    assert answer["Content-Disposition"].startswith(f'attachment; filename="audit-log_1_{last}_')
    [started] = events("audit.export_started")
    assert started.details == {"filters": [], "format": "jsonl", "first": 1, "last": last}
    assert events("audit.exported") == []
    *lines, _end = json_lines(content(answer))
    assert len(lines) == last
    [done] = events("audit.exported")
    assert done.details == {"filters": [], "format": "jsonl", "first": 1, "last": last, "rows": last}
    assert (done.actor_id, done.request_id) == (started.actor_id, started.request_id)
    assert events("audit.export_failed") == []


@pytest.mark.parametrize("form", FORMATS)
def test_lost_reader_is_recorded_and_has_no_complete_file(
    as_administrator: Client, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    fill(30)
    monkeypatch.setattr(stored_rows, "BATCH", 10)
    answer: Any = as_administrator.post(PAGE, {"format": form, "last": "30"})
    pieces = iter(answer.streaming_content)
    got = [next(pieces) for _ in range(3)]
    answer.close()
    assert b'"export":"whole"' not in b"".join(got)
    [failed] = events("audit.export_failed")
    assert failed.details["rows"] == 20
    assert failed.failure
    assert events("audit.exported") == []


@pytest.mark.parametrize("form", FORMATS)
def test_fault_during_the_export_breaks_the_connection_and_is_recorded(
    as_administrator: Client, monkeypatch: pytest.MonkeyPatch, form: Format
) -> None:
    fill(30)

    def one_batch(*args: Any, **kwargs: Any) -> Iterator[Any]:
        yield next(iter(stored_rows.rows_after(*args, **kwargs)))[:10]
        raise OperationalError("gone")

    monkeypatch.setattr(export, "rows_after", one_batch)
    answer = as_administrator.post(PAGE, {"format": form})
    with pytest.raises(OperationalError):  # the server ends the connection without the last chunk
        content(answer)
    [failed] = events("audit.export_failed")
    assert failed.details["rows"] == 10


ends_access = pytest.mark.parametrize(
    "end_access",
    [
        lambda pk: accounts.deactivate_person(person_id=pk, actor=TESTS),
        lambda pk: accounts.sign_out_everywhere(person_id=pk, actor=TESTS),
        lambda pk: accounts.set_password(person_id=pk, password="another long enough one", actor=TESTS),
        lambda pk: accounts.revoke_role(person_id=pk, role=ADMINISTRATOR, actor=TESTS),
    ],
    ids=["deactivated", "signed out", "new password", "role revoked"],
)


@ends_access
@pytest.mark.parametrize("again", [False, True])
def test_running_export_ends_with_the_access_of_its_person(
    as_administrator: Client,
    administrator: User,
    monkeypatch: pytest.MonkeyPatch,
    end_access: Callable[[int], object],
    again: bool,
) -> None:
    make_person("other", ADMINISTRATOR)
    fill(30)
    monkeypatch.setattr(stored_rows, "BATCH", 10)
    answer: Any = as_administrator.post(PAGE, {"format": "jsonl", "last": "30"})
    pieces = iter(answer.streaming_content)
    assert len(json_lines((next(pieces) + next(pieces)).decode())) == 10
    end_access(administrator.pk)
    if again:
        accounts.reactivate_person(person_id=administrator.pk, actor=TESTS)
    with pytest.raises(AccessEnded):  # the server ends the connection without the last chunk
        next(pieces)
    [failed] = events("audit.export_failed")
    assert (failed.actor_id, failed.details["rows"]) == (str(administrator.pk), 10)
    assert events("audit.exported") == []


@ends_access
def test_end_of_a_file_is_not_sent_to_a_person_whose_access_ended(
    as_administrator: Client, administrator: User, end_access: Callable[[int], object]
) -> None:
    make_person("other", ADMINISTRATOR)
    fill()
    answer: Any = as_administrator.post(PAGE, {"format": "jsonl", "last": "5"})
    pieces = iter(answer.streaming_content)
    assert len(json_lines((next(pieces) + next(pieces)).decode())) == 5
    end_access(administrator.pk)
    with pytest.raises(AccessEnded):
        next(pieces)
    assert events("audit.exported") == []


@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("/accounts/sign-out-elsewhere/", {}),
        (
            "/accounts/password/",
            {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD},
        ),
    ],
)
def test_export_goes_on_in_the_session_that_ends_the_others(
    as_administrator: Client, page: str, form: dict[str, str]
) -> None:
    fill()
    answer: Any = as_administrator.post(PAGE, {"format": "jsonl", "last": "5"})
    pieces = iter(answer.streaming_content)
    begin = next(pieces)
    assert as_administrator.post(page, form).status_code == 302
    assert len(json_lines((begin + b"".join(pieces)).decode())) == 6
    assert len(events("audit.exported")) == 1


def test_no_row_is_sent_without_the_event(as_administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fill()

    def full(_event: object) -> int:
        raise OperationalError("full")

    monkeypatch.setattr(export, "record", full)
    as_administrator.raise_request_exception = False
    answer = as_administrator.post(PAGE, {"format": "csv"})
    assert answer.status_code == 503
    assert not answer.streaming


# --- The page -------------------------------------------------------------------------------------
@pytest.mark.once
def test_form_is_shown_to_readers_of_the_log(as_administrator: Client, as_staff: Client) -> None:
    page = text(as_administrator.get(PAGE))
    assert "<h1>Export the audit log</h1>" in page
    assert as_staff.get(PAGE).status_code == 403
    assert as_staff.post(PAGE, {"format": "csv"}).status_code == 403


@pytest.mark.once
@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, "Choose a format"),
        ({"format": "xml"}, "Choose a format"),
        ({"format": "csv", "since": "soon"}, "Enter a date, such as 2026-03-07"),
        ({"format": "csv", "until": "9999-12-31"}, "Enter a date, such as 2026-03-07"),
        ({"format": "csv", "first": "0"}, "Enter the number of an event, such as 1200"),
        ({"format": "csv", "last": str(2**63)}, "Enter the number of an event, such as 1200"),
        ({"format": "csv", "since": "2026-02-02", "until": "2026-02-01"}, "must not be before the first day"),
        ({"format": "csv", "first": "9", "last": "8"}, "must not be before the first event"),
        ({"format": "csv", "first": "900000"}, "There is no event in this range"),
        ({"format": "csv", "until": "1999-12-31"}, "There is no event in this range"),
    ],
)
def test_impossible_export_is_reported(as_administrator: Client, entry: dict[str, str], words: str) -> None:
    fill()
    answer = as_administrator.post(PAGE, entry)
    assert not answer.streaming
    assert words in text(answer)
    assert events("audit.export_started") == []


@pytest.mark.parametrize("spelling", ["%Y-%m-%d", "%-d %B %Y", "%d.%m.%Y"])
def test_days_are_read_like_the_filters_of_the_log(as_administrator: Client, spelling: str) -> None:
    fill()
    today = timezone.localtime()
    days = [(today + dt.timedelta(days=more)).strftime(spelling) for more in (-1, 1)]
    answer = as_administrator.post(PAGE, {"format": "jsonl", "since": days[0], "until": days[1]})
    assert answer.streaming
    *lines, _end = json_lines(content(answer))
    assert lines[0]["seq"] == 1
    answer = as_administrator.post(PAGE, {"format": "jsonl", "until": days[0]})
    assert "There is no event in this range" in text(answer)


def test_day_is_in_the_readers_time_zone(as_administrator: Client, administrator: User) -> None:
    at = dt.datetime(2026, 3, 7, 16, tzinfo=dt.UTC)  # in Tokyo it is the next day
    fill(2)
    with lift_triggers(connection), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET time = %s", [int(at.timestamp() * 1_000_000)])
    User.objects.filter(pk=administrator.pk).update(time_zone="Asia/Tokyo")
    on = {"format": "jsonl", "since": "2026-03-08", "until": "2026-03-08"}
    assert as_administrator.post(PAGE, on).streaming
    before = {"format": "jsonl", "since": "2026-03-07", "until": "2026-03-07"}
    assert not as_administrator.post(PAGE, before).streaming


# --- The command ----------------------------------------------------------------------------------
def fetch(after: int, *options: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("audit_export", "--after", str(after), *options, stdout=out)
    return json_lines(out.getvalue()) if out.getvalue() else []


def test_command_continues_after_the_last_run_and_misses_nothing() -> None:
    fill(4)
    *first, end = fetch(0)
    assert [line["seq"] for line in first] == [1, 2, 3, 4]
    fill(2)
    *second, _end = fetch(end["last"])
    assert [line["seq"] for line in second] == [5, 6, 7, 8]
    assert [line["action"] for line in second[:2]] == ["audit.export_started", "audit.exported"]
    assert second[0]["actor_name"] == "system:audit_export"
    assert second[0]["previous_hash"] == end["hash"]


def test_command_ignores_its_own_events() -> None:
    fill(2)
    fetch(0)
    assert fetch(2) == []
    assert AuditEvent.objects.count() == 4


def test_command_does_not_take_a_person_with_its_name_for_itself() -> None:
    fill(1)
    [*_lines, end] = fetch(0)
    before = AuditEvent.objects.count()
    person = Actor(id="7", name="system:audit_export", roles=("auditor",))
    export.begin(Export(Format.JSONL, 1, 1), person)
    assert [line["seq"] for line in fetch(end["last"])[:-1]] == [*range(end["last"] + 1, before + 2)]


@pytest.mark.parametrize("error", [EventRefused("bent"), OperationalError("full")])
def test_command_writes_nothing_before_its_event_is_recorded(
    monkeypatch: pytest.MonkeyPatch, error: DatabaseError
) -> None:
    def refuse(_event: object) -> int:
        raise error

    fill(2)
    monkeypatch.setattr(export, "record", refuse)
    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("audit_export", "--after=0", stdout=out)
    assert (out.getvalue(), raised.value.returncode) == ("", 1)
    assert ("takes no events" in str(raised.value)) is isinstance(error, EventRefused)


@pytest.mark.parametrize("after", ["-1", "9"])
def test_missing_sequence_is_refused(after: str) -> None:
    fill(2)
    with pytest.raises(CommandError, match="The log ends at 2"):
        call_command("audit_export", f"--after={after}")
    assert AuditEvent.objects.count() == 2


def test_output_without_a_reader_is_a_failed_export() -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise AssertionError

    fill(2)
    export_to = export.write(Export(Format.JSONL, 1, 2), Actor.system("audit_export"), delivered=Gone().flush)
    with pytest.raises(BrokenPipeError), closing(export_to) as pieces:
        list(pieces)
    [failed] = events("audit.export_failed")
    assert failed.details["rows"] == 2
