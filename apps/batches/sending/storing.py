"""Store a table as a batch: its rows encrypted, in one transaction with the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apps.audit.recording import record
from apps.batches.audit_events import BATCH_COLUMNS_CHOSEN, BATCH_UPLOADED
from apps.batches.columns.date_orders import possibly_exchanged
from apps.batches.columns.genders import m_is_male
from apps.batches.columns.headers import header_place
from apps.batches.columns.matching import Choice, Question, SplitTable, open_questions, split
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.columns.values import row_values
from apps.batches.models import Batch, BatchRow, BatchState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault, TableRow
from apps.batches.recording import event_of
from apps.consumers.selectors import providers as offered_providers
from apps.core import clock, personal_data
from apps.core.actor import Actor

_SPREADSHEETS: Final = (SourceKind.XLSX, SourceKind.ODS)


class ColumnsNotStored(Exception):
    """The choice of columns was not stored.

    ``questions``: what it leaves open. None if the columns of the batch were chosen meanwhile, or
    its rows were erased.
    """

    def __init__(self, questions: tuple[Question, ...] = ()) -> None:
        super().__init__("the columns were not stored")
        self.questions = questions


class TooManyPeople(NotReadable):
    """The list has more people than ``BATCH_MAX_ROWS``. ``count`` says how many."""

    def __init__(self, count: int) -> None:
        super().__init__(TableFault.TOO_MANY_ROWS, count)


def create_batch(
    table: Table,
    choice: Choice | None,
    *,
    order_ref: str,
    order_number: str,
    actor: Actor,
    replaces: Batch | None = None,
) -> Batch:
    """Store the table as a batch of this order, without the columns of a result file.

    With a ``choice`` the row of headers is not among the rows, and each row has its values; the rows are to
    be checked next. Without one, all rows of the table are stored, and :func:`choose_columns` is next.

    Raises :class:`ColumnsNotStored` for a choice that leaves questions open, ``NotReadable`` for a table
    without people, :class:`TooManyPeople`, ``ValueError`` for a choice of another table, and
    ``MissingKeyError``. Nothing is stored then.
    """
    table = without_own_columns(table)
    providers = offered_providers()
    if choice is None:
        expected = split(table, has_headers=header_place(table) is not None)
        parts = SplitTable((), None, table.rows)
        people = len(expected.rows)
    else:
        parts = _chosen_parts(table, choice, providers)
        people = len(parts.rows)
    batch = Batch(
        author_id=int(actor.id),
        author_name=actor.name,
        created_at=clock.now(),
        order_ref=order_ref,
        order_number=order_number,
        source=table.source,
        replaces=replaces,
        findings=[*map(_stored, table.findings), *_column_findings(table.source, parts, choice)],
    )
    if choice is not None:
        _set_columns(batch, parts, choice)
    rows = [_row(batch, row) for row in parts.rows]
    if choice is not None:
        _set_values(batch, rows, parts, choice)
    with transaction.atomic():
        batch.save(force_insert=True)
        BatchRow.objects.bulk_create(rows)
        replaced = str(replaces.public_id) if replaces else ""
        facts: dict[str, Any] = {"rows": people, "source": batch.source, "replaces": replaced}
        record(event_of(BATCH_UPLOADED, batch, actor, **facts))
    return batch


def choose_columns(batch: Batch, choice: Choice, *, actor: Actor) -> Batch:
    """Store the fields of the columns of a batch that has none, and the values of its rows.

    Raises what :func:`create_batch` raises, :class:`ColumnsNotStored` if they were chosen meanwhile, or the
    rows were erased, and ``NotReadableError`` if a row cannot be read: it would be stored without its values.
    """
    providers = offered_providers()
    with transaction.atomic():
        batch = Batch.objects.select_for_update().get(pk=batch.pk)
        if batch.state != BatchState.MATCHING or batch.erased_at is not None:
            raise ColumnsNotStored
        require_readable(batch, batch.rows.all())
        table = table_of(batch)
        parts = _chosen_parts(table, choice, providers)
        _set_columns(batch, parts, choice)
        batch.findings = [*batch.findings, *_column_findings(table.source, parts, choice)]
        batch.rows.exclude(number__in=[row.number for row in parts.rows]).delete()
        rows = list(batch.rows.all())
        _set_values(batch, rows, parts, choice)
        BatchRow.objects.bulk_update(rows, ["encrypted_values"])
        batch.save()
        record(event_of(BATCH_COLUMNS_CHOSEN, batch, actor, rows=len(rows)))
    return batch


def require_readable(batch: Batch, rows: Iterable[BatchRow]) -> None:
    """Check that the headers of the batch and these rows can be decrypted. Raises ``NotReadableError``."""
    personal_data.text(batch, "encrypted_headers")
    for row in rows:
        personal_data.text(row, "encrypted_cells")
        personal_data.text(row, "encrypted_values")


def table_of(batch: Batch) -> Table:
    """The stored rows of a batch as a table, for the page that asks for its columns.

    A row that cannot be decrypted has blank cells.
    """
    stored = [(row.number, row.cells or ()) for row in batch.rows.order_by("number")]
    width = max((len(cells) for _number, cells in stored), default=0)
    rows = (TableRow(number, cells + ("",) * (width - len(cells))) for number, cells in stored)
    findings = tuple(Finding(FindingCode(one["code"]), one["count"], one["detail"]) for one in batch.findings)
    return Table(SourceKind(batch.source), tuple(rows), findings)


def _chosen_parts(table: Table, choice: Choice, providers: tuple[str, ...]) -> SplitTable:
    questions = open_questions(table, choice, providers=providers)
    if questions:
        raise ColumnsNotStored(questions)
    parts = split(table, has_headers=choice.has_headers)
    if not parts.rows:
        raise NotReadable(TableFault.EMPTY)
    if len(parts.rows) > settings.BATCH_MAX_ROWS:  # a file may have one row more, for its headers
        raise TooManyPeople(len(parts.rows))
    return parts


def _set_columns(batch: Batch, parts: SplitTable, choice: Choice) -> None:
    batch.headers = parts.headers
    batch.header_row = parts.header_row
    batch.targets = list(choice.targets)
    batch.date_order = choice.date_order
    batch.state = BatchState.CHECKED


def _row(batch: Batch, row: TableRow) -> BatchRow:
    stored = BatchRow(batch=batch, number=row.number)
    stored.cells = row.cells
    return stored


def _set_values(batch: Batch, rows: list[BatchRow], parts: SplitTable, choice: Choice) -> None:
    """Set the values of the form of each row, from the row of the table with its number."""
    cells = {row.number: row.cells for row in parts.rows}
    is_male = m_is_male(parts.headers, choice.targets, cells.values())
    for row in rows:
        row.values = row_values(
            cells[row.number],
            choice.targets,
            date_order=choice.date_order,
            order_ref=batch.order_ref,
            m_is_male=is_male,
        )


def _column_findings(source: SourceKind, parts: SplitTable, choice: Choice | None) -> list[dict[str, Any]]:
    """What the person has to know once the columns are chosen, as it is stored.

    The rows of dates that may be exchanged are stored with it: each is a warning.
    """
    found: list[dict[str, Any]] = []
    if parts.rows_above:
        found.append(_stored(Finding(FindingCode.ROWS_ABOVE_HEADERS, parts.rows_above)))
    for at, target in enumerate(choice.targets if choice else ()):
        if target == "date_of_birth" and source in _SPREADSHEETS:
            rows = possibly_exchanged((row.number, row.cells[at]) for row in parts.rows)
            if rows:
                finding = Finding(FindingCode.DATES_MAY_BE_EXCHANGED, len(rows))
                found.append({**_stored(finding), "rows": [*rows]})
    return found


def _stored(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code.value, "count": finding.count, "detail": finding.detail}
