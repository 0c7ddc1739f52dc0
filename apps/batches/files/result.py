"""The result file of a batch: the uploaded columns, and the state of each row.

Row N of the file is row N of the upload, so that a corrected file has the numbers that people know. Before
rows are sent, the column Reason has their errors and warnings.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext

from apps.audit.events import MAX_ITEMS
from apps.batches.audit_events import BATCH_DOWNLOADED
from apps.batches.checking.findings import RowError, RowWarning, findings_of
from apps.batches.checking.others import others_of
from apps.batches.columns.own_columns import OWN_HEADERS
from apps.batches.columns.values import reader_of, uploaded_text
from apps.batches.models import Batch, BatchRow, OwnState, RowState, SourceKind
from apps.batches.recording import NOBODY, Others, event_of, record_shown
from apps.batches.selectors import rows_of, submissions_of
from apps.consumers import labels
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import Submission
from apps.consumers.reconciliation.resolution import shown_outcome
from apps.core.actor import Actor
from apps.core.export.csv_cells import BYTE_ORDER_MARK, csv_line, protect
from apps.core.export.excel import (
    SHEET_END,
    Sheet,
    Style,
    begin_package,
    end_package,
    letters,
    sheet_head,
    sheet_row,
    text_cell,
)
from apps.core.export.formats import Format
from apps.core.export.zip_stream import ZipStream
from apps.core.runs import run_text

_JOINT: Final = "; "
_BLANK_LINES: Final = 1_000
"""Blank lines that are written at once: a short file can have its only person in row 1,048,576."""
_OF_THE_TABLE: Final = frozenset({"title", "gender"})
"""Values that depend on the cells of other rows: M is female in a column that also has H."""
_Reader = Callable[[Sequence[str]], dict[str, str]]
"""Reads the cells of a row as the values of the form."""
_UPLOADED_WIDTH, _OWN_WIDTHS = 20, (18, 40, 60, 60)


@dataclass(frozen=True, slots=True, repr=False)
class ResultRow:
    """One row of the result: ``cells`` as uploaded, then state, reference, reason and receipt.

    ``is_sent``: whether the receipt is that of the submission that was made for the row.
    """

    number: int
    cells: tuple[str, ...]
    own: tuple[str, str, str, str]
    is_sent: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What the result file of a batch says. ``others``: whom it names besides the people of its rows."""

    batch: Batch
    rows: list[ResultRow]
    others: Others = NOBODY


def result_file(result: Result, format_: Format) -> Iterator[bytes]:
    """The result file in parts, in the language of the reader. ``format_``: Excel or CSV."""
    batch, rows = result.batch, result.rows
    width = max((len(row.cells) for row in rows), default=len(batch.headers))
    headings = (*_padded(batch.headers, width), *map(str, OWN_HEADERS)) if batch.header_row else ()
    if format_ is Format.XLSX:
        return _excel(rows, headings, batch.header_row, width)
    return _csv(rows, headings, batch.header_row or 0, width)


def record_downloaded(result: Result, *, actor: Actor) -> None:
    """Record that the result is downloaded. Call it before the first part is sent."""
    rows = result.rows
    sent = runs_of_rows(rows)[:MAX_ITEMS]
    event = event_of(BATCH_DOWNLOADED, result.batch, actor, rows=len(rows), sent=sent)
    record_shown(event, result.batch, result.others)


def runs_of_rows(rows: Iterable[ResultRow]) -> list[str]:
    """The rows with the receipt of their submission, as numbers and as runs of them ("2-51").

    A number between two rows of a run is that of no row: a blank line of the upload.
    """
    runs: list[tuple[int, int]] = []
    is_open = False
    for row in rows:
        if row.is_sent:
            runs[-1:] = [(runs[-1][0], row.number)] if is_open else [*runs[-1:], (row.number, row.number)]
        is_open = row.is_sent
    return [run_text(first, last) for first, last in runs]


def read_result(batch: Batch, *, receipt_url: Callable[[uuid.UUID], str]) -> Result:
    """The rows in the order of the file, each read once, so that their event says what it has.

    ``receipt_url``: the whole address of a submission's receipt.
    """
    rows = list(rows_of(batch))
    by_token = {submission.token: submission for submission in submissions_of(batch)}
    earlier_ids = {row.earlier for row in rows if row.earlier}
    earlier = {
        submission.public_id: submission
        for submission in Submission.objects.filter(public_id__in=earlier_ids).defer("refs_before")
    }
    cells = {row.number: row.cells for row in rows}
    read = _reader_of_rows(batch, cells.values())
    made = [
        _result_row(batch, row, by_token, earlier, receipt_url, cells=cells[row.number], read=read)
        for row in rows
    ]
    warnings = [one for row in rows if row.current in OwnState.values for one in _unconfirmed(row)]
    sent_before = [row.earlier for row in rows if row.current == RowState.ALREADY_SENT]
    return Result(batch, made, others_of(warnings, sent_before))


def _reader_of_rows(batch: Batch, cells: Iterable[tuple[str, ...] | None]) -> _Reader:
    """Reads the cells of a row as they were read from the file. ``cells``: of all rows of the batch.

    The rows of an earlier batch were read with the other rows of its table. If it was erased, titles
    and genders are left out, because other rows may have decided what they mean.
    """
    table = batch
    while table.source == SourceKind.ROWS and table.replaces is not None:
        table = table.replaces
    if table.pk != batch.pk and table.erased_at is None:
        cells = [row.cells for row in table.rows.only("public_id", "encrypted_cells")]
    read = reader_of(
        batch.headers,
        batch.targets,
        filter(None, cells),
        date_order=batch.date_order,
        order_ref=batch.order_ref,
    )
    if table.erased_at is None:
        return read
    return lambda row: {name: value for name, value in read(row).items() if name not in _OF_THE_TABLE}


def _result_row(
    batch: Batch,
    row: Any,
    by_token: Mapping[uuid.UUID, Submission],
    earlier: Mapping[uuid.UUID, Submission],
    receipt_url: Callable[[uuid.UUID], str],
    *,
    cells: tuple[str, ...] | None,
    read: _Reader,
) -> ResultRow:
    submission = by_token.get(row.token)
    is_sent = submission is not None
    # The submission was read after the row, and may have got its outcome meanwhile.
    state = RowState(submission.known_outcome if submission else row.current)
    if state is RowState.ALREADY_SENT:
        submission = earlier.get(row.earlier)
        reason = _already_sent_reason(row, submission)
    elif submission is not None:
        reason = _outcome_reason(submission)
    else:
        reason = _findings_reason(row)
    if cells is not None and _is_corrected(batch, row, cells, read):
        note = gettext("Corrected in the portal: the columns have what was uploaded")
        reason = _JOINT.join(filter(None, (reason, note)))
    if cells is None and row.encrypted_cells:
        cells, reason = (), gettext("The uploaded row cannot be read")
    reference = submission.consumer_ref if submission else ""
    receipt = receipt_url(submission.public_id) if submission else ""
    own = (str(state.label), reference, reason, receipt)
    texts = map(uploaded_text, cells or (), _padded(tuple(batch.targets), len(cells or ())))
    return ResultRow(row.number, tuple(texts), own, is_sent)


def _is_corrected(batch: Batch, row: BatchRow, cells: tuple[str, ...], read: _Reader) -> bool:
    """Whether the values of the form differ from those of the uploaded cells."""
    values = row.values
    if values is None or not batch.targets:
        return False
    return any(values.get(name, "") != value for name, value in read(cells).items())


def _outcome_reason(submission: Submission) -> str:
    """Why the outcome is what it is, with the vendor's message; empty for a plain "created"."""
    parts = (labels.reason(submission), submission.vendor_message, labels.doubt(submission))
    return _JOINT.join(part for part in parts if part)


def _already_sent_reason(row: BatchRow, submission: Submission | None) -> str:
    if submission is None:
        return ""
    if row.earlier_differs:
        text = gettext("%(person)s has sent this row of the earlier list, with other details: %(outcome)s")
    else:
        text = gettext("%(person)s has sent the same consumer already: %(outcome)s")
    return text % {"person": submission.actor_name, "outcome": shown_outcome(submission).label}


def _findings_reason(row: BatchRow) -> str:
    """All errors and the warnings that nobody has confirmed, in the order of the form."""
    found: tuple[RowError | RowWarning, ...] = (*findings_of(row).errors, *_unconfirmed(row))
    return _JOINT.join(dict.fromkeys(map(_named, found)))


def _unconfirmed(row: BatchRow) -> tuple[RowWarning, ...]:
    return findings_of(row).unconfirmed(frozenset(map(str, row.accepted)))


def _named(found: RowError | RowWarning) -> str:
    """The text with the label of its field, and the number of the value in a list."""
    name, _dash, rest = found.field.partition("-")
    if name not in FIELD_LABELS:
        return found.text
    index = rest.partition("-")[0]
    number = f" {int(index) + 1}" if index.isdecimal() else ""
    return f"{FIELD_LABELS[name]}{number}: {found.text}"


def _padded(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    return (*cells, *[""] * (width - len(cells)))


def _csv(
    rows: Iterable[ResultRow], headings: tuple[str, ...], header_row: int, width: int
) -> Iterator[bytes]:
    """The file for spreadsheets. A row that was blank in the upload is blank here."""

    blank = csv_line([""] * (width + len(OWN_HEADERS)))

    def blanks(count: int) -> Iterator[bytes]:
        for done in range(0, count, _BLANK_LINES):
            yield (blank * min(_BLANK_LINES, count - done)).encode()

    yield BYTE_ORDER_MARK.encode()
    written = header_row
    if headings:
        yield from blanks(header_row - 1)
        yield csv_line(map(protect, headings)).encode()
    for row in rows:
        yield from blanks(row.number - written - 1)
        yield csv_line(map(protect, (*_padded(row.cells, width), *row.own))).encode()
        written = row.number


def _excel(
    rows: Iterable[ResultRow], headings: tuple[str, ...], header_row: int | None, width: int
) -> Iterator[bytes]:
    """A workbook with one sheet; texts are texts, so that no number loses a zero and nothing is a formula."""
    sink = io.BytesIO()
    archive = ZipStream(sink.write)
    begin_package(archive)
    archive.begin("xl/worksheets/sheet1.xml")
    widths = [_UPLOADED_WIDTH] * width + list(_OWN_WIDTHS)
    columns = [(one, Style.TEXT) for one in widths]
    archive.write(sheet_head(headings, columns, is_first=True, row=header_row).encode())
    for row in rows:
        cells = (
            text_cell(f"{letters(at)}{row.number}", cell)
            for at, cell in enumerate((*_padded(row.cells, width), *row.own))
            if cell
        )
        archive.write(sheet_row(row.number, cells).encode())
    archive.write(SHEET_END.encode())
    archive.end()
    end_package(archive, [Sheet(gettext("Result"), "sheet1.xml")])
    yield sink.getvalue()
