"""The page of one row: its form, its errors and warnings, and the record of whom it shows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.batches import recording, selectors
from apps.batches.checking.comparing import compared_again
from apps.batches.checking.findings import RowWarning, findings_of
from apps.batches.checking.fitting import fitted
from apps.batches.checking.others import others_of
from apps.batches.forms.release import ReleaseForm
from apps.batches.models import Batch, BatchRow, RowState
from apps.batches.presenters.conflicts import Conflict
from apps.batches.presenters.row_page import RowPage, row_page
from apps.batches.presenters.row_warnings import compared_lines
from apps.batches.views.return_address import return_address_of
from apps.consumers import selectors as consumer_selectors
from apps.consumers import value_lists
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry
from apps.consumers.models import Submission
from apps.consumers.paste.columns import REPEATABLE_TARGETS
from apps.consumers.presenters.entry import WarningLine
from apps.consumers.recording import record_warned
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.long_select import suggestions
from apps.core.web import sealed_entries
from apps.core.web.requests import actor_of

_BREAKS = re.compile(r"(?<!\s)\s*[\r\n]\s*")


def show_row(
    request: HttpRequest,
    batch: Batch,
    found: Any,
    entry: Entry,
    *,
    release: ReleaseForm | None = None,
    version: str | None = None,
    conflict: Conflict | None = None,
    was_sealed: bool = False,
    is_damaged: bool = False,
    is_order_confirmed: bool = False,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """The page of the row with this entry.

    ``release``: after a reason that was not accepted. ``version``: that the person saw, if it was posted.
    ``conflict``: why the entry was not stored; after a final one, the page shows what was typed, and asks for
    nothing more. ``was_sealed``, ``is_damaged``, ``is_order_confirmed``: as :class:`RowPage` says.
    """
    return_address = return_address_of(request)  # an address that was changed is refused, and shows nobody
    is_closed = conflict is not None and conflict.is_final
    submissions, viewer = selectors.submissions_of_rows([found]), Viewer.of(request.user)
    warnings = () if is_closed else findings_of(found).unconfirmed(frozenset(found.accepted))
    on_order, in_list = compared_again(batch, found, warnings)
    lines = compared_lines(batch, warnings, on_order, in_list, viewer)
    _record_row(request, batch, found, [one for one in warnings if one.key not in on_order], submissions)
    _record_compared(request, batch, warnings, lines, on_order)
    page = row_page(
        batch,
        found,
        selectors.submission_of_row(found, submissions),
        viewer=viewer,
        warnings=lines,
        list_url=return_address.url(batch),
        version=version,
        is_order_confirmed=is_order_confirmed or confirms_order(request.POST),
        conflict=conflict,
        was_sealed=was_sealed,
        is_damaged=is_damaged,
    )
    if is_closed:
        entry = Entry.unbound(entry.values, entry.providers)
    if batch.date_order:
        entry.form.read_date_in(batch.date_order)
    _show_other_gender(entry)
    release = release or ReleaseForm()
    context = {
        "page": page,
        "entry": entry,
        "release": release,
        "errors": [] if is_closed else _errors(page, entry, release),
        "return_address": return_address,
        "entry_of": sealed_entries.author_token(request),
        "required_fields": required_fields(),
        "nationality_suggestions": suggestions(value_lists.nationalities()),
    }
    return render(request, "batches/row.html", context, status=status)


def _errors(page: RowPage, entry: Entry, release: ReleaseForm) -> list[FieldError]:
    """The errors of the forms of the page, in their order."""
    errors = form_errors(release) if release.is_bound else []
    if page.order_error:
        errors.append(FieldError("#id_order_confirmed", page.order_error))
    return [*errors, *entry.errors()]


def entry_of_row(batch: Batch, found: BatchRow) -> Entry:
    """The row as it is stored, with its errors and warnings at the fields. Line breaks are replaced."""
    stored = {name: _on_one_line(name, value) for name, value in fitted(found.values or {}).items()}
    values = {**stored, "order_ref": batch.order_ref, "token": str(found.token)}
    entry = Entry.bound(values, consumer_selectors.providers(), date_order=batch.date_order)
    entry.is_valid()
    shown = {(name, error.message) for name, error in entry.named_errors()}
    findings = findings_of(found)
    for error in findings.errors:
        # The order is that of the batch, and has no field here.
        if (error.field, error.text) not in shown and error.field != "order_ref":
            entry.add_error(error.field, error.text)
    for warning in findings.unconfirmed(frozenset(found.accepted)):
        if warning.field in entry.form.fields or warning.field in entry.lists:
            entry.warn(warning.field, warning.text)
    return entry


def _show_other_gender(entry: Entry) -> None:
    """Show a gender that the form does not offer as a further option, so that it stays an error.

    Otherwise no radio button would be chosen, and a save would lose it. A select adds such a value itself.
    """
    gender = str(entry.form["gender"].value() or "")
    widget = cast("forms.RadioSelect", entry.form.fields["gender"].widget)
    if gender not in dict(widget.choices):
        widget.choices = [*widget.choices, (gender, gender)]


def _on_one_line(name: str, value: str) -> str:
    """The value without line breaks, which an input on a page removes silently, and so joins the lines."""
    return _BREAKS.sub(", " if name.partition("-")[0] in REPEATABLE_TARGETS else " ", value.strip("\r\n"))


def confirms_order(values: Mapping[str, str]) -> bool:
    """Whether the person says that the row belongs to the order of the batch, whatever it names."""
    return values.get("order_confirmed", "") == "yes"


def _record_row(
    request: HttpRequest,
    batch: Batch,
    found: Any,
    warnings: Iterable[RowWarning],
    submissions: Mapping[uuid.UUID, Submission],
) -> None:
    """Record that the row was seen, if it has a submission, or ``warnings`` are about other people."""
    submission = selectors.submission_of_row(found, submissions)
    is_earlier = submission is not None and found.current == RowState.ALREADY_SENT
    others = others_of(warnings, [found.earlier] if is_earlier else [])
    if submission is not None or others:
        # What is posted may have other values than those that were sent.
        sent = [found.number] if found.token in submissions and request.method == "GET" else []
        recording.record_viewed(batch, rows=1, sent=sent, actor=actor_of(request), others=others)


def _record_compared(
    request: HttpRequest,
    batch: Batch,
    warnings: Iterable[RowWarning],
    lines: Iterable[WarningLine],
    on_order: Mapping[str, EntryWarning],
) -> None:
    """Record the consumers of the order that these warnings are about. ``lines``: of the warnings."""
    named = [
        (on_order[warning.key].consumer, line.is_shown)
        for warning, line in zip(warnings, lines, strict=True)
        if warning.key in on_order
    ]
    record_warned(
        batch.order_ref,
        shown=[one for one, is_shown in named if one and is_shown],
        compared=[one for one, is_shown in named if one and not is_shown],
        actor=actor_of(request),
    )
