"""What a batch and its rows contain of a table, by the choice of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings

from apps.batches.columns.date_orders import possibly_exchanged
from apps.batches.columns.matching import Choice, Question, SplitTable, open_questions, split
from apps.batches.columns.values import reader_of
from apps.batches.models import Batch, BatchRow, BatchState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault, TableRow

_SPREADSHEETS: Final = (SourceKind.XLSX, SourceKind.ODS)


class ColumnsNotStored(Exception):
    """The choice of columns was not stored.

    ``questions``: what it leaves open. Empty if the columns of the batch cannot be chosen any more, or its
    rows are not those that were shown.
    """

    def __init__(self, questions: tuple[Question, ...] = ()) -> None:
        super().__init__("the columns were not stored")
        self.questions = questions


class TooManyPeople(NotReadable):
    """The table has more people than ``BATCH_MAX_ROWS``. ``count`` says how many."""

    def __init__(self, count: int) -> None:
        super().__init__(TableFault.TOO_MANY_ROWS, count)


def chosen_parts(table: Table, choice: Choice, providers: tuple[str, ...]) -> SplitTable:
    """The parts of the table for a choice that leaves no question open.

    Raises :class:`ColumnsNotStored` for any other, ``NotReadable`` for a table without people,
    :class:`TooManyPeople`, and ``ValueError`` for a choice of another table.
    """
    questions = open_questions(table, choice, providers=providers)
    if questions:
        raise ColumnsNotStored(questions)
    parts = split(table, has_headers=choice.has_headers)
    if not parts.rows:
        raise NotReadable(TableFault.EMPTY)
    if len(parts.rows) > settings.BATCH_MAX_ROWS:  # a file may have one row more, for its headers
        raise TooManyPeople(len(parts.rows))
    return parts


def set_columns(batch: Batch, parts: SplitTable, choice: Choice) -> None:
    """Set the columns of the batch. Its rows are to be checked next."""
    batch.headers = parts.headers
    batch.header_row = parts.header_row
    batch.targets = list(choice.targets)
    batch.date_order = choice.date_order
    batch.state = BatchState.CHECKED


def new_row(batch: Batch, row: TableRow) -> BatchRow:
    """The row of the batch for a row of the table, without values. Raises ``MissingKeyError``."""
    stored = BatchRow(batch=batch, number=row.number)
    stored.cells = row.cells
    return stored


def set_values(batch: Batch, rows: list[BatchRow], parts: SplitTable) -> None:
    """Set the values of the form of each row, from the row of the table with its number."""
    values = values_of(batch, {row.number: row.cells for row in parts.rows})
    for row in rows:
        row.values = values[row.number]


def values_of(batch: Batch, cells: Mapping[int, Sequence[str]]) -> dict[int, dict[str, str]]:
    """The values of the form for the cells of each row, as the columns of the batch are chosen."""
    read = reader_of(
        batch.headers,
        batch.targets,
        cells.values(),
        date_order=batch.date_order,
        order_ref=batch.order_ref,
    )
    return {number: read(one) for number, one in cells.items()}


def column_findings(source: SourceKind, parts: SplitTable, choice: Choice | None) -> list[dict[str, Any]]:
    """What the person has to know once the columns are chosen, as it is stored.

    The rows of dates that may be exchanged are stored with it: each is a warning.
    """
    found: list[dict[str, Any]] = []
    if parts.rows_above:
        found.append(stored_finding(Finding(FindingCode.ROWS_ABOVE_HEADERS, parts.rows_above)))
    for at, target in enumerate(choice.targets if choice else ()):
        if target == "date_of_birth" and source in _SPREADSHEETS:
            rows = possibly_exchanged((row.number, row.cells[at]) for row in parts.rows)
            if rows:
                finding = Finding(FindingCode.DATES_MAY_BE_EXCHANGED, len(rows))
                found.append({**stored_finding(finding), "rows": [*rows]})
    return found


def stored_finding(finding: Finding) -> dict[str, Any]:
    """A finding about the table, as the batch stores it."""
    return {"code": finding.code.value, "count": finding.count, "detail": finding.detail}
