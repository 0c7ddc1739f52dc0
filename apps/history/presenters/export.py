"""Page data of an export: progress, result and file name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.labels import value_label
from apps.core import personal_data
from apps.core.export.formats import Format
from apps.core.export.responses import dated_name
from apps.core.personal_data import Problem
from apps.core.web.filters import with_query
from apps.history.audit_events import EXPORT_FAILED, FAILURE_CODE
from apps.history.columns import COLUMNS
from apps.history.exports import selections
from apps.history.exports.facts import period_text
from apps.history.exports.lifecycle import FailureCode
from apps.history.exports.past import search_of_another
from apps.history.models import Export, State
from apps.history.presenters.filters import filtered_url
from apps.history.presenters.past_exports import filter_texts

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
    FailureCode.ACCESS_ENDED: _(
        "Your access or one of your roles was ended, your password was changed, or you were signed out."
        " Export again, or ask an administrator."
    ),
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
    """The data of an export's page. ``percent``: estimated share of the file that has been sent.

    ``again_url``: the address of the form with the same choices; empty if the reader may not export.
    ``again_with_search``: whether the export has another person's search, which a POST records first.
    ``again_at_once``: whether a POST prepares the same export without the form.
    """

    export: Export
    percent: int
    size: str
    sent: str
    format: str
    columns: list[str]
    failure: str
    is_own: bool
    user_name: str
    filters: list[str]
    period: str
    note: str  # the person's note on the reason, or why it cannot be read; empty for those who may not
    has_hidden_note: bool
    list_url: str
    again_url: str
    again_with_search: bool
    again_at_once: bool


def export_page(export: Export, *, reader: str, may_export: bool, shows_note: bool) -> ExportPage:
    """The data of the page of this export. ``reader``: the id of the person who reads it.

    ``shows_note``: whether that person may read the note, which may contain data of a consumer.
    """
    query = filters_of(export)
    is_own = str(export.person_id) == reader
    note = export.note or _note_problem(export)
    every = reverse("history:submissions")
    return ExportPage(
        export=export,
        percent=_percent(export),
        size=filesizeformat(export.bytes),
        sent=filesizeformat(export.bytes_sent),
        format=str(Format(export.format).label),
        columns=[str(COLUMNS[key].label) if key in COLUMNS else key for key in export.columns],
        failure=_failure(export, is_own=is_own),
        is_own=is_own,
        user_name=export.person.username,
        filters=filter_texts(export),
        period=period_text(export),
        note=note if shows_note else "",
        has_hidden_note=bool(note) and not shows_note,
        list_url=filtered_url(every, query) if is_own else every,
        again_url=again_url(export, query) if may_export else "",
        again_with_search=search_of_another(export, reader=reader) is not None,
        again_at_once=not export.personal,
    )


def filters_of(export: Export) -> dict[str, list[str]]:
    """The parameters of the list's address when the export was prepared, each with all its values."""
    return dict(QueryDict(export.selection["query"]).lists())


def again_url(export: Export, query: Mapping[str, Any]) -> str:
    """The address of the export form with the choices of this export and the filters of ``query``.

    If the export had only its person's submissions, so has the new one of somebody who sees all.
    """
    whose = {} if export.selection["everybody"] else {"person": str(export.person_id)}
    return with_query(reverse("history:export"), query, **whose, again=str(export.public_id))


def file_name(export: Export, now: dt.datetime) -> str:
    """Such as ``order-consumers_2026-03-01_2026-03-07_Europe-Dublin_20260307T090500Z.csv``.

    The days are the reader's. Only CSV files have the zone in their name: the others contain it.
    """
    period = selections.period_of(export.selection)
    until = period["until"] - dt.timedelta(microseconds=1) if period["until"] else None
    days = "_".join(
        "all" if moment is None else f"{timezone.localtime(moment):%Y-%m-%d}"
        for moment in (period["since"], until)
    )
    format_ = Format(export.format)
    stem = "order-consumers-exact" if format_ is Format.CSV_EXACT else "order-consumers"
    zone = f"_{export.zone.key.replace('/', '-')}" if format_ in (Format.CSV, Format.CSV_EXACT) else ""
    return dated_name(f"{stem}_{days}{zone}", now, format_.extension)


def _failure(export: Export, *, is_own: bool) -> str:
    """Why the export failed and what its person can do; for other readers the sentence of its event."""
    if is_own:
        return str(FAILURES.get(export.failure_code, _TRY_AGAIN))  # type: ignore[call-overload]  # its text
    return str(EXPORT_FAILED.sentence) % {
        "exporter": export.person_name,
        "failure_code": value_label(FAILURE_CODE, export.failure_code),
    }


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
