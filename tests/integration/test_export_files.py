"""The export engine with a real database: the list's rows, one snapshot, little memory, cancellation."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import socket
import threading
import tracemalloc
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.consumers.models import DigestKind, Submission, SubmissionDigest
from apps.consumers.searches import Search
from apps.consumers.sending.digests import search_digest
from apps.consumers.viewer import Viewer
from apps.core.export.csv_cells import restore
from apps.core.export.formats import Format
from apps.history.selection import Selection, SubmissionFilter
from apps.history.writing import cancel_query, workbook, write
from tests.support.entries import FULL
from tests.support.export_files import (
    EVERYTHING,
    HOSTILE,
    PLAIN,
    expected,
    headings,
    json_lines,
    layout,
    numbered,
    repeat,
    row,
    stored,
    written,
)
from tests.support.office import WHAT, converted, find_office
from tests.support.people import make_person
from tests.support.spreadsheets import from_xlsx

pytestmark = pytest.mark.django_db(transaction=True)
needs_office = pytest.mark.skipif(find_office() is None, reason=f"needs {WHAT}")
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


@pytest.fixture
def own_connection() -> Iterator[BaseDatabaseWrapper]:
    """A separate connection for the export, as in the portal."""
    own = connections.create_connection("default")
    if own.vendor == "postgresql":
        own.ensure_connection()
        with socket.socket(fileno=os.dup(own.connection.fileno())) as same:
            # A fixed size: otherwise Linux may enlarge the buffer until a whole result fits.
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    yield own
    own.close()


class Stopped(Exception):
    """Raised by the callback that watches an export."""


# PostgreSQL has two ways to read the rows: as lines of CSV, and as values for every other format.
FORMATS = [
    pytest.param(format_, marks=[] if format_ in (Format.CSV, Format.JSONL) else [pytest.mark.once])
    for format_ in Format
]
SELECTIONS: list[dict[str, Any]] = [
    {},
    {"since": dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)},
    {"until": dt.datetime(2026, 10, 25, 1, tzinfo=dt.UTC)},
    {"outcomes": ("created",)},
    {"outcomes": ("created", "rejected")},
    {"order_ref": "ORDER 7"},
    {"answered_from": 10, "answered_under": 20},
    {"search": "filled in below"},
]


@pytest.mark.parametrize("asked", SELECTIONS, ids=lambda asked: "+".join(asked) or "all")
@pytest.mark.parametrize("everybody", [True, False])
def test_file_contains_the_rows_of_the_list_in_order(
    supervisor: User, asked: dict[str, Any], everybody: bool
) -> None:
    other = make_person("oda", "staff")
    stored(supervisor, numbered(30))
    Submission.objects.bulk_create(row(other, duration_ms=number) for number in range(30))
    digest = search_digest(DigestKind.EMAIL, "ida@example.com")
    for submission in Submission.objects.all()[:5]:
        SubmissionDigest.objects.create(submission=submission, kind=DigestKind.EMAIL, digest=digest)
    if "search" in asked:
        asked = {"search": Search(uuid.uuid4(), ((DigestKind.EMAIL, (digest,)),))}
    selection = Selection(SubmissionFilter(**asked), Viewer(str(other.pk), sees_all=everybody))
    listed = [str(one.public_id) for one in selection.submissions()]
    for format_ in (Format.CSV, Format.JSONL):
        data, summary = written(layout(format_, ("submission", "submitted_at", "order_ref")), selection)
        if format_ is Format.JSONL:
            found = [line["submission"] for line in json_lines(data)[1]]
        else:
            found = [line["submission"] for line in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))]
        assert found == listed
        assert summary.rows == len(listed)


@pytest.mark.parametrize("format_", FORMATS)
def test_rows_stored_during_the_export_are_not_in_the_file(
    supervisor: User, own_connection: BaseDatabaseWrapper, format_: Format
) -> None:
    """They are stored without waiting: an export blocks no writer."""
    stored(supervisor, [{"submitted_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}])
    repeat(Submission.objects.get(), 4_999)
    seen: list[int] = []

    def progress(rows: int) -> None:
        seen.append(rows)
        with transaction.atomic():
            row(supervisor).save()
            row(supervisor, submitted_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)).save()

    pieces: list[bytes] = []
    summary = write(
        EVERYTHING, layout(format_, PLAIN), pieces.append, connection=own_connection, progress=progress
    )
    assert summary.rows == 5_000
    assert seen == [1_000, 2_000, 3_000, 4_000, 5_000]
    assert Submission.objects.count() == 5_010
    if format_ is Format.XLSX:
        assert len(from_xlsx(b"".join(pieces), len(PLAIN))) == 5_000
    elif format_ is not Format.JSONL:
        assert len(b"".join(pieces).splitlines()) == 5_001


def test_inside_a_transaction_nothing_is_exported(supervisor: User) -> None:
    with transaction.atomic(), pytest.raises(transaction.TransactionManagementError):
        written(layout(Format.CSV))


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("columns", [PLAIN, ("order_ref", "last_name")], ids=["plain", "personal"])
@pytest.mark.usefixtures("usual_gc")
def test_memory_does_not_grow_with_the_rows(
    supervisor: User, format_: Format, columns: tuple[str, ...]
) -> None:
    stored(supervisor, [{"consumer": FULL, "order_href": "https://example.com/orders/" + "0" * 100}])

    def peak() -> int:
        tracemalloc.start()
        try:
            write(
                EVERYTHING, layout(format_, columns), len, connection=connection, progress=lambda rows: None
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    submission = Submission.objects.get()
    peak()
    repeat(submission, 1_999)  # two chunks, the one before and the one after
    few = peak()
    repeat(submission, 2_000)
    assert peak() < few * 1.2 + 200_000


def _many_wide_rows(person: User) -> None:
    """More bytes than the sockets between server and client can buffer (see ``own_connection``)."""
    width = 12_000 if connection.vendor == "postgresql" else 12
    stored(person, [{"order_href": "x" * width, "consumer": FULL}])
    repeat(Submission.objects.get(), 2_499)


@pytest.mark.parametrize("format_", FORMATS)
def test_cancelled_statement_raises_and_the_connection_stays_usable(
    supervisor: User, own_connection: BaseDatabaseWrapper, format_: Format
) -> None:
    _many_wide_rows(supervisor)
    seen: list[int] = []

    def progress(rows: int) -> None:
        if not seen:
            other = threading.Thread(target=cancel_query, args=(own_connection,))
            other.start()
            other.join()
        seen.append(rows)

    pieces: list[bytes] = []
    with pytest.raises(OperationalError):
        write(EVERYTHING, layout(format_, PLAIN), pieces.append, connection=own_connection, progress=progress)
    assert seen[-1] < 2_500
    with own_connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("columns", [PLAIN, ("order_ref", "last_name")], ids=["plain", "personal"])
@pytest.mark.parametrize("where", ["progress", "write_bytes"])
def test_watcher_can_stop_the_export(
    supervisor: User,
    own_connection: BaseDatabaseWrapper,
    format_: Format,
    columns: tuple[str, ...],
    where: str,
) -> None:
    _many_wide_rows(supervisor)
    taken = 0

    def take(data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        if where == "write_bytes" and taken > 5_000:
            raise Stopped

    def progress(rows: int) -> None:
        if where == "progress":
            raise Stopped

    with pytest.raises(Stopped):
        write(EVERYTHING, layout(format_, columns), take, connection=own_connection, progress=progress)
    with own_connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
                " AND datname = current_database() AND backend_type = 'client backend'"
            )
            assert cursor.fetchone() == (0,)


def test_cancelling_without_a_running_query_does_nothing(own_connection: BaseDatabaseWrapper) -> None:
    cancel_query(own_connection)
    own_connection.ensure_connection()
    cancel_query(own_connection)
    assert written(layout(Format.CSV), connection=own_connection)[1].rows == 0


@pytest.mark.once
def test_rows_beyond_a_sheets_limit_go_to_further_sheets(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(supervisor, numbered(25))
    wanted = layout(Format.XLSX, ("order_ref", "submitted_at"))
    monkeypatch.setattr(workbook, "MAX_ROWS", 10)
    data, _summary = written(wanted)
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Submissions", "Submissions 2", "Submissions 3", "About"]
    assert [sheet.max_row for sheet in book.worksheets[:3]] == [11, 11, 6]
    assert {sheet["A1"].value for sheet in book.worksheets[:3]} == {"Order reference"}
    assert from_xlsx(data, 2) == expected(wanted)


@pytest.mark.once
def test_sheet_that_becomes_too_large_is_followed_by_another(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(supervisor, numbered(2_500))
    monkeypatch.setattr(workbook, "_FULL", 50_000)
    wanted = layout(Format.XLSX, ("order_ref",))
    data, _summary = written(wanted)
    assert len(openpyxl.load_workbook(io.BytesIO(data)).sheetnames) == 3 + 1
    assert from_xlsx(data, 1) == expected(wanted)


@pytest.mark.once
@needs_office
def test_libreoffice_opens_excel_files_with_every_text_unchanged(supervisor: User, tmp_path: Path) -> None:
    # LibreOffice drops characters that its own XML cannot contain, and ends lines with a line feed.
    stored(supervisor, [{"order_ref": text} for text in HOSTILE if not _UNREADABLE_THERE.search(text)])
    wanted = layout(Format.XLSX, ("order_ref", "http_status", "submitted_at"))
    file = tmp_path / "export.xlsx"
    file.write_bytes(written(wanted)[0])
    [sheet] = converted([file], "fods", tmp_path)
    head, *rows = _office_rows(sheet)
    assert head == headings(wanted)
    assert [line[0] for line in rows] == [cells[0] for cells in expected(wanted)]
    assert [line[2] for line in rows] == [cells[2] for cells in expected(wanted)]


@pytest.mark.once
@needs_office
def test_libreoffice_reads_the_types_of_excel_cells(supervisor: User, tmp_path: Path) -> None:
    submitted = dt.datetime(2026, 7, 1, 22, 30, 59, 999_999, tzinfo=dt.UTC)
    consumer = NewConsumer("Ida", "Clean", date_of_birth=dt.date(1991, 3, 7))
    old = NewConsumer("Ida", "Old", date_of_birth=dt.date(1890, 5, 1))
    stored(
        supervisor,
        [
            {"submitted_at": submitted, "consumer": consumer, "duration_ms": 1234, "order_ref": "=SUM(1,2)"},
            {"submitted_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "consumer": old, "order_ref": "007"},
        ],
    )
    file = tmp_path / "export.xlsx"
    columns = ("submitted_at", "duration_ms", "contradicted", "order_ref", "date_of_birth")
    file.write_bytes(written(layout(Format.XLSX, columns))[0])
    [sheet] = converted([file], "fods", tmp_path)
    assert "table:formula" not in sheet.read_text()
    assert _office_values(sheet)[1:3] == [
        [
            ("date", "2026-07-02T00:30:59"),
            ("float", "1234"),
            ("string", "false"),
            ("string", "=SUM(1,2)"),
            ("date", "1991-03-07"),
        ],
        [
            ("date", "2026-01-01T01:00:00"),
            ("", ""),
            ("string", "false"),
            ("string", "007"),
            ("string", "1890-05-01"),
        ],
    ]


@pytest.mark.once
@needs_office
def test_libreoffice_reads_no_cell_as_a_formula(supervisor: User, tmp_path: Path) -> None:
    stored(
        supervisor,
        [
            {"order_ref": text, "actor_name": text, "consumer": NewConsumer(first_name="x", last_name=text)}
            for text in HOSTILE
        ],
    )
    columns = ("order_ref", "person", "last_name")
    files = []
    for name, format_, separator in (
        ("whole.xlsx", Format.XLSX, ","),
        ("comma.csv", Format.CSV, ","),
        ("semicolon.csv", Format.CSV, ";"),
        ("tab.csv", Format.CSV, "\t"),
    ):
        files.append(tmp_path / name)
        files[-1].write_bytes(written(layout(format_, columns, separator=separator))[0])
    [sheet] = converted(files[:1], "fods", tmp_path)
    assert "table:formula" not in sheet.read_text()
    # Each file also with the separator that the reader's spreadsheet does not expect.
    for code in (44, 59, 9):
        folder = tmp_path / str(code)
        folder.mkdir()
        opened_as = f"Text - txt - csv (StarCalc):{code},34,76,1,,0,false,true,false,false,false,-1"
        for sheet in converted(files[1:], "fods", folder, opened_as=opened_as):
            formulas = [
                cell.get(f"{TABLE}formula")
                for cell in ET.parse(sheet).iter(f"{TABLE}table-cell")
                if cell.get(f"{TABLE}formula")
            ]
            assert formulas == [], (code, sheet.name)


@pytest.mark.once
@needs_office
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_libreoffice_opens_csv_with_every_text_unchanged(
    supervisor: User, tmp_path: Path, separator: str
) -> None:
    stored(supervisor, [{"order_ref": text} for text in HOSTILE if not _UNREADABLE_THERE.search(text)])
    file = tmp_path / "export.csv"
    wanted = layout(Format.CSV, ("order_ref", "error_code"), separator=separator)
    file.write_bytes(written(wanted)[0])
    # Columns imported as text (2), as a careful person does, so that a reference does not become a number.
    opened_as = (
        f"Text - txt - csv (StarCalc):{ord(separator)},34,76,1,1/2/2/2,0,false,false,false,false,false,-1"
    )
    [sheet] = converted([file], "fods", tmp_path, opened_as=opened_as)
    _head, *rows = _office_rows(sheet)
    assert [restore(line[0]) for line in rows] == [cells[0] for cells in expected(wanted)]


_UNREADABLE_THERE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\u0085\u2028\u2029\x7f]")


def _office_values(sheet: Path) -> list[list[tuple[str, str]]]:
    """The type and the value of each cell of the first sheet in LibreOffice's own XML."""
    rows = []
    for line in next(ET.parse(sheet).iter(f"{TABLE}table")).iter(f"{TABLE}table-row"):
        cells = []
        for cell in line.iter(f"{TABLE}table-cell"):
            type_ = cell.get(f"{OFFICE}value-type", "")
            stored_as = {"float": "value", "string": ""}.get(type_, f"{type_}-value")
            text = "\n".join(map(_office_text, cell.iter(f"{TEXT}p")))
            cells.append((type_, cell.get(f"{OFFICE}{stored_as}", text)))
        rows.append(cells)
    return rows


def _office_rows(sheet: Path) -> list[list[str]]:
    """The cells of the first sheet in LibreOffice's own XML, with all blanks and line ends."""
    rows = []
    for line in next(ET.parse(sheet).iter(f"{TABLE}table")).iter(f"{TABLE}table-row"):
        cells: list[str] = []
        for cell in line.iter(f"{TABLE}table-cell"):
            text = "\n".join(map(_office_text, cell.iter(f"{TEXT}p")))
            cells += [text] * int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        if any(cells):
            rows.append(cells)
    return rows


def _office_text(paragraph: ET.Element) -> str:
    special = {f"{TEXT}tab": "\t", f"{TEXT}line-break": "\n"}
    text = paragraph.text or ""
    for part in paragraph:
        if part.tag == f"{TEXT}s":
            text += " " * int(part.get(f"{TEXT}c", "1"))
        text += special.get(part.tag, "") or (_office_text(part) if part.tag != f"{TEXT}s" else "")
        text += part.tail or ""
    return text
