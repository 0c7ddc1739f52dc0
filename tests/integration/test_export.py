"""The export pages and the file, from the choice to the end of the file."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import itertools
import json
import re
import threading
import zoneinfo
from typing import Any

import openpyxl
import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.accounts.roles import PERSONAL_DATA_EXPORT, SUPERVISOR
from apps.audit.models import AuditEvent
from apps.consumers.models import (
    UNBOUNDED,
    DigestKind,
    Outcome,
    RecordedSearch,
    ShownRange,
    Submission,
    SubmissionDigest,
    level_of,
)
from apps.consumers.sending.digests import search_digest
from apps.core.export.formats import Format
from apps.history import selection
from apps.history.exports import delivery, lifecycle, making, shown_ranges
from apps.history.exports.lifecycle import FailureCode, Progress
from apps.history.forms.export import values_of
from apps.history.forms.filters import SEARCH
from apps.history.models import Export, State
from tests.support import personal_rows
from tests.support.entries import FULL, clean, store
from tests.support.export_files import numbered, row
from tests.support.export_rows import prepared, stored
from tests.support.keys import digest_again
from tests.support.people import PASSWORD, TESTS, acting, events, make_person

pytestmark = pytest.mark.django_db(transaction=True)

TIMEOUT = 30.0  # seconds


@pytest.fixture(autouse=True)
def _quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0.05)


@pytest.fixture
def permitted(supervisor: User) -> User:
    """A supervisor who may export personal data."""
    accounts.grant_role(person_id=supervisor.pk, role=PERSONAL_DATA_EXPORT, actor=TESTS)
    return User.objects.get(pk=supervisor.pk)


@pytest.fixture
def as_permitted(permitted: User) -> Client:
    client = Client()
    client.force_login(permitted)
    return client


def entry(**changed: str) -> dict[str, str]:
    """The form data of the export form; ``-`` removes a name."""
    values = values_of(None, time_zone="UTC") | changed
    return {name: value for name, value in values.items() if value != "-"}


def choose(client: Client, query: str = "", **changed: str) -> Export:
    """Submit the form; returns the address of the export's page."""
    answer = client.post(f"{reverse('history:export')}{query}", entry(**changed))
    assert answer.status_code == 303, answer.content
    export = Export.objects.latest("pk")
    assert answer["Location"] == reverse("history:exported", args=[export.public_id])
    return export


def download(client: Client, export: Export) -> bytes:
    answer: Any = client.post(reverse("history:export_file", args=[export.public_id]))
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def cells(content: bytes) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]


def text(answer: Any) -> str:
    return " ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split())


# --- The choice ---------------------------------------------------------------------------------------
def test_page_shows_the_contents_of_the_file(as_supervisor: Client, supervisor: User) -> None:
    for number in range(3):
        store(supervisor, Outcome.CREATED, clean(last_name=f"N{number}"))
    store(supervisor, Outcome.REJECTED, clean(last_name="Rejected"))
    page = as_supervisor.get(reverse("history:export"), {"outcome": "created"})
    assert "The file will have 3 rows , the same as the list" in text(page)
    assert "Outcome: Created" in text(page)
    assert "Last 30 days" in text(page)
    assert "Personal data" not in text(page)  # a supervisor needs an explicit permission for it


@pytest.mark.parametrize("query", ["?since=nonsense", "?outcome=lost", "?since=2026-03-07&until=2026-03-01"])
def test_unreadable_filters_lead_back_to_the_list(as_supervisor: Client, query: str) -> None:
    answer = as_supervisor.get(f"{reverse('history:export')}{query}")
    assert answer.status_code == 303
    assert answer["Location"].startswith(reverse("history:submissions"))
    assert "nonsense" not in query or "nonsense" in answer["Location"]


def test_form_with_errors_returns_filled(as_permitted: Client) -> None:
    values = entry(format="csv", show_last_name="on", note="as typed", time_zone="Mars/Base", separator="tab")
    page = as_permitted.post(reverse("history:export"), values)
    html = page.content.decode()
    assert page.status_code == 200
    assert "Choose the reason for exporting personal data" in html
    assert "Enter a time zone" in html
    for typed in ("as typed", "Mars/Base"):
        assert typed in html
    assert 'href="#id_reason"' in html
    assert Export.objects.count() == 0


def test_up_and_down_move_a_column_without_script(as_supervisor: Client) -> None:
    page = as_supervisor.post(reverse("history:export"), entry(move="up:person", time_zone="Asia/Tokyo"))
    html = page.content.decode()
    assert html.index('name="show_person"') < html.index('name="show_submitted_at"')
    assert "Asia/Tokyo" in html
    assert "There is a problem" not in html


def test_tampered_form_with_personal_columns_is_denied_and_recorded(as_supervisor: Client) -> None:
    answer = as_supervisor.post(reverse("history:export"), entry(show_emails="on", reason="complaint"))
    assert answer.status_code == 403
    [event] = events("access.denied")
    assert event.details["permission"] == "consumers.export_personal_data"
    assert Export.objects.count() == 0


def test_staff_cannot_export(as_staff: Client) -> None:
    assert as_staff.get(reverse("history:export")).status_code == 403


def test_last_choice_is_preselected(as_permitted: Client) -> None:
    choose(
        as_permitted,
        format="jsonl",
        time_zone="Asia/Tokyo",
        show_emails="on",
        reason="complaint",
        show_resolved_by="on",
        position_resolved_by="0",
        position_submitted_at="5",
    )
    html = as_permitted.get(reverse("history:export")).content.decode()
    assert re.search(r'value="jsonl"[^>]*checked', html)
    assert "Asia/Tokyo" in html
    first = re.search(r'name="show_(\w+)"[^>]*checked', html)
    assert first is not None
    assert first[1] == "resolved_by"
    assert re.search(r'name="show_emails"[^>]*checked', html) is None


def test_choice_sent_after_the_session_ended_is_restored(as_permitted: Client, permitted: User) -> None:
    address = f"{reverse('history:export')}?outcome=created"
    values = entry(format="jsonl", show_last_name="on", reason="complaint", note="as typed")
    values["entry_of"] = as_permitted.get(address).context["entry_of"]
    visitor = Client()
    assert visitor.post(address, values).status_code == 302
    visitor.post(
        reverse("account_login"), {"login": permitted.username, "password": PASSWORD, "next": address}
    )
    html = visitor.get(address).content.decode()
    assert "as typed" in html
    assert re.search(r'value="jsonl"[^>]*checked', html)
    assert re.search(r'name="show_last_name"[^>]*checked', html)
    assert Export.objects.count() == 0


# --- The file -----------------------------------------------------------------------------------------
def test_file_contains_the_rows_of_the_list_in_order(as_supervisor: Client, supervisor: User) -> None:
    other = make_person("otto", "staff")
    for number in range(5):
        store(other if number % 2 else supervisor, Outcome.CREATED, clean(last_name=f"N{number}"))
    store(supervisor, Outcome.REJECTED, clean(last_name="Rejected"))
    export = choose(as_supervisor, "?outcome=created", format="csv", show_submission="on")
    content = download(as_supervisor, export)
    rows = cells(content)
    listed = as_supervisor.get(reverse("history:submissions"), {"outcome": "created"}).content.decode()
    in_list = re.findall(r"/submissions/([0-9a-f-]{36})/", listed)
    assert [row["submission"] for row in rows] == [*dict.fromkeys(in_list)]
    assert len(rows) == 5
    export.refresh_from_db()
    assert (export.state, export.rows, export.bytes) == (State.FINISHED, 5, len(content))
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    [event] = events("export.finished")
    assert event.details["sha256"] == export.sha256
    page = text(as_supervisor.get(reverse("history:exported", args=[export.public_id])))
    assert "The export is finished" in page
    assert export.sha256 in page


def test_exact_search_is_exported_with_its_digests_at_that_time(
    as_permitted: Client, permitted: User, settings: Settings
) -> None:
    wanted = store(permitted, Outcome.CREATED, clean(last_name="Searched"))
    store(permitted, Outcome.CREATED, clean(last_name="Other"))
    answer = as_permitted.post(reverse("history:submissions"), {f"{SEARCH}-last_name": "Searched"})
    query = answer["Location"].partition("?")[2]
    export = choose(as_permitted, f"?{query}", format="jsonl", show_submission="on")
    settings.DIGEST_KEYS = ["another digest key of this test alone, 0123456789"]
    assert digest_again(wanted) == []
    lines = [json.loads(line) for line in download(as_permitted, export).decode().splitlines()]
    assert [line["submission"] for line in lines[1:-1]] == [str(wanted.public_id)]
    search = str(RecordedSearch.objects.get().public_id)
    stored = json.dumps(Export.objects.get().selection)
    assert search in stored
    for digest in SubmissionDigest.objects.values_list("digest", flat=True):
        assert bytes(digest).hex() not in stored
    [started] = events("export.started")
    assert started.details["search"] == search
    assert "last_name" in started.details["filters"]


@pytest.mark.parametrize("when", ["before the start", "after it"])
def test_export_of_an_erased_search_writes_no_file(
    as_permitted: Client, permitted: User, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """An empty file would say that nothing matches, and one without the search would contain every row."""
    store(permitted, Outcome.CREATED, clean(last_name="Searched"))
    answer = as_permitted.post(reverse("history:submissions"), {f"{SEARCH}-last_name": "Searched"})
    query = answer["Location"].partition("?")[2]
    export = choose(as_permitted, f"?{query}", format="csv", show_submission="on")
    if when == "before the start":
        personal_rows.erase(RecordedSearch.objects.get())
    else:
        start = lifecycle.start

        def start_then_erase(*args: Any) -> None:
            start(*args)
            personal_rows.erase(RecordedSearch.objects.get())

        monkeypatch.setattr(lifecycle, "start", start_then_erase)
    page = text(as_permitted.post(reverse("history:export_file", args=[export.public_id]), follow=True))
    export.refresh_from_db()
    assert export.rows == 0
    if when == "before the start":
        assert "Nothing was exported: the search no longer exists or cannot be read" in page
        assert (export.state, events("export.started")) == (State.READY, [])
        return
    assert "The search no longer exists. Search again, then export." in page
    assert (export.state, export.failure_code) == (State.FAILED, "search_gone")
    [failed] = events("export.failed")
    assert failed.details["failure_code"] == "search_gone"


def test_file_contains_all_rows_of_a_common_name_in_order(
    as_permitted: Client, permitted: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a common name the list uses another query than the file."""
    monkeypatch.setattr(selection, "MANY", 20)
    monkeypatch.setattr(selection, "NEAR", 70)
    made = Submission.objects.bulk_create(row(permitted, **columns) for columns in numbered(160))
    common = search_digest(DigestKind.LAST_NAME, "Common")
    wanted = [one for number, one in enumerate(made) if number % 5]
    SubmissionDigest.objects.bulk_create(
        SubmissionDigest(submission=one, kind=DigestKind.LAST_NAME, digest=common) for one in wanted
    )
    address = reverse("history:submissions")
    found = as_permitted.post(f"{address}?period=all", {f"{SEARCH}-last_name": "Common", "period": "all"})
    export = choose(
        as_permitted, f"?{found['Location'].partition('?')[2]}", format="csv", show_submission="on"
    )
    listed: list[str] = []
    pages, older = 0, found["Location"]
    while older:
        page = as_permitted.get(older)
        on_page = re.findall(r"/submissions/([0-9a-f-]{36})/", page.content.decode())
        listed += dict.fromkeys(on_page)
        pages, older = pages + 1, page.context["older_url"]
    assert (pages, len(listed)) == (3, len(wanted))
    assert [line["submission"] for line in cells(download(as_permitted, export))] == listed


def test_personal_columns_need_a_reason_and_are_not_in_the_log(
    as_permitted: Client, permitted: User, capfd: pytest.CaptureFixture[str]
) -> None:
    store(permitted, Outcome.CREATED, FULL)
    export = choose(
        as_permitted,
        format="csv",
        show_last_name="on",
        show_emails="on",
        reason="data_check",
        note="Marker of the note",
    )
    content = download(as_permitted, export)
    [row] = cells(content)
    assert row["last_name"] == FULL.last_name
    recorded = [str(event.data) for event in AuditEvent.objects.filter(action__startswith="export.")]
    logged = "".join(capfd.readouterr())
    for personal in (FULL.last_name, *FULL.emails, "Marker of the note"):
        assert not any(personal in data for data in recorded)
        assert personal not in logged
    assert events("export.started")[0].details["reason"] == "data_check"
    export.refresh_from_db()
    assert b"Marker" not in export.encrypted_note


@pytest.mark.parametrize(
    ("form", "kind", "stem", "ending"),
    [
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "", "xlsx"),
        ("csv", "text/csv; charset=utf-8", "", "csv"),
        ("csv_exact", "text/csv; charset=utf-8", "-exact", "csv"),
        ("jsonl", "application/jsonl; charset=utf-8", "", "jsonl"),
    ],
)
def test_file_name_describes_the_export(
    as_supervisor: Client, form: str, kind: str, stem: str, ending: str
) -> None:
    zone = "_Europe-Dublin" if ending == "csv" else ""
    export = choose(
        as_supervisor, "?since=2026-03-01&until=2026-03-07", format=form, time_zone="Europe/Dublin"
    )
    answer: Any = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    assert b"".join(answer.streaming_content)
    assert answer["Content-Type"] == kind
    name = rf"order-consumers{stem}_2026-03-01_2026-03-07{zone}_\d{{8}}T\d{{6}}Z\.{ending}"
    assert re.fullmatch(f'attachment; filename="{name}"', answer["Content-Disposition"])
    assert answer["X-Accel-Buffering"] == "no"


def test_days_in_the_file_name_are_in_the_readers_time_zone(as_supervisor: Client, supervisor: User) -> None:
    User.objects.filter(pk=supervisor.pk).update(time_zone="Asia/Tokyo")
    export = choose(as_supervisor, "?since=2026-03-01", format="csv")
    answer: Any = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    b"".join(answer.streaming_content)
    assert "order-consumers_2026-03-01_all_" in answer["Content-Disposition"]


def test_file_is_made_once(as_supervisor: Client) -> None:
    export = choose(as_supervisor)
    download(as_supervisor, export)
    again = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    assert (again.status_code, len(events("export.started"))) == (303, 1)


def test_http_1_0_reader_gets_the_length_in_advance(as_supervisor: Client) -> None:
    export = choose(as_supervisor, format="csv")
    address = reverse("history:export_file", args=[export.public_id])
    answer: Any = as_supervisor.post(address, SERVER_PROTOCOL="HTTP/1.0")
    assert int(answer["Content-Length"]) == len(b"".join(answer.streaming_content))


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_failed_start_of_a_file_leads_to_a_page_with_the_reason(
    as_supervisor: Client, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    def refuse() -> None:
        raise OSError

    export = choose(as_supervisor, format="csv")
    monkeypatch.setattr(making, "_unnamed_file", refuse)
    address = reverse("history:export_file", args=[export.public_id])
    answer = as_supervisor.post(address, SERVER_PROTOCOL=version)
    assert answer.status_code == 303
    assert "could not write the file" in text(as_supervisor.get(answer["Location"]))
    export.refresh_from_db()
    assert (export.state, export.slot) == (State.FAILED, None)


@pytest.mark.parametrize("form", list(Format))
def test_answer_waits_for_the_first_bytes_and_not_for_the_query(
    as_supervisor: Client, supervisor: User, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    store(supervisor, Outcome.CREATED, clean(last_name="Held"))
    may_go_on, counted = threading.Event(), making.ExportFile._count
    let_go: list[bool] = []

    def hold(self: making.ExportFile, rows: int) -> None:
        let_go.append(may_go_on.wait(TIMEOUT))
        counted(self, rows)

    monkeypatch.setattr(making.ExportFile, "_count", hold)
    export = choose(as_supervisor, format=form)
    answer: Any = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    pieces = iter(answer.streaming_content)
    assert next(pieces)
    may_go_on.set()
    b"".join(pieces)
    assert let_go == [True]  # without waiting for a timeout


# --- Permissions --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["exported", "export_progress", "export_file", "export_cancel"])
def test_another_persons_export_is_not_found(as_supervisor: Client, name: str) -> None:
    export = stored(make_person("olga", "supervisor"), State.READY)
    address = reverse(f"history:{name}", args=[export.public_id])
    send = as_supervisor.get if name in ("exported", "export_progress") else as_supervisor.post
    assert send(address).status_code == 404
    export.refresh_from_db()
    assert export.state == State.READY


@pytest.mark.parametrize("taken", [SUPERVISOR, PERSONAL_DATA_EXPORT])
def test_revoked_permission_takes_effect_before_the_download(
    as_permitted: Client, permitted: User, taken: str
) -> None:
    export = choose(as_permitted, show_emails="on", reason="complaint")
    accounts.revoke_role(person_id=permitted.pk, role=taken, actor=TESTS)
    as_permitted.force_login(User.objects.get(pk=permitted.pk))
    answer = as_permitted.post(reverse("history:export_file", args=[export.public_id]))
    assert answer.status_code == 403
    assert len(events("access.denied")) == 1
    assert events("export.started") == []


def test_reading_the_page_changes_nothing_and_the_file_needs_a_post(as_supervisor: Client) -> None:
    export = choose(as_supervisor)
    assert as_supervisor.get(reverse("history:exported", args=[export.public_id])).status_code == 200
    assert as_supervisor.get(reverse("history:export_file", args=[export.public_id])).status_code == 405
    export.refresh_from_db()
    assert export.state == State.READY


def test_no_file_without_csrf_token(supervisor: User) -> None:
    export = prepared(supervisor)
    client = Client(enforce_csrf_checks=True)
    client.force_login(supervisor)
    answer = client.post(reverse("history:export_file", args=[export.public_id]))
    assert answer.status_code == 403
    assert events("export.started") == []


# --- Failures -----------------------------------------------------------------------------------------
def test_full_slots_are_reported_and_the_choice_stays(
    as_supervisor: Client, supervisor: User, settings: Settings
) -> None:
    settings.EXPORTS_AT_ONCE = 1
    stored(supervisor, State.RUNNING)
    export = choose(as_supervisor)
    answer = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert "The portal is busy" in text(answer)
    assert "Download" in text(answer)
    export.refresh_from_db()
    assert (export.state, events("export.started")) == (State.READY, [])


def test_no_file_if_the_event_cannot_be_recorded(
    as_supervisor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_event: object) -> int:
        raise DatabaseError

    export = choose(as_supervisor)
    monkeypatch.setattr(lifecycle, "record", refuse)
    answer = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    assert answer.status_code == 503
    assert "could not write its record" in text(answer)
    assert "Download" in text(answer)
    export.refresh_from_db()
    assert export.state == State.READY


@pytest.mark.parametrize("format_", [Format.CSV, Format.XLSX])
def test_file_of_an_export_whose_time_zone_this_machine_has_lost_is_in_utc(
    as_supervisor: Client, supervisor: User, format_: Format
) -> None:
    store(supervisor, Outcome.CREATED)
    export = choose(as_supervisor, "?period=all", format=format_.value)
    Export.objects.filter(pk=export.pk).update(time_zone="Europe/Gone")
    answer: Any = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    content = b"".join(answer.streaming_content)
    if format_ is Format.CSV:
        assert "_UTC_" in answer["Content-Disposition"]
        assert "submitted_at (UTC)" in cells(content)[0]
    else:
        book = openpyxl.load_workbook(io.BytesIO(content))
        assert ("Time zone of times", "UTC") in [line[:2] for line in book["About"].values]
    export.refresh_from_db()
    assert (export.state, export.slot) == (State.FINISHED, None)


def test_tampered_head_of_the_log_is_not_reported_as_full_slots(as_supervisor: Client) -> None:
    export = choose(as_supervisor)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_head SET seq = seq - 1")
    answer = as_supervisor.post(reverse("history:export_file", args=[export.public_id]))
    assert answer.status_code == 503
    assert "could not write its record" in text(answer)
    export.refresh_from_db()
    assert (export.state, export.slot) == (State.READY, None)


def test_cancelling_ends_the_export_and_shows_the_next_step(as_supervisor: Client, supervisor: User) -> None:
    export = stored(supervisor, State.RUNNING, rows=7)
    page = as_supervisor.get(reverse("history:exported", args=[export.public_id]))
    assert "Cancel export" in text(page)
    answer = as_supervisor.post(reverse("history:export_cancel", args=[export.public_id]), follow=True)
    assert "The export was cancelled" in text(answer)
    assert "Export again" in text(answer)
    [event] = events("export.cancelled")
    assert event.details["rows"] == 7


def test_progress_is_a_number_and_a_bar(as_supervisor: Client, supervisor: User) -> None:
    export = stored(supervisor, State.RUNNING, rows=500, rows_expected=1000, bytes=10_000, bytes_sent=5_000)
    part = as_supervisor.get(reverse("history:export_progress", args=[export.public_id]))
    assert '<progress max="100" value="25"' in part.content.decode()
    assert "25 %" in text(part)
    assert "500 of 1,000 rows" in text(part)
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize("code", list(lifecycle.FailureCode))
def test_failed_export_shows_the_next_step(as_supervisor: Client, supervisor: User, code: str) -> None:
    export = stored(supervisor, State.FAILED, failure_code=code)
    Export.objects.filter(pk=export.pk).update(selection={**export.selection, "query": "outcome=created"})
    page = as_supervisor.get(reverse("history:exported", args=[export.public_id]))
    assert "The export failed" in text(page)
    again = f"{reverse('history:export')}?outcome=created&amp;again={export.public_id}"
    assert f'href="{again}"' in page.content.decode()


def test_events_are_in_chronological_order(as_supervisor: Client) -> None:
    download(as_supervisor, choose(as_supervisor))
    recorded = AuditEvent.objects.filter(action__startswith="export.").order_by("seq")
    assert [event.action for event in recorded] == ["export.started", "export.finished"]


def test_worker_ends_exports_of_lost_processes(supervisor: User) -> None:
    from consumerportal.management.commands.worker import Worker

    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=10)
    export = stored(supervisor, State.DELIVERING, beat_at=long_ago)
    Worker(threading.Event()).duties["sweep_exports"]()
    export.refresh_from_db()
    assert (export.state, export.slot) == (State.FAILED, None)


def test_excel_file_says_who_exported_what(as_permitted: Client, permitted: User) -> None:
    """The About sheet has everything but the note and values of a consumer."""
    store(permitted, Outcome.CREATED, FULL)
    answer = as_permitted.post(f"{reverse('history:submissions')}", {f"{SEARCH}-last_name": FULL.last_name})
    query = f"{answer['Location'].partition('?')[2]}&outcome=created&since=2026-03-01"
    export = choose(
        as_permitted,
        f"?{query}",
        format="xlsx",
        time_zone="Europe/Dublin",
        show_phone_numbers="on",
        reason="complaint",
        note="Marker of the note",
    )
    book = openpyxl.load_workbook(io.BytesIO(download(as_permitted, export)))
    lines = itertools.takewhile(lambda line: line[0], book["About"].values)  # before those of the columns
    about = {label: value for label, value, *_rest in lines}
    export.refresh_from_db()
    assert export.started_at is not None
    started = export.started_at.astimezone(zoneinfo.ZoneInfo("Europe/Dublin"))
    assert about["Export of submissions"] == str(export.public_id)
    assert about["Exported by"] == f"{permitted.name} ({permitted.username})"
    assert about["Rows as of"] == f"{started:%Y-%m-%d %H:%M:%S} (Europe/Dublin)"
    assert about["Period"].startswith("from 2026-03-01 00:00:00 (")
    assert about["Outcome"] == "Created"
    assert about["Last name"] == "matches a search, whose values are not shown"
    assert about["Reason for personal data"] == "A complaint or a claim"
    assert about["Rows"] == 1
    everything = " ".join(str(cell) for line in book["About"].values for cell in line)
    for personal in (FULL.last_name, "Marker of the note", *FULL.phone_numbers):
        assert personal not in everything


def test_worker_closes_the_ranges_of_exports_that_have_ended(supervisor: User) -> None:
    """Until then, an ended export may show any later submission: the report decides by the events."""
    store(supervisor, Outcome.CREATED)
    actor = acting(supervisor)
    ended, running = prepared(supervisor), prepared(supervisor)
    for export in (ended, running):
        lifecycle.start(export, actor)
    assert lifecycle.fail(ended, FailureCode.DATABASE_LOST, Progress(), actor)
    assert shown_ranges.close_shown_ranges() == 1
    newest = Submission.objects.get().pk
    still, closed = ShownRange.objects.order_by("-last")
    assert still.last == UNBOUNDED
    assert newest <= closed.last < UNBOUNDED
    assert closed.level == level_of(closed.first, closed.last)
    assert lifecycle.finish(running, Progress(rows=1), "0" * 64, actor)
    assert shown_ranges.close_shown_ranges() == 1
    assert shown_ranges.close_shown_ranges() == 0
    assert not ShownRange.objects.filter(last=UNBOUNDED).exists()
