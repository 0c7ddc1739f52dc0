"""The page of one row: its form, what is wrong with it, and whom it is like."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from apps.batches import recording, selectors
from apps.batches.checking.comparing import compared_again
from apps.batches.checking.entries import names_order
from apps.batches.checking.findings import RowWarning, findings_of
from apps.batches.checking.others import others_of
from apps.batches.forms.release import ReleaseForm
from apps.batches.models import Batch, BatchRow, RowState
from apps.batches.presenters.conflicts import Conflict
from apps.batches.presenters.naming import order_name
from apps.batches.presenters.row_warnings import compared_lines
from apps.batches.presenters.rows import MAY_BE_LEFT_OUT, name_of
from apps.batches.views.return_address import return_address_of
from apps.consumers import labels as consumer_labels
from apps.consumers import selectors as consumer_selectors
from apps.consumers import value_lists
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.paste.columns import LISTS
from apps.consumers.presenters.entry import WarningLine
from apps.consumers.reconciliation.resolution import shown_outcome
from apps.consumers.recording import record_warned
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.input import single_value
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
    conflict: Conflict | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> HttpResponse:
    """The page of the row with this entry.

    ``release``: after a reason that was not accepted. ``conflict``: why the entry was not stored; after a
    final one, the page shows what was typed, and asks for nothing more.
    """
    is_closed = conflict is not None and conflict.is_final
    state, return_address = RowState(found.current), return_address_of(request)
    submissions = selectors.submissions_of_rows([found])
    submission = selectors.submission_of_row(found, submissions)
    is_earlier = submission is not None and state is RowState.ALREADY_SENT
    warnings = () if is_closed else findings_of(found).unconfirmed(frozenset(found.accepted))
    lines = _recorded_warnings(request, batch, found, warnings, submissions)
    may_be_released = is_earlier and submission is not None and submission.outcome == Outcome.CREATED
    if is_closed:
        entry, may_be_released = Entry.unbound(entry.values, entry.providers), False
    if batch.date_order:
        entry.form.show_date_order(batch.date_order)
    release = release or ReleaseForm()
    other_order, order_confirmed = other_order_of(batch, found), confirms_order(request)
    order_error = "" if is_closed or order_confirmed else _order_error(other_order)
    errors: list[FieldError] = []
    if not is_closed:
        errors += form_errors(release) if release.is_bound else ()
        if order_error:
            errors.append(FieldError("#id_order_confirmed", order_error))
        errors += _errors_without_control(found, entry)
        errors += entry.errors()
    return render(
        request,
        "batches/row.html",
        {
            "batch": batch,
            "order_name": order_name(batch),
            "batch_url": return_address.url(batch),
            "return_address": return_address,
            "row": found,
            "version": found.version,
            "name": name_of(found),
            "state": state,
            "warnings": lines,
            "earlier": submission if is_earlier else None,
            "earlier_outcome": shown_outcome(submission) if submission else None,
            "refused": submission if state in [*map(str, CORRECTABLE_OUTCOMES)] else None,
            "refusal": consumer_labels.reason(submission) if submission else "",
            "receipt_url": _receipt_url(request, submission),
            "release": release if may_be_released else None,
            "entry": entry,
            "conflict": conflict,
            "errors": errors,
            "other_order": other_order,
            "order_confirmed": order_confirmed,
            "order_error": order_error,
            "may_be_left_out": state in MAY_BE_LEFT_OUT,
            "entry_of": sealed_entries.author_token(request),
            "required_fields": required_fields(),
            "nationality_suggestions": suggestions(value_lists.nationalities()),
            **context,
        },
        status=status,
    )


def entry_of_row(batch: Batch, found: BatchRow) -> Entry:
    """The row as it is stored, with its errors and warnings at the fields. Line breaks are replaced."""
    stored = {name: _on_one_line(name, value) for name, value in (found.values or {}).items()}
    values = {**stored, "order_ref": batch.order_ref, "token": str(found.token)}
    entry = Entry.bound(values, consumer_selectors.providers())
    entry.is_valid()
    shown = {(name, error.message) for name, error in entry.named_errors()}
    findings = findings_of(found)
    for error in findings.errors:
        if (error.field, error.text) not in shown and _has_control(entry, error.field):
            entry.add_error(error.field, error.text)
    for warning in findings.unconfirmed(frozenset(found.accepted)):
        if warning.field in entry.form.fields or warning.field in entry.lists:
            entry.warn(warning.field, warning.text)
    return entry


def _on_one_line(name: str, value: str) -> str:
    """The value without line breaks, which an input on a page removes silently, and so joins the lines."""
    return _BREAKS.sub(", " if name.partition("-")[0] in LISTS else " ", value.strip("\r\n"))


def _has_control(entry: Entry, control: str) -> bool:
    """Whether the form has this control. The order is that of the list, and has no field here."""
    name = control.partition("-")[0]
    return name != "order_ref" and (name in entry.form.fields or name in entry.lists)


def other_order_of(batch: Batch, found: BatchRow) -> str:
    """The order that the row names, as in the file, if it is another than that of the list; or empty."""
    text = (found.values or {}).get("order_ref", "").strip()
    return "" if names_order(batch, text) else text


def _order_error(other_order: str) -> str:
    """The error of the box that confirms the order, for a row that names this other order; or empty."""
    text = gettext("This row names another order than the list: %(order)s. Leave it out, or confirm it")
    return text % {"order": other_order} if other_order else ""


def _errors_without_control(found: BatchRow, entry: Entry) -> list[FieldError]:
    """The row's errors that no field of the page shows."""
    found_errors = [one for one in findings_of(found).errors if one.field != "order_ref"]
    return [FieldError("#entry", one.text) for one in found_errors if not _has_control(entry, one.field)]


def confirms_order(request: HttpRequest) -> bool:
    """Whether the person says that the row belongs to the order of the list, whatever it names."""
    return single_value(request.POST, "order_confirmed") == "yes"


def _recorded_warnings(
    request: HttpRequest,
    batch: Batch,
    found: Any,
    warnings: tuple[RowWarning, ...],
    submissions: Mapping[uuid.UUID, Submission],
) -> tuple[WarningLine, ...]:
    """The lines of these warnings. Records whom the page shows: in the row, and in and beside the warnings.

    ``submissions``: as ``submissions_of_rows`` returns them for the row.
    """
    on_order, in_list = compared_again(batch, found, warnings)
    gone = [one for one in warnings if one.key not in on_order]  # the others are recorded as on the form
    submission = selectors.submission_of_row(found, submissions)
    is_earlier = submission is not None and found.current == RowState.ALREADY_SENT
    others = others_of(gone, [found.earlier] if is_earlier else [])
    if submission is not None or others:
        # What is posted may have other values than those that were sent.
        sent = [found.number] if found.token in submissions and request.method == "GET" else []
        recording.record_viewed(batch, rows=1, sent=sent, actor=actor_of(request), others=others)
    return _warning_lines(request, batch, warnings, on_order, in_list)


def _warning_lines(
    request: HttpRequest,
    batch: Batch,
    warnings: tuple[RowWarning, ...],
    on_order: Mapping[str, EntryWarning],
    in_list: Mapping[str, Similar],
) -> tuple[WarningLine, ...]:
    """What has to be confirmed, similar consumers beside the row. Whom they show is recorded."""
    lines = compared_lines(batch, warnings, on_order, in_list, Viewer.of(request.user))
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
    return lines


def _receipt_url(request: HttpRequest, submission: Submission | None) -> str:
    if submission is None or not Viewer.of(request.user).may_open(submission.actor_id):
        return ""
    return reverse("consumers:receipt", args=[submission.public_id])
