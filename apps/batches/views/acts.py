"""The acts on a batch. Each is a POST that redirects to the page of the batch."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit import person_limits
from apps.batches import labels, selectors
from apps.batches.changing import decisions, held_rows, rows
from apps.batches.changing.shown import AllShown, ChosenRows
from apps.batches.checking.check import check_batch
from apps.batches.models import Batch, PauseReason, RowState
from apps.batches.permissions import CONTROL_ALL_BATCHES, SEND_BATCHES
from apps.batches.presenters import done
from apps.batches.presenters.naming import batch_url
from apps.batches.presenters.rows import has_warning, warning_groups
from apps.batches.sending import control
from apps.batches.storing import new_list
from apps.batches.views.batch import reason_in, show, ticked_codes
from apps.batches.views.checked import check_stored
from apps.batches.views.posting import only_post
from apps.batches.views.return_address import AT_ROWS, answer_stale, back_to_batch, return_address_of
from apps.batches.views.visible import find_batch, find_own, may_change_rows
from apps.cdp.factory import get_client
from apps.consumers.forms.similar import SimilarReasonForm
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.encryption import NotReadableError
from apps.core.forms.errors import FieldError
from apps.core.forms.input import single_value
from apps.core.web.filters import UnreadableAddress
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of

STALE = (held_rows.NotChanged, control.NotInThisState, control.RowsChanged)
"""The page was no longer current, so nothing was changed."""
MAX_ROWS = 10_000  # row numbers in one POST; the limit of rows is far below


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def check(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Check the rows that have not been checked, such as after a lost connection."""
    batch = find_own(request, batch_id)
    if not may_change_rows(batch):
        return answer_stale(request, batch)
    return_address_of(request)
    check_batch(batch, client=get_client())
    found = done.states_text(selectors.count_by_state(batch))
    messages.success(request, _("The rows are checked. %(states)s") % {"states": found})
    return back_to_batch(request, batch)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def accept(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Confirm the chosen kinds of warnings. A similar consumer needs a reason, as on the form."""
    batch = find_own(request, batch_id)
    waiting = [*selectors.rows_in(batch, [RowState.NEEDS_ATTENTION])]
    groups = warning_groups(batch, waiting, Viewer.of(request.user))
    chosen = ticked_codes(request.POST)
    codes = [group.code for group in groups if group.code in chosen]
    if not codes:
        if not groups:
            return answer_stale(request, batch)
        error = FieldError("#warnings", _("Tick the warnings that you want to confirm"))
        return show(request, batch, reason=reason_in(request.POST), errors=(error,))
    reason = SimilarReasonForm({"similar_reason": single_value(request.POST, "similar_reason")})
    if any(group.needs_reason and group.code in codes for group in groups) and not reason.is_valid():
        return show(request, batch, reason=reason, ticked=chosen)
    similar_reason = reason.cleaned_data["similar_reason"] if reason.is_valid() else ""
    numbers = [row.number for row in waiting if has_warning(row, codes)]

    def message() -> str:
        return _("The warnings are confirmed. %(rows)s") % {"rows": done.rows_text(batch, numbers)}

    return _change(
        request,
        batch,
        lambda actor: decisions.accept_warnings(
            batch, codes, similar_reason, shown=single_value(request.POST, "shown"), actor=actor
        ),
        message=message,
    )


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def leave_out(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Leave rows out: the named ones, or all that need attention, exactly those that the page has shown."""
    return _change_rows(request, batch_id, rows.leave_out)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def take_back(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Take rows that were left out back in: the named ones, or all, exactly those that the page has shown."""
    return _change_rows(request, batch_id, rows.take_back_in)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def confirm(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Confirm that the ready rows are sent, exactly those that the page has shown."""
    batch = find_own(request, batch_id)
    return_address_of(request)
    shown = single_value(request.POST, "shown")
    try:
        result = control.confirm(batch, shown=shown, actor=actor_of(request), client=get_client())
    except STALE:
        return answer_stale(request, batch)
    if result.attention:
        messages.warning(request, _attention_text(batch, result.attention))
    elif not result.was_read:
        text = _("The order could not be checked. %(comparison)s")
        messages.warning(request, text % {"comparison": labels.comparison_text()})
    return back_to_batch(request, batch)


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@only_post
def pause(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Pause sending. A row that is being sent is finished."""
    return _control(request, batch_id, control.pause)


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@only_post
def resume(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Resume sending."""
    return _control(request, batch_id, control.resume)


@requires(SEND_BATCHES, CONTROL_ALL_BATCHES, batch="batch_id")
@only_post
def stop(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Stop sending for good. Rows that were not sent are left out."""
    return _control(request, batch_id, control.stop)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def send_again(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Make rows ready to be sent again: the named ones, or all not sent, as the page has shown them."""
    return _change_rows(request, batch_id, rows.send_again, at_rows=False)


@requires(SEND_BATCHES, batch="batch_id")
@only_post
def make_new_list(request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
    """Make a new batch of the rows that were not created, and check it."""
    batch = find_own(request, batch_id)
    if not person_limits.allows(person_limits.Act.LIST, actor_of(request)):
        messages.warning(request, person_limits.refusal(person_limits.Act.LIST))
        return back_to_batch(request, batch)
    try:
        made = new_list.make_new_list(batch, actor=actor_of(request))
    except STALE:
        return answer_stale(request, batch)
    except NotReadableError:
        messages.warning(request, labels.NOT_READABLE)
        return back_to_batch(request, batch)
    check_stored(made)
    messages.success(
        request, _("This is a new list of rows that were not created. Nothing of it is sent yet.")
    )
    return HttpResponseSeeOther(batch_url(made))


def _change_rows(
    request: HttpRequest,
    batch_id: uuid.UUID,
    act: Callable[..., list[int]],
    *,
    at_rows: bool = True,
) -> HttpResponse:
    """Do the act with the rows that the post names; without any, with all that the page showed for it."""
    batch = find_own(request, batch_id)
    chosen: ChosenRows = AllShown(single_value(request.POST, "shown"))
    if "number" in request.POST:
        chosen = _numbers(request.POST)
    changed: list[int] = []
    return _change(
        request,
        batch,
        lambda actor: changed.extend(act(batch, chosen, actor=actor)),
        message=lambda: done.rows_text(batch, changed),
        at_rows=at_rows,
    )


def _control(request: HttpRequest, batch_id: uuid.UUID, act: Callable[..., object]) -> HttpResponse:
    batch = find_batch(request, batch_id)
    return _change(request, batch, lambda actor: act(batch, actor=actor))


def _change(
    request: HttpRequest,
    batch: Batch,
    act: Callable[[Actor], object],
    *,
    message: Callable[[], str] | None = None,
    at_rows: bool = False,
) -> HttpResponse:
    """Do the act and redirect to the return address. A page that was no longer current changes nothing.

    ``message``: the message after the act. ``at_rows``: the page opens at its rows.
    """
    return_address_of(request)  # an address that was changed is refused before anything is done
    try:
        act(actor_of(request))
    except STALE:
        return answer_stale(request, batch, at_rows=at_rows)
    except control.ConfirmerNotPermitted:
        messages.warning(request, labels.pause_text(PauseReason.NOT_PERMITTED))
    if message is not None:
        messages.success(request, message(), extra_tags=AT_ROWS if at_rows else "")
    return back_to_batch(request, batch, at_rows=at_rows)


def _numbers(values: QueryDict) -> list[int]:
    """The row numbers of the post."""
    texts = values.getlist("number")[:MAX_ROWS]
    if not all(text.isdecimal() and len(text) < 8 for text in texts):
        raise UnreadableAddress
    return [int(text) for text in texts]


def _attention_text(batch: Batch, numbers: Collection[int]) -> str:
    """The message if rows are not ready any more once they were compared with the order again."""
    current = [row.current for row in selectors.rows_of(batch).filter(number__in=numbers)]
    waiting, sent = current.count(RowState.NEEDS_ATTENTION), current.count(RowState.ALREADY_SENT)
    texts = [_("The rows were checked again. Nothing was confirmed.")]
    if waiting:
        text = ngettext("%(n)s row needs attention.", "%(n)s rows need attention.", waiting)
        texts.append(text % {"n": waiting})
    if sent:
        text = ngettext(
            "%(n)s row was sent already, by another submission.",
            "%(n)s rows were sent already, by other submissions.",
            sent,
        )
        texts.append(text % {"n": sent})
    return " ".join(texts)
