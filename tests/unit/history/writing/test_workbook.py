"""The types of the cells of Excel files, as programs read them, and the About sheet."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, Literal

import duckdb
import openpyxl
import pandas as pd
import pytest
from duckdb_extensions import import_extension

from apps.accounts.models import User
from apps.cdp.consumers import NewConsumer
from apps.core.export.formats import Format
from apps.history.columns import COLUMNS
from apps.history.writing import UNREADABLE
from tests.support.export_files import layout, numbered, stored, written

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TYPED = (
    "submitted_at", "duration_ms", "http_status", "contradicted", "order_ref", "order_number", "user_name",
    "date_of_birth", "phone_numbers", "passport_number",
)  # fmt: skip
SUBMITTED = dt.datetime(2026, 7, 1, 22, 30, 59, 999_999, tzinfo=dt.UTC)
LOCAL = dt.datetime(2026, 7, 2, 0, 30, 59)  # noqa: DTZ001  # Berlin; Excel has no zones
BORN = dt.date(1991, 3, 7)
VALUES: dict[str, Any] = {
    "submitted_at": LOCAL, "duration_ms": 1234, "http_status": 201, "contradicted": "false",
    "order_ref": "=SUM(1,2)", "order_number": "0012345678901234567890", "user_name": "sue",
    "date_of_birth": dt.datetime(1991, 3, 7), "phone_numbers": "+353861234567", "passport_number": "007E5",  # noqa: DTZ001
}  # fmt: skip


def one_row(person: User, **changed: Any) -> None:
    consumer = NewConsumer(
        first_name="Ida",
        last_name="Clean",
        date_of_birth=changed.pop("date_of_birth", BORN),
        phone_numbers=("+353861234567",),
        passport_number="007E5",
    )
    columns = {
        "submitted_at": SUBMITTED,
        "duration_ms": 1234,
        "http_status": 201,
        "order_ref": "=SUM(1,2)",
        "order_number": "0012345678901234567890",
        "consumer": consumer,
    }
    stored(person, [columns | changed])


def test_openpyxl_reads_dates_as_dates_numbers_as_numbers_and_texts_as_texts(supervisor: User) -> None:
    one_row(supervisor)
    sheet = openpyxl.load_workbook(io.BytesIO(written(layout(Format.XLSX, TYPED))[0])).worksheets[0]
    cells = dict(zip(TYPED, sheet[2], strict=True))
    assert {key: cell.value for key, cell in cells.items()} == VALUES
    assert {key for key, cell in cells.items() if cell.is_date} == {"submitted_at", "date_of_birth"}
    assert cells["order_ref"].data_type == "s"  # a formula would be "f"
    assert (cells["submitted_at"].number_format, cells["date_of_birth"].number_format) == (
        r"yyyy\-mm\-dd\ hh:mm:ss",
        r"yyyy\-mm\-dd",
    )
    assert sheet.auto_filter.ref == "A1:J2"
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].value == "Time submitted (Europe/Berlin)"
    assert sheet["B1"].value == "Duration in milliseconds"


@pytest.mark.parametrize("engine", ["openpyxl", "calamine"])
def test_pandas_reads_the_types(supervisor: User, engine: Literal["openpyxl", "calamine"]) -> None:
    stored(supervisor, [{"submitted_at": SUBMITTED, "duration_ms": number} for number in (1, 2)])
    columns = ("submitted_at", "duration_ms", "order_ref")
    frame = pd.read_excel(io.BytesIO(written(layout(Format.XLSX, columns))[0]), engine=engine)
    assert [kind.kind for kind in frame.dtypes[:2]] == ["M", "i"]
    assert [*frame.iloc[:, 0]] == [LOCAL, LOCAL]
    assert frame.iloc[:, 1].sum() == 3


def test_duckdb_reads_dates_as_dates_numbers_as_numbers_and_texts_as_texts(
    supervisor: User, tmp_path: Path
) -> None:
    one_row(supervisor)
    file = tmp_path / "export.xlsx"
    file.write_bytes(written(layout(Format.XLSX, TYPED))[0])
    with duckdb.connect(config={"extension_directory": str(tmp_path)}) as reader:
        import_extension("excel", con=reader)
        reader.load_extension("excel")
        found = reader.execute(f"FROM read_xlsx('{file}')")  # the test's own file
        [row] = found.fetchall()
    # It reads a day without a time at midnight, and recognizes truth values.
    assert dict(zip(TYPED, row, strict=True)) == VALUES | {"date_of_birth": BORN, "contradicted": False}


@pytest.mark.parametrize(
    ("born", "read"),
    [
        (dt.date(1890, 5, 1), "1890-05-01"),
        (dt.date(1900, 2, 28), "1900-02-28"),
        (dt.date(1900, 3, 1), dt.datetime(1900, 3, 1)),  # noqa: DTZ001
        (dt.date(9999, 12, 31), dt.datetime(9999, 12, 31)),  # noqa: DTZ001
        (None, None),
    ],
)
def test_days_that_spreadsheets_count_differently_are_text(
    supervisor: User, born: dt.date | None, read: object
) -> None:
    one_row(supervisor, date_of_birth=born)
    assert rows_of(["outcome", "date_of_birth"]) == [["created", read]]


def rows_of(columns: list[str]) -> list[list[Any]]:
    """The rows below the headings, as openpyxl reads them."""
    data = written(layout(Format.XLSX, columns))[0]
    return [list(line) for line in openpyxl.load_workbook(io.BytesIO(data)).worksheets[0].values][1:]


def test_unreadable_and_erased_dates_are_no_numbers(supervisor: User) -> None:
    stored(supervisor, [{"encrypted_consumer": b"damaged"}, {}])
    assert rows_of(["outcome", "date_of_birth", "last_name"]) == [
        ["created", None, None],
        ["created", UNREADABLE, UNREADABLE],
    ]


def test_headings_of_excel_files_are_unique() -> None:
    """A table with two equal headings cannot be sorted or joined by name."""
    names = layout(Format.XLSX).headings
    assert len(set(names)) == len(names) == len(COLUMNS)


def test_about_sheet_says_what_the_export_is_and_verifies_the_rows(
    supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.history.writing.workbook.MAX_ROWS", 10)
    stored(supervisor, numbered(25))
    wanted = layout(
        Format.XLSX,
        ("submitted_at", "order_ref"),
        facts=(("Exported by", "Sue Supervisor (sue)"), ("Outcome", "=1+1")),
    )
    data = written(wanted)[0]
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Submissions", "Submissions 2", "Submissions 3", "About"]
    assert [sheet.auto_filter.ref for sheet in book] == ["A1:B11", "A1:B11", "A1:B6", None]
    about = {line[0]: line[1] for line in book["About"].values if line[0]}
    assert about["Exported by"] == "Sue Supervisor (sue)"
    assert about["Outcome"] == "=1+1"
    assert book["About"]["B2"].data_type == "s"
    assert about["Time zone of times"] == "Europe/Berlin"
    assert about["Rows"] == 25
    assert about["Time submitted (Europe/Berlin)"] == "submitted_at"
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sheets = [file.read(name) for name in file.namelist() if name.startswith("xl/worksheets/sheet")]
    assert about["SHA-256 of the rows"] == hashlib.sha256(b"".join(sheets)).hexdigest()
    assert len(sheets) == 3
