"""The page of a batch, and the part of it that shows the progress of sending."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from apps.batches import recording, selectors
from apps.batches.checking.others import others_of
from apps.batches.models import Batch, RowState
from apps.batches.permissions import CONTROL_ALL_BATCHES, SEND_BATCHES
from apps.batches.presenters.batch import ALL, BatchPage, Rights, RowsOfPage, batch_page
from apps.batches.presenters.naming import batch_url
from apps.batches.presenters.progress import has_no_worker, progress_of
from apps.batches.presenters.rows import (
    RowLine,
    WarningGroup,
    row_line,
    shown_warnings,
    warning_groups,
)
from apps.batches.views.return_address import BY, ReturnAddress, return_address_of, warn_stale
from apps.batches.views.visible import (
    find_batch,
    may_change_rows,
    may_choose_columns,
    may_control,
    may_edit,
)
from apps.consumers.forms.similar import SimilarReasonForm
from apps.consumers.viewer import Viewer
from apps.consumers.views.visible import person_id
from apps.core import keyset
from apps.core.forms.errors import FieldError, form_errors
from apps.core.web import sealed_entries
from apps.core.web.background import background
from apps.core.web.filters import page_url
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

PAGE_SIZE = 50
CODE: Final = "code-"
"""The beginning of the name of the box of each kind of warnings."""
# A row in another state has a submission, or names one.
_NEVER_SENT = frozenset({RowState.UNCHECKED, RowState.NEEDS_ATTENTION, RowState.READY, RowState.LEFT_OUT})
_OTHERS_SHOWN = (RowState.LEFT_OUT, RowState.NOT_SENT)
"""The states of rows, besides those that need attention, that one button is for."""


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@require_GET
def batch(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """The batch with its rows. Showing another person's batch, or rows that were sent, is recorded."""
    found = find_batch(request, batch_id)
    if may_choose_columns(found) and may_edit(request, found):
        return HttpResponseRedirect(reverse("batches:columns", args=[found.public_id]))
    accepting = reverse("batches:accept", args=[found.public_id])
    return show(request, found, sealed=sealed_entries.unseal(request, path=accepting))


@background
@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@require_GET
def progress(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """The part of the page that shows the progress. It has no personal data."""
    found = find_batch(request, batch_id)
    counts = selectors.count_by_state(found)
    context = {
        "batch": found,
        "progress": progress_of(
            found,
            counts,
            not_confirmed=selectors.count_not_confirmed(found),
            no_worker=has_no_worker(found),
            is_own=may_edit(request, found),
        ),
        "may_control": may_control(request, found),
        "url": batch_url(found),
        "is_fragment": True,
    }
    return render(request, "batches/progress.html", context)


def show(
    request: HttpRequest,
    found: Batch,
    *,
    reason: SimilarReasonForm | None = None,
    errors: tuple[FieldError, ...] = (),
    ticked: Collection[str] = (),
    sealed: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page. ``reason``, ``errors``, ``ticked``: after warnings that were not confirmed.

    ``sealed``: the form of the warnings, posted after the session had ended.
    """
    page, links = _page(request, found)
    was_sealed = sealed is not None and sealed.get("shown") == page.warnings_shown
    if sealed is not None and was_sealed:
        reason, ticked = reason_in(sealed), ticked_codes(sealed)
    elif sealed is not None:
        warn_stale(request)
    if reason is not None:
        errors = (*errors, *form_errors(reason))
    return render(
        request,
        "batches/batch.html",
        {
            "page": page,
            "batch": found,
            "progress": page.progress,
            "may_control": page.rights.may_control,
            "url": batch_url(found),
            "reason": reason or SimilarReasonForm(),
            "errors": errors,
            "ticked": ticked,
            "was_sealed": was_sealed,
            "entry_of": sealed_entries.author_token(request),
            "days": settings.BATCH_DAYS,
            **links,
        },
    )


def ticked_codes(values: Mapping[str, str]) -> frozenset[str]:
    """The kinds of warnings that are ticked. Each box has its own name: a sealed entry has no lists."""
    return frozenset(name.removeprefix(CODE) for name in values if name.startswith(CODE))


def reason_in(values: Mapping[str, str]) -> SimilarReasonForm:
    """The reason in a form of warnings, without errors."""
    return SimilarReasonForm(initial={"similar_reason": values.get("similar_reason", "")})


def _page(request: HttpRequest, found: Batch) -> tuple[BatchPage, dict[str, Any]]:
    """The page, and the return address and addresses of its rows. Records whom it shows."""
    counts, viewer = selectors.count_by_state(found), Viewer.of(request.user)
    edits = may_edit(request, found)
    changes = edits and may_change_rows(found)
    return_address = return_address_of(request)
    shown = _shown(return_address, counts)
    return_address, part = _part(found, shown, return_address)
    submissions = selectors.submissions_of_rows(part.rows)
    lines = tuple(
        row_line(one, found, selectors.submission_of_row(one, submissions), viewer, may_edit=changes)
        for one in part.rows
    )
    rows = _rows_of_page(found, may_change=changes)
    warnings = warning_groups(found, rows.waiting, viewer) if changes else ()
    sent = [one.number for one in part.rows if one.token in submissions]
    _record_seen(request, found, lines, sent, _others(part.rows, warnings))
    rights = Rights(may_edit=edits, may_change_rows=changes, may_control=may_control(request, found))
    page = batch_page(found, counts, rights, rows, shown=shown, lines=lines, warnings=warnings)
    return page, {
        "return_address": return_address,
        "newer_url": page_url(batch_url(found), return_address.values, part.older),  # the rows before
        "older_url": page_url(batch_url(found), return_address.values, part.newer),
    }


def _part(found: Batch, shown: str, return_address: ReturnAddress) -> tuple[ReturnAddress, keyset.Page[Any]]:
    """The rows with this filter at the position of the return address, or the first ones if none is there."""
    rows = selectors.rows_of(found) if shown == ALL else selectors.rows_in(found, [RowState(shown)])
    pages = [rows.order_by()]
    part = keyset.page_of(pages, BY, size=PAGE_SIZE, position=return_address.position, oldest_first=True)
    if not part.rows and return_address.position is not None:
        # An act has changed the last rows of the filter.
        return_address = replace(return_address, position=None)
        part = keyset.page_of(pages, BY, size=PAGE_SIZE, oldest_first=True)
    return return_address, part


def _rows_of_page(found: Batch, *, may_change: bool) -> RowsOfPage:
    others = [*selectors.rows_in(found, _OTHERS_SHOWN).only("number", "version")] if may_change else []
    return RowsOfPage(
        waiting=[*selectors.rows_in(found, [RowState.NEEDS_ATTENTION])],
        left_out=[row for row in others if row.current == RowState.LEFT_OUT],
        unsent=[row for row in others if row.current == RowState.NOT_SENT],
        to_confirm=[*selectors.rows_to_confirm(found).defer("encrypted_cells", "encrypted_values")],
    )


def _record_seen(
    request: HttpRequest, found: Batch, lines: Sequence[RowLine], sent: list[int], others: recording.Others
) -> None:
    """Record the view if it shows another person's batch, rows that may have been sent, or ``others``.

    ``sent``: the numbers of the rows that were sent as they are.
    """
    seen = any(line.state not in _NEVER_SENT for line in lines)
    if seen or others or (lines and found.author_id != person_id(request)):
        recording.record_viewed(found, rows=len(lines), sent=sent, actor=actor_of(request), others=others)


def _others(rows: Iterable[Any], groups: Iterable[WarningGroup]) -> recording.Others:
    """The people whom these rows and the warnings above them are about, besides those of the batch."""
    rows = list(rows)
    warnings = [warning for row in rows for warning in shown_warnings(row)]
    warnings += [sentence.about for group in groups for sentence in group.sentences]
    earlier = [row.earlier for row in rows if row.current == RowState.ALREADY_SENT]
    return others_of(warnings, earlier)


def _shown(return_address: ReturnAddress, counts: dict[RowState, int]) -> str:
    """The filter in effect; without one, what needs attention, if anything does."""
    if return_address.show:
        return return_address.show
    return RowState.NEEDS_ATTENTION.value if counts[RowState.NEEDS_ATTENTION] else ALL
