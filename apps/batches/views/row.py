"""One row: corrected in the very form, or released although its content was created before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.batches import recording, selectors
from apps.batches.checking.comparing import compared_again
from apps.batches.checking.entries import names_order
from apps.batches.checking.findings import RowWarning
from apps.batches.checking.others import others_of
from apps.batches.forms.release import ReleaseForm
from apps.batches.models import Batch, BatchRow, BatchState, RowState
from apps.batches.permissions import SEND_BATCHES
from apps.batches.presenters.done import row_text
from apps.batches.presenters.naming import batch_url, order_name
from apps.batches.presenters.row_warnings import compared_lines
from apps.batches.presenters.rows import CORRECTABLE, MAY_BE_LEFT_OUT, findings_of, name_of
from apps.batches.sending import changing
from apps.batches.views.place import AT_ROWS, Place, place_of
from apps.batches.views.posting import only_post
from apps.batches.views.visible import find_own, may_change_rows
from apps.consumers import labels as consumer_labels
from apps.consumers import selectors as consumer_selectors
from apps.consumers import value_lists
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.posted import PostedEntry, PostedKind
from apps.consumers.models import CORRECTABLE_OUTCOMES, Outcome, Submission
from apps.consumers.presenters.entry import WarningLine
from apps.consumers.recording import record_warned
from apps.consumers.sending.order_comparison import Similar
from apps.consumers.sending.warnings import EntryWarning
from apps.consumers.viewer import Viewer
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.input import single_value
from apps.core.forms.long_select import suggestions
from apps.core.web import sealed_entries
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of


@requires(SEND_BATCHES)
@require_http_methods(["GET", "POST"])
def row(request: HttpRequest, batch_id: uuid.UUID, number: int) -> HttpResponse:
    """Show the row in the form for one consumer, or store the corrected values. Nothing is sent."""
    batch = find_own(request, batch_id)
    found = _find_row(batch, number)
    state = RowState(found.current)
    if state not in CORRECTABLE and state is not RowState.LEFT_OUT:
        return _to_receipt(batch, found)
    if request.method == "POST":
        return _save(request, batch, found)
    sealed = sealed_entries.unseal(request)
    if sealed is not None:
        entry = Entry.unbound({**sealed, "order_ref": batch.order_ref}, consumer_selectors.providers())
        # Its own version: what another tab has stored meanwhile is not overwritten.
        return _page(request, batch, found, entry, was_sealed=True, version=sealed.get("version", ""))
    if not may_change_rows(batch):
        return _ended(request, batch)
    if found.values is None:
        raise Http404  # a key is missing
    return _page(request, batch, found, _entry_of(batch, found))


@requires(SEND_BATCHES)
@only_post
def release(request: HttpRequest, batch_id: uuid.UUID, number: int) -> HttpResponse:
    """Make the row ready to be sent although its content was already created, for a reason."""
    batch = find_own(request, batch_id)
    found = _find_row(batch, number)
    form = ReleaseForm(request.POST)
    seen = single_value(request.POST, "earlier")
    if found.current != RowState.ALREADY_SENT or seen != str(found.earlier):
        return _changed(request, batch)
    if not form.is_valid():
        return _page(request, batch, found, _entry_of(batch, found), release=form)
    place = place_of(request)
    try:
        changing.release_row(batch, found, form.cleaned_data["reason"], actor=actor_of(request))
    except changing.NotChanged:
        return _changed(request, batch)
    if _find_row(batch, number).current == RowState.READY:
        text = _("Row %(number)s is ready. It is sent once you confirm the list.")
    else:
        text = _("Row %(number)s still needs a decision. Nothing was sent.")
    messages.success(request, text % {"number": number})
    return HttpResponseSeeOther(place.url(batch))


def _find_row(batch: Batch, number: int) -> Any:
    found = selectors.rows_of(batch).filter(number=number).first() if number < 2**31 else None
    if found is None:
        raise Http404
    return found


def _to_receipt(batch: Batch, found: BatchRow) -> HttpResponse:
    """A row that is being sent, was created or is unknown is corrected by nobody: its receipt says more."""
    submission = selectors.submissions_of_rows([found]).get(found.token)
    if submission is None:
        return HttpResponseRedirect(batch_url(batch))
    return HttpResponseRedirect(reverse("consumers:receipt", args=[submission.public_id]))


def _ended(request: HttpRequest, batch: Batch) -> HttpResponse:
    """Lead to the list, whose rows nobody can change, and say why."""
    if batch.erased_at is not None:
        messages.warning(request, _("The personal data of this list were deleted."))
    elif batch.state == BatchState.STOPPED:
        messages.warning(request, _("The list was stopped: its rows cannot be changed."))
    return HttpResponseRedirect(batch_url(batch))


def _entry_of(batch: Batch, found: BatchRow) -> Entry:
    """The row as it is stored, with its errors and warnings at the fields."""
    values = {**(found.values or {}), "order_ref": batch.order_ref, "token": str(found.token)}
    entry = Entry.bound(values, consumer_selectors.providers())
    entry.is_valid()
    shown = {error.message for error in entry.errors()}
    findings = findings_of(found)
    for error in findings.errors:
        if error.text not in shown and _has_place(entry, error.field):
            entry.add_error(error.field.partition("-")[0], error.text)
    for warning in findings.unconfirmed(frozenset(found.accepted)):
        if warning.field in entry.form.fields or warning.field in entry.lists:
            entry.warn(warning.field, warning.text)
    return entry


def _has_place(entry: Entry, control: str) -> bool:
    """Whether the form has this control. The order is that of the list, and has no field here."""
    name = control.partition("-")[0]
    return name != "order_ref" and (name in entry.form.fields or name in entry.lists)


def _other_order(batch: Batch, found: BatchRow) -> str:
    """The order that the row names, as in the file, if it is another than that of the list; or empty."""
    text = (found.values or {}).get("order_ref", "").strip()
    return "" if names_order(batch, text) else text


def _errors_without_place(found: BatchRow, entry: Entry, other_order: str) -> list[FieldError]:
    """The row's errors that no field of the form shows."""
    errors = []
    if other_order:
        text = gettext("This row names another order than the list: %(order)s. Leave it out, or confirm it")
        errors.append(FieldError("#id_order_confirmed", text % {"order": other_order}))
    found_errors = [one for one in findings_of(found).errors if one.field != "order_ref"]
    errors += [FieldError("#entry", one.text) for one in found_errors if not _has_place(entry, one.field)]
    return errors


def _save(request: HttpRequest, batch: Batch, found: Any) -> HttpResponse:
    values = request.POST.copy()
    values["order_ref"], values["token"] = batch.order_ref, str(found.token)
    posted = PostedEntry.read(values, consumer_selectors.providers())
    version = single_value(request.POST, "version")
    match posted.kind:
        case PostedKind.INCOMPLETE | PostedKind.CONFLICTING:
            return _page(request, batch, found, posted.entry, damage=posted.kind.value, version=version)
        case PostedKind.VALID:
            pass
        case _:
            return _page(request, batch, found, posted.entry, version=version)
    if _other_order(batch, found) and not _confirms_order(request):
        return _page(request, batch, found, posted.entry, version=version)
    if version != str(found.version):
        return _page(request, batch, found, posted.entry, changed=True, status=HTTPStatus.CONFLICT)
    before, place = RowState(found.current), place_of(request)
    typed = {name: str(value) for name, value in posted.values.items()}
    try:
        changing.correct_row(batch, found, typed, actor=actor_of(request))
    except changing.NotChanged:
        return _page(request, batch, found, posted.entry, changed=True, status=HTTPStatus.CONFLICT)
    return _saved(request, batch, found, place, was=before)


def _saved(
    request: HttpRequest, batch: Batch, found: BatchRow, place: Place, *, was: RowState
) -> HttpResponse:
    """Lead to the next row that needs attention, or back to the list, and say what became of this one."""
    text = row_text(_find_row(batch, found.number), still=was is RowState.NEEDS_ATTENTION)
    if single_value(request.POST, "then") == "next" and (following := _following(batch, found.number)):
        messages.success(request, text)
        address = reverse("batches:row", args=[batch.public_id, following])
        return HttpResponseSeeOther(f"{address}{place.query}")
    messages.success(request, text, extra_tags=AT_ROWS)
    return HttpResponseSeeOther(place.url(batch, at_rows=True))


def _confirms_order(request: HttpRequest) -> bool:
    """Whether the person says that the row belongs to the order of the list, whatever it names."""
    return single_value(request.POST, "order_confirmed") == "yes"


def _following(batch: Batch, number: int) -> int:
    """The next row that needs attention, after the last one the first; 0 without any."""
    waiting = [row.number for row in selectors.rows_in(batch, [RowState.NEEDS_ATTENTION])]
    return next((one for one in waiting if one > number), next((one for one in waiting if one != number), 0))


def _changed(request: HttpRequest, batch: Batch) -> HttpResponse:
    messages.warning(request, _("The list had changed meanwhile. Nothing was done: check it below."))
    return HttpResponseSeeOther(place_of(request).url(batch))


def _page(
    request: HttpRequest,
    batch: Batch,
    found: Any,
    entry: Entry,
    *,
    release: ReleaseForm | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **context: Any,
) -> HttpResponse:
    state, place = RowState(found.current), place_of(request)
    submissions = selectors.submissions_of_rows([found])
    submission = submissions.get(found.token) or submissions.get(found.earlier)
    is_earlier = submission is not None and state is RowState.ALREADY_SENT
    warnings = findings_of(found).unconfirmed(frozenset(found.accepted))
    on_order, in_list = compared_again(batch, found, warnings)
    gone = [one for one in warnings if one.key not in on_order]  # the others are recorded as on the form
    others = others_of(gone, [found.earlier] if is_earlier else [])
    if submission is not None or others:
        recording.record_viewed(batch, rows=1, actor=actor_of(request), others=others)
    may_be_released = is_earlier and submission is not None and submission.outcome == Outcome.CREATED
    release = release or ReleaseForm()
    other_order, order_confirmed = _other_order(batch, found), _confirms_order(request)
    errors: list[FieldError] = [
        *(form_errors(release) if release.is_bound else ()),
        *_errors_without_place(found, entry, "" if order_confirmed else other_order),
        *entry.errors(),
    ]
    return render(
        request,
        "batches/row.html",
        {
            "batch": batch,
            "order_name": order_name(batch),
            "batch_url": place.url(batch),
            "place": place,
            "row": found,
            "version": found.version,
            "name": name_of(found),
            "state": state,
            "warnings": _warnings(request, batch, warnings, on_order, in_list),
            "earlier": submission if is_earlier else None,
            "refused": submission if state in [*map(str, CORRECTABLE_OUTCOMES)] else None,
            "refusal": consumer_labels.reason(submission) if submission else "",
            "receipt_url": _receipt_url(request, submission),
            "release": release if may_be_released else None,
            "entry": entry,
            "errors": errors,
            "other_order": other_order,
            "order_confirmed": order_confirmed,
            "may_be_left_out": state in MAY_BE_LEFT_OUT,
            "entry_of": sealed_entries.author_token(request),
            "required_fields": required_fields(),
            "nationality_suggestions": suggestions(value_lists.nationalities()),
            **context,
        },
        status=status,
    )


def _warnings(
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
