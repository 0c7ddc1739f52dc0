"""The page of one row.

Correct it in the form for one consumer, or release it although its content was created before.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.batches import selectors
from apps.batches.changing import decisions, held_rows, rows
from apps.batches.forms.release import ReleaseForm
from apps.batches.models import Batch, BatchRow, BatchState, ReleaseReason, RowState
from apps.batches.permissions import SEND_BATCHES
from apps.batches.presenters.conflicts import Conflict, lasting_conflict, row_changed
from apps.batches.presenters.done import row_text
from apps.batches.presenters.naming import batch_url
from apps.batches.presenters.row_page import other_order_of
from apps.batches.presenters.rows import CORRECTABLE
from apps.batches.views.posting import only_post
from apps.batches.views.return_address import (
    AT_ROWS,
    ReturnAddress,
    answer_stale,
    return_address_of,
    warn_stale,
)
from apps.batches.views.row_page import confirms_order, entry_of_row, show_row
from apps.batches.views.visible import find_own, may_change_rows
from apps.consumers import selectors as consumer_selectors
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.posted import PostedEntry, PostedKind
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
from apps.core.web.failures import Effects, if_it_fails
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of

_DATE: Final = "date_of_birth"


@if_it_fails(Effects(in_steps=True, never_twice=True))
@requires(SEND_BATCHES, batch="batch_id")
@require_http_methods(["GET", "POST"])
def row(request: HttpRequest, batch_id: uuid.UUID, number: int) -> HttpResponse:
    """Show the row in the form for one consumer, or store the corrected values. Nothing is sent."""
    batch = find_own(request, batch_id)
    found = _find_row(batch, number)
    state = RowState(found.current)
    if request.method == "POST":
        return _save(request, batch, found)
    releasing = reverse("batches:release", args=[batch.public_id, number])
    sealed, sealed_reason = sealed_entries.unseal_each(request, [request.path, releasing])
    reason = _reason_of(batch, found, sealed_reason)
    if sealed_reason is not None and reason is None:
        warn_stale(request)
    if sealed is not None:
        entry = Entry.unbound({**sealed, "order_ref": batch.order_ref}, consumer_selectors.providers())
        conflict = lasting_conflict(batch, state)
        # The version of the form, so that it does not overwrite what another tab has stored meanwhile.
        version = sealed.get("version", "")
        return show_row(
            request,
            batch,
            found,
            entry,
            was_sealed=conflict is None,
            release=reason,
            conflict=conflict,
            version=version,
            is_order_confirmed=confirms_order(sealed),
        )
    if state not in CORRECTABLE and state is not RowState.LEFT_OUT:
        return _to_receipt(batch, found)
    if not may_change_rows(batch):
        return _ended(request, batch)
    if found.values is None:
        raise Http404  # a key is missing
    return show_row(request, batch, found, entry_of_row(batch, found), release=reason)


def _reason_of(batch: Batch, found: Any, sealed: dict[str, str] | None) -> ReleaseForm | None:
    """The form with the reason that was posted after the session had ended; None without one, or too late."""
    if sealed is None or not _may_release(batch, found, sealed.get("earlier", "")):
        return None
    return ReleaseForm(initial={"reason": sealed.get("reason", "")})


def _may_release(batch: Batch, found: Any, seen: str) -> bool:
    """Whether the row is still already sent, by the submission that the page showed. ``seen``: its id."""
    is_as_seen = found.current == RowState.ALREADY_SENT and seen == str(found.earlier)
    return is_as_seen and may_change_rows(batch)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def release(request: HttpRequest, batch_id: uuid.UUID, number: int) -> HttpResponse:
    """Make the row ready to be sent although its content was already created, for a reason."""
    batch = find_own(request, batch_id)
    found = _find_row(batch, number)
    form = ReleaseForm(request.POST)
    if not _may_release(batch, found, single_value(request.POST, "earlier")):
        return answer_stale(request, batch)
    if not form.is_valid():
        return show_row(request, batch, found, entry_of_row(batch, found), release=form)
    return_address, reason = return_address_of(request), ReleaseReason(form.cleaned_data["reason"])
    try:
        decisions.release_row(batch, found, reason, actor=actor_of(request))
    except held_rows.NotChanged:
        return answer_stale(request, batch)
    if _find_row(batch, number).current == RowState.READY:
        text = _("Row %(number)s is ready. It is sent once you confirm the list.")
    else:
        text = _("Row %(number)s still needs a decision. Nothing was sent.")
    messages.success(request, text % {"number": number})
    return HttpResponseSeeOther(return_address.url(batch))


def _find_row(batch: Batch, number: int) -> Any:
    found = selectors.rows_of(batch).filter(number=number).first() if number < 2**31 else None
    if found is None:
        raise Http404
    return found


def _to_receipt(batch: Batch, found: BatchRow) -> HttpResponse:
    """Redirect to the receipt of a row that is being sent, was created or is unknown: nobody corrects it."""
    submission = selectors.submissions_of_rows([found]).get(found.token)
    if submission is None:
        return HttpResponseRedirect(batch_url(batch))
    return HttpResponseRedirect(reverse("consumers:receipt", args=[submission.public_id]))


def _ended(request: HttpRequest, batch: Batch) -> HttpResponse:
    """Redirect to the batch, with a message why nobody can change its rows."""
    if batch.erased_at is not None:
        messages.warning(request, _("The personal data of this list were deleted."))
    elif batch.is_discarded:
        messages.warning(request, _("The list was discarded: its rows cannot be changed."))
    elif batch.state == BatchState.STOPPED:
        messages.warning(request, _("The list was stopped: its rows cannot be changed."))
    return HttpResponseRedirect(batch_url(batch))


def _save(request: HttpRequest, batch: Batch, found: Any) -> HttpResponse:
    values = request.POST.copy()
    values["order_ref"], values["token"] = batch.order_ref, str(found.token)
    posted = PostedEntry.read(values, consumer_selectors.providers(), date_order=batch.date_order)
    version = single_value(request.POST, "version")
    if conflict := lasting_conflict(batch, RowState(found.current)):
        return _not_stored(request, batch, found, posted.entry, conflict)
    match posted.kind:
        case PostedKind.INCOMPLETE | PostedKind.CONFLICTING:
            return show_row(request, batch, found, posted.entry, is_damaged=True, version=version)
        case PostedKind.VALID:
            pass
        case _:
            return show_row(request, batch, found, posted.entry, version=version)
    if other_order_of(batch, found) and not confirms_order(request.POST):
        return show_row(request, batch, found, posted.entry, version=version)
    if version != str(found.version):
        return _not_stored(request, batch, found, posted.entry, row_changed())
    before, return_address = RowState(found.current), return_address_of(request)
    typed = {name: str(value) for name, value in posted.values.items()}
    if date := posted.entry.form.cleaned_data.get(_DATE):  # the rows are checked in the form's own order
        typed[_DATE] = date.isoformat()
    try:
        rows.correct_row(batch, found, typed, actor=actor_of(request))
    except held_rows.NotChanged:  # changed meanwhile: its present state is the reason
        batch.refresh_from_db()
        found = _find_row(batch, found.number)
        conflict = lasting_conflict(batch, RowState(found.current)) or row_changed()
        return _not_stored(request, batch, found, posted.entry, conflict)
    return _saved(request, batch, found, return_address, was=before)


def _not_stored(
    request: HttpRequest, batch: Batch, found: Any, entry: Entry, conflict: Conflict
) -> HttpResponse:
    """What was typed, with the reason why it was not stored."""
    return show_row(request, batch, found, entry, conflict=conflict, status=HTTPStatus.CONFLICT)


def _saved(
    request: HttpRequest, batch: Batch, found: BatchRow, return_address: ReturnAddress, *, was: RowState
) -> HttpResponse:
    """Redirect to the next row that needs attention, or to the batch, with the state of this row.

    ``was``: its state before.
    """
    text = row_text(_find_row(batch, found.number), still=was is RowState.NEEDS_ATTENTION)
    if single_value(request.POST, "then") == "next" and (following := _following(batch, found.number)):
        messages.success(request, text)
        address = reverse("batches:row", args=[batch.public_id, following])
        return HttpResponseSeeOther(f"{address}{return_address.query}")
    messages.success(request, text, extra_tags=AT_ROWS)
    return HttpResponseSeeOther(return_address.url(batch, at_rows=True))


def _following(batch: Batch, number: int) -> int:
    """The number of the next row that needs attention; after the last one, the first. 0 without any."""
    waiting = [row.number for row in selectors.rows_in(batch, [RowState.NEEDS_ATTENTION])]
    return next((one for one in waiting if one > number), next((one for one in waiting if one != number), 0))
