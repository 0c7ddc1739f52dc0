"""Every stored text is preserved in every kind of file, and none becomes a formula."""

from __future__ import annotations

import csv
import datetime as dt
import importlib
import io
import json
import re
import uuid
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from apps.accounts.models import User
from apps.cdp.consumers import Identifier, NewConsumer
from apps.consumers.models import Outcome, Submission
from apps.core import personal_data
from apps.core.export.csv_cells import restore
from apps.core.export.formats import Format
from apps.history.columns import COLUMNS
from apps.history.writing import SEPARATORS, UNREADABLE, Layout, write
from apps.history.writing.cells import SOURCES, Kind
from apps.history.writing.texts import Csv
from apps.history.writing.workbook import Workbook
from tests.support.entries import FULL, resolved_by
from tests.support.export_files import (
    EVERYTHING,
    HOSTILE,
    PERSONAL,
    PLAIN,
    ROWS,
    expected,
    headings,
    json_lines,
    layout,
    numbered,
    row,
    stored,
    written,
)
from tests.support.keys import new_encryption_key
from tests.support.spreadsheets import decoded, from_xlsx

pytestmark = pytest.mark.django_db
some_rows = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CSV = (Format.CSV, Format.CSV_EXACT)


def from_csv(data: bytes, wanted: Layout) -> list[list[str]]:
    """The rows without the header, with guards removed."""
    text = data.decode("utf-8-sig" if wanted.byte_order_mark else "utf-8")
    head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=wanted.separator)
    assert head == headings(wanted)
    if wanted.format is Format.CSV:
        return [[restore(cell) for cell in row] for row in rows]
    return rows


@some_rows
@given(rows=st.lists(ROWS, max_size=4), format_=st.sampled_from(CSV), separator=st.sampled_from(SEPARATORS))
@pytest.mark.parametrize("columns", [PLAIN, (*PLAIN, *PERSONAL)], ids=["plain", "all"])
def test_csv_round_trips(
    supervisor: User, rows: list[dict[str, Any]], format_: Format, separator: str, columns: tuple[str, ...]
) -> None:
    stored(supervisor, rows)
    wanted = layout(format_, columns, separator=separator)
    data, done = written(wanted)
    assert from_csv(data, wanted) == expected(wanted)
    assert done.rows == len(rows)


@pytest.mark.parametrize("format_", [Format.CSV, Format.CSV_EXACT, Format.JSONL])
@pytest.mark.parametrize("columns", [("outcome",), ("outcome", "contradicted"), ("outcome", PERSONAL[0])])
def test_outcome_that_is_contradicted_is_the_one_of_the_list(
    supervisor: User, format_: Format, columns: tuple[str, ...]
) -> None:
    facts: dict[str, Any] = {"consumer": FULL, "consumer_ref": "", **resolved_by(supervisor)}
    absent = facts | {"outcome": Outcome.NOT_CREATED, "order_ref": "x"}
    created = facts | {"outcome": Outcome.CREATED, "consumer_ref": "a", "contradicted": True}
    stored(supervisor, [absent, absent | {"contradicted": True}, created])
    wanted = layout(format_, columns)
    data = written(wanted)[0]
    if format_ is Format.JSONL:
        found = [line["outcome"] for line in json_lines(data)[1]]
    else:
        found = [cells[0] for cells in from_csv(data, wanted)]
    assert sorted(found) == ["created", "not_created", "unknown"]


@some_rows
@given(rows=st.lists(ROWS, max_size=4))
def test_json_lines_round_trip(supervisor: User, rows: list[dict[str, Any]]) -> None:
    stored(supervisor, rows)
    wanted = layout(Format.JSONL)
    first, found, last = json_lines(written(wanted)[0])
    assert (first["columns"], first["time_zone"]) == ([*wanted.columns], wanted.time_zone)
    assert last == {"export": "whole", "rows": len(rows), "unreadable": 0}
    texts = [key for key in PLAIN if SOURCES[key].kind in (Kind.TEXT, Kind.MOMENT, Kind.UUID)]
    for line, submission, cells in zip(found, EVERYTHING.submissions(), expected(wanted), strict=True):
        assert [*line] == [*wanted.columns]
        given_cells = dict(zip(wanted.columns, cells, strict=True))
        assert {key: line[key] or "" for key in texts} == {key: given_cells[key] for key in texts}
        assert (line["http_status"], line["duration_ms"]) == (submission.http_status, submission.duration_ms)
        assert line["contradicted"] is False
        consumer = submission.consumer
        if consumer is None:
            assert {line[key] for key in PERSONAL} == {None}
            continue
        born = consumer.date_of_birth
        assert (line["last_name"], line["date_of_birth"]) == (consumer.last_name, born and born.isoformat())
        assert (line["emails"], line["phone_numbers"]) == ([*consumer.emails], [*consumer.phone_numbers])
        assert line["identifiers"] == [{"provider": i.provider, "id": i.id} for i in consumer.identifiers]


@some_rows
@given(rows=st.lists(ROWS, max_size=4))
def test_excel_files_round_trip(supervisor: User, rows: list[dict[str, Any]]) -> None:
    stored(supervisor, rows)
    wanted = layout(Format.XLSX)
    assert from_xlsx(written(wanted)[0], len(wanted.columns)) == expected(wanted)


@pytest.mark.once
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("text", HOSTILE)
def test_one_odd_text_among_ordinary_ones_is_preserved(text: str, place: int) -> None:
    """One odd text must switch the rows around it to the careful path."""
    odd = ["d", "e", "f"]
    odd[place] = text
    rows = [(odd[0], "b", "c"), ("a", odd[1], "c"), ("a", "b", odd[2])]
    columns = ("order_ref", "person", "outcome")
    pieces: list[bytes] = []
    book = Workbook(layout(Format.XLSX, columns), pieces.append)
    book.begin()
    book.rows(rows)
    book.end(3, 0)
    assert from_xlsx(b"".join(pieces), 3) == [[*row] for row in rows]
    for format_ in CSV:
        lines: list[bytes] = []
        wanted = layout(format_, columns)
        file = Csv(wanted, lines.append)
        file.begin()
        file.rows(rows)
        assert from_csv(b"".join(lines), wanted) == [[*row] for row in rows]


def hostile(person: User) -> None:
    """A row for each hostile text, in a reference and in a name."""
    stored(
        person,
        [
            {"order_ref": text, "actor_name": "x", "consumer": NewConsumer(first_name="F", last_name=text)}
            for text in HOSTILE
        ],
    )


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("format_", CSV)
def test_pandas_and_duckdb_read_csv_alike(
    supervisor: User, tmp_path: Path, format_: Format, separator: str
) -> None:
    hostile(supervisor)
    wanted = layout(format_, ("order_ref", "person", "last_name", "emails"), separator=separator)
    data, _done = written(wanted)
    file = tmp_path / "export.csv"
    file.write_bytes(data)
    rows = [*csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator)]
    frame = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert [[*frame.columns], *frame.to_numpy().tolist()] == rows
    table = duckdb.connect().execute(
        f"SELECT * FROM read_csv('{file}', delim='{separator}', quote='\"', escape='\"', header=true,"
        " all_varchar=true, nullstr='')"
    )
    assert [
        [name for name, *_type in table.description],
        *([cell or "" for cell in line] for line in table.fetchall()),
    ] == rows


@pytest.mark.once
def test_pandas_and_duckdb_read_json_lines_alike(supervisor: User, tmp_path: Path) -> None:
    hostile(supervisor)
    file = tmp_path / "export.jsonl"
    file.write_bytes(written(layout(Format.JSONL, ("order_ref", "last_name")))[0])
    texts = [*reversed(HOSTILE)]
    frame = pd.read_json(file, lines=True, dtype=False)
    rows = frame[frame["export"].isna()]
    assert [*rows["order_ref"]] == [*rows["last_name"]] == texts
    table = duckdb.connect().execute(
        f"SELECT order_ref, last_name FROM read_json('{file}', format='newline_delimited',"
        " columns={export: 'VARCHAR', order_ref: 'VARCHAR', last_name: 'VARCHAR'}) WHERE export IS NULL"
    )
    assert table.fetchall() == [(text, text) for text in texts]


@pytest.mark.once
def test_openpyxl_and_pandas_read_excel_files_alike(supervisor: User) -> None:
    hostile(supervisor)
    wanted = layout(Format.XLSX, ("order_ref", "last_name", "emails"))
    data, _done = written(wanted)
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    head, *rows = sheet.iter_rows()
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in head] == headings(wanted)
    assert {cell.data_type for line in rows for cell in line if cell.value is not None} <= {"s", "inlineStr"}
    assert {cell.number_format for line in rows for cell in line[:2]} == {"@"}
    found = [[decoded(cell.value or "") for cell in line] for line in rows]
    assert found == expected(wanted)
    frame = pd.read_excel(io.BytesIO(data), dtype=str, na_filter=False, engine="openpyxl")
    assert [[decoded(cell) for cell in line] for line in frame.to_numpy().tolist()] == expected(wanted)


def test_no_line_of_a_spreadsheet_csv_begins_a_formula_with_any_separator(
    supervisor: User,
) -> None:
    hostile(supervisor)
    data, _done = written(layout(Format.CSV, ("order_ref", "last_name")))
    unseen = ' \u00a0\u200b\ufeff\u2060\u3000"'
    for line in re.split("[\r\n]", data.decode("utf-8-sig")):
        assert not line.lstrip(unseen).startswith(tuple("=+-@\t＝＋－＠﹦﹢﹣﹫"))


@pytest.mark.parametrize("format_", CSV)
@pytest.mark.parametrize("key", ["order_ref", "http_status", "title"])
def test_file_of_one_empty_column_has_a_line_for_each_row(
    supervisor: User, format_: Format, key: str
) -> None:
    stored(supervisor, [{"consumer": NewConsumer("a", "b")}] * 3)
    data, done = written(layout(format_, [key], byte_order_mark=False))
    assert data.decode() == f'{key}\n""\n""\n""\n'
    assert done.rows == 3


@pytest.mark.parametrize("format_", Format)
def test_empty_selection_makes_a_complete_file(supervisor: User, format_: Format) -> None:
    data, done = written(layout(format_))
    assert done.rows == 0
    assert expected(layout(format_)) == []
    if format_ is Format.XLSX:
        assert from_xlsx(data, len(COLUMNS)) == []
    elif format_ is not Format.JSONL:
        assert data.decode("utf-8-sig").splitlines() == [",".join(headings(layout(format_)))]


@pytest.mark.parametrize("mark", [True, False])
def test_byte_order_mark_is_written_on_request(supervisor: User, mark: bool) -> None:
    data, _done = written(layout(Format.CSV, byte_order_mark=mark))
    assert data.startswith(b"\xef\xbb\xbf") is mark


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati", "CET", "EST5EDT"],
)
@pytest.mark.parametrize("format_", Format)
def test_times_have_the_zone_offset_of_their_moment(supervisor: User, zone: str, format_: Format) -> None:
    around = [
        dt.datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC),
        dt.datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        dt.datetime(2027, 7, 1, 12, tzinfo=dt.UTC),
    ]
    stored(supervisor, [{"submitted_at": moment} for moment in around])
    wanted = layout(format_, ("submitted_at", "resolved_at"), zone)
    data, _done = written(wanted)
    if format_ is Format.JSONL:
        found = [[line["submitted_at"], line["resolved_at"] or ""] for line in json_lines(data)[1]]
    else:
        found = from_xlsx(data, 2) if format_ is Format.XLSX else from_csv(data, wanted)
    assert found == expected(wanted)


def test_times_before_the_calendar_of_spreadsheets_are_text(supervisor: User) -> None:
    first = dt.datetime(1900, 3, 2, 12, tzinfo=dt.UTC)
    stored(
        supervisor,
        [{"submitted_at": moment} for moment in (dt.datetime(1890, 5, 1, 12, tzinfo=dt.UTC), first)],
    )
    [day], [text] = from_xlsx(written(layout(Format.XLSX, ["submitted_at"], "UTC"))[0], 1)
    assert (day, text) == ("1900-03-02 12:00:00", "1890-05-01 12:00:00")
    [sheet, _about] = openpyxl.load_workbook(
        io.BytesIO(written(layout(Format.XLSX, ["submitted_at"], "UTC"))[0])
    ).worksheets
    assert [sheet[place].data_type for place in ("A2", "A3")] == ["d", "s"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "columns",
    [
        ("order_ref", "submitted_at", "http_status", "corrects"),
        ("order_ref", "submitted_at", "http_status", "corrects", *PERSONAL),
        ("corrects", "title"),
        ("order_ref", "person", "batch", "outcome"),
    ],
)
def test_database_and_python_write_the_same_bytes(
    supervisor: User, monkeypatch: pytest.MonkeyPatch, columns: tuple[str, ...]
) -> None:
    hostile(supervisor)
    erased, unreadable = row(supervisor), row(supervisor, encrypted_consumer=b"damaged")
    Submission.objects.bulk_create([erased, unreadable])
    layouts = [layout(format_, columns, separator=one) for format_ in CSV for one in SEPARATORS]
    by_database = [written(wanted) for wanted in layouts]
    module = importlib.import_module("apps.history.writing.write")
    for way in ("_write_copied", "_write_arrays"):
        monkeypatch.setattr(module, way, module._write_formatted)
    for wanted, data in zip(layouts, by_database, strict=True):
        assert written(wanted) == data, (wanted.format, wanted.separator)


def test_correction_names_the_submission_that_it_corrects(supervisor: User) -> None:
    stored(supervisor, [{}])
    earlier = Submission.objects.get()
    later = row(supervisor, resubmission_of=earlier)
    later.save()
    for format_ in CSV:
        wanted = layout(format_, ("submission", "corrects"))
        assert from_csv(written(wanted)[0], wanted) == [
            [str(later.public_id), str(earlier.public_id)],
            [str(earlier.public_id), ""],
        ]


def test_list_of_people_and_its_row_are_columns(supervisor: User) -> None:
    stored(supervisor, [{}])
    made_for = uuid.uuid4()
    row(supervisor, batch=made_for, batch_row=12).save()
    for format_ in CSV:
        wanted = layout(format_, ("batch", "batch_row"))
        assert from_csv(written(wanted)[0], wanted) == [[str(made_for), "12"], ["", ""]]
    lines = written(layout(Format.JSONL, ("batch", "batch_row")))[0].decode().splitlines()
    assert [json.loads(line) for line in lines[1:3]] == [
        {"batch": str(made_for), "batch_row": 12},
        {"batch": None, "batch_row": None},
    ]
    [sheet, _about] = openpyxl.load_workbook(
        io.BytesIO(written(layout(Format.XLSX, ("batch", "batch_row")))[0])
    ).worksheets
    assert [[cell.value for cell in cells] for cells in sheet.rows] == [
        ["List of people", "Row of the list"],
        [str(made_for), 12],
    ]


def test_erased_consumers_are_empty_and_unreadable_ones_are_marked(
    supervisor: User, settings: Settings
) -> None:
    old = settings.ENCRYPTION_KEYS
    stored(supervisor, [{"consumer": NewConsumer("Ida", "Old")}, {}, {"encrypted_consumer": b"damaged"}])
    settings.ENCRYPTION_KEYS = [new_encryption_key()]
    of_a_lost_key = row(supervisor, NewConsumer("Ida", "Lost"))
    settings.ENCRYPTION_KEYS = [new_encryption_key(), *old]
    new = row(supervisor, NewConsumer("Ida", "New"))
    moved = row(supervisor, encrypted_consumer=new.encrypted_consumer)
    no_json = row(supervisor)
    no_json.encrypted_consumer = personal_data.encrypted(no_json, "encrypted_consumer", "no JSON")
    Submission.objects.bulk_create([of_a_lost_key, new, moved, no_json])
    wanted = layout(Format.CSV_EXACT, ("person", "last_name"))
    data, done = written(wanted)
    assert [cells[1] for cells in from_csv(data, wanted)] == [
        UNREADABLE, UNREADABLE, "New", UNREADABLE, UNREADABLE, "", "Old"
    ]  # fmt: skip
    assert (done.rows, done.unreadable) == (7, 4)
    _first, lines, last = json_lines(written(layout(Format.JSONL, ("last_name", "emails")))[0])
    assert [line["last_name"] for line in lines] == [
        UNREADABLE, UNREADABLE, "New", UNREADABLE, UNREADABLE, None, "Old"
    ]  # fmt: skip
    assert [line["emails"] for line in lines] == [
        UNREADABLE, UNREADABLE, [], UNREADABLE, UNREADABLE, None, []
    ]  # fmt: skip
    assert last["unreadable"] == 4


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '"Doe"',
        '{"lastName": null}',
        '{"lastName": 5}',
        '{"lastName": "\\ud800"}',
        '{"lastName": "Doe"} {}',
    ],
)
def test_decrypted_text_that_is_no_consumer_is_marked_as_unreadable(supervisor: User, text: str) -> None:
    odd = row(supervisor)
    odd.encrypted_consumer = personal_data.encrypted(odd, "encrypted_consumer", text)
    Submission.objects.bulk_create([odd])
    wanted = layout(Format.CSV, ("person", "last_name"))
    data, done = written(wanted)
    assert [cells[1] for cells in from_csv(data, wanted)] == [UNREADABLE]
    assert done.unreadable == 1
    data, done = written(layout(Format.JSONL, ("person", "last_name")))
    assert [line["last_name"] for line in json_lines(data)[1]] == [UNREADABLE]
    assert done.unreadable == 1


def test_several_values_share_a_cell(supervisor: User) -> None:
    consumer = NewConsumer(
        "Ida",
        "Clean",
        emails=("a@example.com", "b@example.com"),
        identifiers=(Identifier("P", "1"), Identifier("L", "2")),
    )
    stored(supervisor, [{"consumer": consumer}])
    wanted = layout(Format.CSV, ("emails", "identifiers"))
    assert from_csv(written(wanted)[0], wanted) == [["a@example.com; b@example.com", "P: 1; L: 2"]]


@pytest.mark.once
def test_text_too_long_for_excel_is_reported_and_not_truncated(supervisor: User) -> None:
    stored(supervisor, [{"order_href": "😀" * 16_383 + "a"}, {"order_href": "😀" * 16_384}])
    [[done], [whole]] = from_xlsx(written(layout(Format.XLSX, ["order_href"]))[0], 1)
    assert done == "(32768 characters, more than Excel holds in a cell: see the CSV file)"
    assert whole == "😀" * 16_383 + "a"


@pytest.mark.parametrize("format_", Format)
def test_head_is_sent_before_the_first_row(supervisor: User, format_: Format) -> None:
    stored(supervisor, numbered(3))
    happened: list[str] = []
    write(
        EVERYTHING,
        layout(format_),
        lambda data: happened.append("bytes"),
        connection=_watched(happened),
        progress=lambda rows: happened.append("rows"),
    )
    assert happened[0] == "bytes"
    assert happened.index("bytes") < happened.index("statement") < happened.index("rows")


def _watched(happened: list[str]) -> Any:
    from django.db import connection

    real = connection.cursor

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(connection, name)

        def cursor(self) -> Any:
            happened.append("statement")
            return real()

    return Watched()


def test_truncated_file_is_not_complete(supervisor: User) -> None:
    stored(supervisor, numbered(50))
    data, _done = written(layout(Format.XLSX))
    for end in range(0, len(data), max(len(data) // 50, 1)):
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(data[:end]))
    lines = written(layout(Format.JSONL))[0].splitlines()
    assert ["export" in json.loads(line) for line in lines] == [True] + [False] * 50 + [True]
    assert json.loads(lines[0])["export"] != "whole"


@pytest.mark.once
@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": ()},
        {"columns": ("token",)},
        {"columns": ("outcome", "outcome")},
        {"columns": ("title", "order_ref")},
        {"zone": "Atlantis/Centre"},
        {"zone": ""},
        {"separator": "a"},
    ],
)
def test_layout_with_unknown_columns_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"column|zone|separator"):
        layout(Format.CSV, **wrong)
