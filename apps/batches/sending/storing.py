"""Store a table as a batch: its rows encrypted, in one transaction with the event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apps.audit.recording import record
from apps.batches.audit_events import BATCH_COLUMNS_CHOSEN, BATCH_UPLOADED
from apps.batches.columns.date_orders import possibly_exchanged
from apps.batches.columns.headers import header_place
from apps.batches.columns.matching import Choice, Question, SplitTable, open_questions, split
from apps.batches.columns.own_columns import without_own_columns
from apps.batches.columns.values import reader_of
from apps.batches.models import Batch, BatchRow, BatchState, OwnState, SourceKind
from apps.batches.reading.table import Finding, FindingCode, NotReadable, Table, TableFault, TableRow
from apps.batches.recording import event_of
from apps.batches.sending.shown import digest_of_rows
from apps.consumers.selectors import providers as offered_providers
from apps.core import clock, personal_data
from apps.core.actor import Actor
from apps.core.references import stored_order_number

_SPREADSHEETS: Final = (SourceKind.XLSX, SourceKind.ODS)
_DECIDED: Final = (
    "version",
    "state",
    "encrypted_findings",
    "accepted",
    "similar_reason",
    "earlier",
    "earlier_differs",
    "released",
    "release_reason",
)


class ColumnsNotStored(Exception):
    """The choice of columns was not stored.

    ``questions``: what it leaves open. None if the columns of the batch cannot be chosen any more, or other
    rows were shown.
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
        order_number=stored_order_number(order_number),
        source=table.source,
        replaces=replaces,
        findings=[*map(_stored, table.findings), *_column_findings(table.source, parts, choice)],
    )
    if choice is not None:
        _set_columns(batch, parts, choice)
    rows = [_row(batch, row) for row in parts.rows]
    if choice is not None:
        _set_values(batch, rows, parts)
    with transaction.atomic():
        batch.save(force_insert=True)
        BatchRow.objects.bulk_create(rows)
        replaced = str(replaces.public_id) if replaces else ""
        facts: dict[str, Any] = {"rows": people, "source": batch.source, "replaces": replaced}
        record(event_of(BATCH_UPLOADED, batch, actor, **facts))
    return batch


def choose_columns(batch: Batch, choice: Choice, *, actor: Actor, shown: str = "") -> Batch:
    """Store the fields of the columns of a batch, and the values of its rows.

    ``shown``: for a batch whose columns were chosen before, the ``digest_of_rows`` of all its rows as the
    person saw them. What was corrected, left out or confirmed in them is lost; they are to be checked next.

    Raises what :func:`create_batch` raises, :class:`ColumnsNotStored` if the columns cannot be chosen any
    more, or its rows are others than were shown, and ``NotReadableError`` if a row cannot be read: it would
    be stored without its values.
    """
    providers = offered_providers()
    with transaction.atomic():
        batch = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        _require_choosable(batch, shown)
        require_readable(batch, batch.rows.all())
        table = table_of(batch)
        parts = _chosen_parts(table, choice, providers)
        _set_columns(batch, parts, choice)
        kept = [one for one in batch.findings if one["code"] != FindingCode.DATES_MAY_BE_EXCHANGED]
        batch.findings = [*kept, *_column_findings(table.source, parts, choice)]
        batch.checked_at = batch.refs_at_check = None
        batch.rows.exclude(number__in=[row.number for row in parts.rows]).delete()
        rows = [*batch.rows.all()]
        stored = {row.number for row in rows}
        BatchRow.objects.bulk_create(_row(batch, row) for row in parts.rows if row.number not in stored)
        rows = [*batch.rows.all()]
        _set_values(batch, rows, parts)
        if shown:
            _forget_decisions(rows)
        BatchRow.objects.bulk_update(rows, ["encrypted_values", *(_DECIDED if shown else ())])
        batch.save()
        record(event_of(BATCH_COLUMNS_CHOSEN, batch, actor, rows=len(rows)))
    return batch


def columns_may_change(batch: Batch) -> bool:
    """Whether the columns may be chosen again: nothing was confirmed, and the rows are those of a file."""
    is_of_file = batch.source != SourceKind.ROWS
    return is_of_file and batch.state == BatchState.CHECKED and batch.erased_at is None


def count_changed(batch: Batch) -> int:
    """How many rows a person has corrected, left out or decided about since the columns were chosen.

    Without those that cannot be read.
    """
    rows = [row for row in batch.rows.all() if row.values is not None and row.cells is not None]
    cells = {row.number: row.cells or () for row in rows}
    derived = _values_of(batch, cells)
    return sum(_is_decided(row) or row.values != derived[row.number] for row in rows)


def _is_decided(row: BatchRow) -> bool:
    return row.state == OwnState.LEFT_OUT or bool(row.accepted or row.released)


def _require_choosable(batch: Batch, shown: str) -> None:
    """Raise :class:`ColumnsNotStored` if the columns were chosen, unless these rows were shown with them."""
    if batch.state == BatchState.MATCHING and batch.erased_at is None and not shown:
        return
    rows = batch.rows.order_by("number").only("number", "version")
    if not (shown and columns_may_change(batch) and digest_of_rows(rows) == shown):
        raise ColumnsNotStored


def _forget_decisions(rows: Iterable[BatchRow]) -> None:
    """Make the rows as they are after an upload, as other versions."""
    for row in rows:
        row.version += 1
        row.state, row.encrypted_findings = OwnState.UNCHECKED, b""
        row.accepted, row.similar_reason = [], ""
        row.earlier, row.earlier_differs = None, False
        row.released, row.release_reason = [], ""


def require_readable(batch: Batch, rows: Iterable[BatchRow]) -> None:
    """Check that the headers of the batch and these rows can be decrypted. Raises ``NotReadableError``."""
    personal_data.text(batch, "encrypted_headers")
    for row in rows:
        personal_data.text(row, "encrypted_cells")
        personal_data.text(row, "encrypted_values")


def table_of(batch: Batch) -> Table:
    """The stored rows of a batch as a table, for the page that asks for its columns.

    Its headers are a row again. A row that cannot be decrypted has blank cells.
    """
    stored = [(row.number, row.cells or ()) for row in batch.rows.order_by("number")]
    if batch.header_row is not None:
        stored.insert(0, (batch.header_row, batch.headers))
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


def _set_values(batch: Batch, rows: list[BatchRow], parts: SplitTable) -> None:
    """Set the values of the form of each row, from the row of the table with its number."""
    values = _values_of(batch, {row.number: row.cells for row in parts.rows})
    for row in rows:
        row.values = values[row.number]


def _values_of(batch: Batch, cells: Mapping[int, Sequence[str]]) -> dict[int, dict[str, str]]:
    """The values of the form for the cells of each row, as the columns of the batch are chosen."""
    read = reader_of(
        batch.headers,
        batch.targets,
        cells.values(),
        date_order=batch.date_order,
        order_ref=batch.order_ref,
    )
    return {number: read(one) for number, one in cells.items()}


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
