"""Page data of an export: progress, result and file name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.core import personal_data
from apps.core.export.formats import Format
from apps.core.export.responses import dated_name
from apps.core.personal_data import Problem
from apps.history.columns import COLUMNS
from apps.history.exports import selections
from apps.history.exports.services import FailureCode
from apps.history.models import Export, State

_TRY_AGAIN = _("Export again. If this continues, tell an administrator.")
FAILURES: Final = {
    FailureCode.READER_GONE: _("The download was stopped before it was complete. Export again."),
    FailureCode.READER_STALLED: _("The download stalled. Export again."),
    FailureCode.DISK_FULL: _(
        "The portal had no space left for the file. Choose fewer rows or columns, or tell an administrator."
    ),
    FailureCode.DISK_FAILED: _("The portal could not write the file. Tell an administrator."),
    FailureCode.DATABASE_LOST: _(
        "The portal lost the connection to its database. Export again in a few minutes."
    ),
    FailureCode.DATABASE_BUSY: _(
        "The portal's database was busy for too long. Export again in a few minutes."
    ),
    FailureCode.DATABASE_FAILED: _TRY_AGAIN,
    FailureCode.PORTAL_STOPPED: _("The portal was restarted meanwhile. Export again."),
    FailureCode.PROCESS_LOST: _("The portal was interrupted. Export again."),
    FailureCode.SEARCH_GONE: _("The search no longer exists. Search again, then export."),
    FailureCode.SEARCH_UNREADABLE: _("The search cannot be read. Search again, then export."),
    FailureCode.FAULT: _TRY_AGAIN,
}

_UNREADABLE_NOTE: Final = {
    Problem.KEY_MISSING: _("The note cannot be read, because its encryption key is missing."),
    Problem.DOES_NOT_BELONG: _(
        "This note does not belong to this export: the database was changed outside the portal."
    ),
}


@dataclass(frozen=True, slots=True)
class ExportPage:
    """The data of an export's page. ``percent``: estimated share of the file that has been sent."""

    export: Export
    percent: int
    size: str
    sent: str
    format: str
    columns: list[str]
    failure: str
    note: str  # the person's note on the reason, shown to that person only; or why it cannot be read
    list_url: str
    again_url: str


def export_page(export: Export) -> ExportPage:
    """The data of the page of this export."""
    query = export.selection["query"]
    return ExportPage(
        export=export,
        percent=_percent(export),
        size=filesizeformat(export.bytes),
        sent=filesizeformat(export.bytes_sent),
        format=str(Format(export.format).label),
        columns=[str(COLUMNS[key].label) if key in COLUMNS else key for key in export.columns],
        failure=str(FAILURES.get(export.failure_code, _TRY_AGAIN)),  # type: ignore[call-overload]  # its text
        note=export.note or _note_problem(export),
        list_url=_with_query(reverse("history:submissions"), query),
        again_url=_with_query(reverse("history:export"), query),
    )


def file_name(export: Export, now: dt.datetime) -> str:
    """Such as ``order-consumers_2026-03-01_2026-03-07_20260307T090500Z.csv``, with the reader's days."""
    period = selections.period_of(export.selection)
    until = period["until"] - dt.timedelta(microseconds=1) if period["until"] else None
    days = "_".join(
        "all" if moment is None else f"{timezone.localtime(moment):%Y-%m-%d}"
        for moment in (period["since"], until)
    )
    return dated_name(f"order-consumers_{days}", now, Format(export.format).extension)


def _note_problem(export: Export) -> str:
    """Why the note cannot be read; empty if there is none."""
    problem = personal_data.problem_of(export, "encrypted_note")
    return str(_UNREADABLE_NOTE[problem]) if problem else ""


def _percent(export: Export) -> int:
    """The share of expected rows that are written, times the share of written bytes that are sent."""
    if export.state == State.FINISHED:
        return 100
    if not export.bytes:
        return 0
    written = min(export.rows / export.rows_expected, 1.0) if export.rows_expected else 1.0
    return min(int(100 * written * export.bytes_sent / export.bytes), 99)


def _with_query(address: str, query: Any) -> str:
    return f"{address}?{query}" if query else address
