"""New order consumer: show the form, read what was posted, submit it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.cdp.errors import ErrorCode
from apps.cdp.factory import get_client
from apps.cdp.fields import NAME_OF_VENDOR_NAME
from apps.consumers import drafts, labels, recording, selectors, value_lists
from apps.consumers.copying import COPIED, CopySource
from apps.consumers.drafts import DraftMark
from apps.consumers.forms.blank import blank_fields
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry, refused_control
from apps.consumers.forms.flat_values import values_of
from apps.consumers.forms.paste import TEXT
from apps.consumers.forms.posted import PostedEntry, PostedKind, posted_token
from apps.consumers.forms.similar import SimilarReasonForm
from apps.consumers.models import Draft, Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER, VIEW_VENDOR_RECORDS
from apps.consumers.presenters import receipts
from apps.consumers.presenters.entry import (
    BlockingSubmission,
    EntryPage,
    WarningLine,
    blocking_submission,
    corrected_submission,
    warning_line,
)
from apps.consumers.presenters.order_panel import OrderPanel
from apps.consumers.presenters.paste import PasteBox
from apps.consumers.sending import storing, submit
from apps.consumers.sending.warnings import named_and_counted
from apps.consumers.viewer import Viewer
from apps.consumers.views import drafts as draft_views
from apps.consumers.views import next_traveller
from apps.consumers.views.order_panel import kept_choice, look_up_number, panel_for
from apps.consumers.views.paste import answer_paste, kept_box
from apps.consumers.views.submissions import to_receipt
from apps.consumers.views.visible import find_submission
from apps.core.actor import Actor
from apps.core.connections import DATABASE_ERRORS
from apps.core.forms.errors import FieldError, form_errors
from apps.core.forms.input import single_value
from apps.core.forms.long_select import suggestions
from apps.core.web import sealed_entries
from apps.core.web.context_processors import environment_label
from apps.core.web.failures import Effects, if_it_fails
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of, is_in_page, support_code

logger = logging.getLogger(__name__)

# Seconds beyond the call's total limit after which the script stops waiting for the answer to a send.
ANSWER_MARGIN = 30


class NotCorrectable(Http404):
    """The submission of the address cannot be corrected (any more), or this person may not see it."""


@if_it_fails(Effects(may_be_sent=True, in_steps=True, never_twice=True))
@requires(CREATE_ORDER_CONSUMER)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the form, or process a posted one.

    The form is empty, or filled from the submission that it corrects (``?from=``), an order (``?order=``),
    partly from another consumer (``?like=``), or from a draft (``?draft=``) or a sealed entry of this person.
    """
    if request.method == "POST":
        return _answer_post(request)
    try:
        return _show(request)
    except draft_views.DraftNotOpened as refusal:
        return _without_draft(request, str(refusal))
    except NotCorrectable:
        address = reverse("consumers:new")
        if not sealed_entries.move(request, to=address):
            raise
        return _corrected_no_longer(request, address)


def _show(request: HttpRequest) -> HttpResponse:
    draft = draft_views.named_draft(request)
    if draft is not None and _corrects_no_longer(request, draft):
        address = f"{reverse('consumers:new')}?{urlencode({'draft': draft.public_id})}"
        sealed_entries.move(request, to=address)
        return _corrected_no_longer(request, address)
    corrected, source = _corrected_submission(request), next_traveller.source_of_address(request)
    sealed = sealed_entries.unseal(request)
    if sealed is not None:
        # The same token: if this form was sent before and its answer was lost, the submission is found by it.
        entry = Entry.unbound(sealed, selectors.providers(), token=posted_token(sealed))
        paste = PasteBox(sealed.get(TEXT, ""))
        draft_views.record_opened(request, sealed, corrected)
        shown = EntryPage(
            entry=entry,
            corrected=corrected_submission(corrected),
            was_sealed=True,
            paste=paste,
            draft=DraftMark.read(sealed.get(drafts.FIELD, "")),
        )
        return _page(request, shown, values=sealed)
    if draft is not None:
        return _draft_page(request, draft, corrected)
    if source is not None:
        shown = EntryPage(entry=next_traveller.entry_with_carried(request, source))
        return _page(request, shown, source=source)
    if corrected is None:
        order_ref, providers = single_value(request.GET, "order"), selectors.providers()
        if order_ref:
            entry = next_traveller.entry_for_order(order_ref, None, providers)
            return _page(request, EntryPage(entry=entry))
        entry = Entry.unbound(values_of("", None), providers)
        return _page(request, EntryPage(entry=entry, blank_fields=blank_fields(providers)))
    recording.record_viewed(corrected, actor_of(request))
    shown = EntryPage(entry=_entry_of(corrected), corrected=corrected_submission(corrected))
    return _page(request, shown)


def _draft_page(request: HttpRequest, draft: Draft, corrected: Submission | None) -> HttpResponse:
    """The form as it was when the draft was saved, with a new token."""
    if draft.is_finished:
        messages.info(request, _("This draft was sent or discarded."))
        return HttpResponseSeeOther(reverse("consumers:new"))
    values = draft.values or {}
    draft_views.record_opened(request, values, corrected)
    shown = EntryPage(
        entry=Entry.unbound(values, selectors.providers()),
        corrected=corrected_submission(corrected),
        is_draft=True,
        paste=PasteBox(values.get(TEXT, "")),
        draft=DraftMark.of(draft),
    )
    return _page(request, shown, values=values)


def _answer_post(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)  # first: the page about a lost database shows the person's roles
    try:
        corrected, is_over = _posted_correction(request)
        page_of = partial(EntryPage, corrected=corrected_submission(corrected), corrects_no_longer=is_over)
        providers = selectors.providers()
        if (copying := next_traveller.answer_copying(request, providers)) is not None:
            # A script loads the panel itself: copying does not wait for the vendor.
            loads_panel = is_in_page(request) or next_traveller.APPLY in request.POST
            shown = page_of(
                entry=copying.entry,
                panel=None if loads_panel else panel_for(request.POST, request),
                copied=copying.copied,
                latest_entries=copying.latest_entries,
            )
            return _page(request, shown, source=copying.source)
        next_traveller.source_of_address(request)  # refuses an address that the person may not use
        pasted = answer_paste(request.POST, providers, actor)
        if pasted is not None:
            shown = page_of(entry=pasted.entry, paste=pasted.box)
            return _page(request, shown)
        posted = PostedEntry.read(request.POST, providers)
        posted, panel = _with_order(request, posted, actor)
    except submit.TokenUsed as refusal:
        return _form_used(request, posted, refusal, page_of(entry=posted.entry))
    except DATABASE_ERRORS:
        logger.exception("form_not_read")
        return _not_written(request, EntryPage(entry=Entry.bound(request.POST, ())))
    shown = page_of(entry=posted.entry, panel=panel)
    match posted.kind:
        case PostedKind.VALID if not is_over or selectors.submission_of_token(posted.entry.token, actor.id):
            return _submit(request, posted, corrected, actor, shown)
        case PostedKind.ORDER_TO_CHECK:
            shown = replace(shown, panel=panel_for(posted.values, request))
        case PostedKind.INCOMPLETE | PostedKind.CONFLICTING:
            shown = replace(shown, panel=None, damage=posted.kind.value)
    return _page(request, shown)


def _with_order(
    request: HttpRequest, posted: PostedEntry, actor: Actor
) -> tuple[PostedEntry, OrderPanel | None]:
    """The post with the reference of its order number, if one order has it.

    Otherwise the field has an error, and the panel may offer the orders to choose from. Nothing is sent.
    Raises ``TokenUsed`` if the form was sent to an order with another number.
    """
    number = posted.order_number
    if not number or not request.user.has_perm(VIEW_VENDOR_RECORDS):
        return posted, None
    if posted.chosen_order:
        return posted.with_order(posted.chosen_order), None
    sent = selectors.submission_of_token(posted.entry.token, actor.id)
    if sent is not None and sent.order_number:  # answered whether or not orders can be looked up now
        if sent.order_number.casefold() == number.casefold():  # stored as the vendor spells it
            return posted.with_order(sent.order_ref), None
        if posted.entry.lacks_only_the_order():
            submit.refuse_used_form(sent, actor)
    found = look_up_number(number, actor, for_create=posted.entry.lacks_only_the_order())
    if found.order is not None:
        return posted.with_order(found.order.ref), found.panel
    href = "#id_order_choice_0" if found.panel.choices else ""
    posted.entry.replace_order_error(found.problem, href=href)
    return posted, found.panel


def _submit(
    request: HttpRequest,
    posted: PostedEntry,
    corrected: Submission | None,
    actor: Actor,
    shown: EntryPage,
) -> HttpResponse:
    """Call the service once and answer with its result. ``shown``: the page, if the form is shown again."""
    entry = posted.entry
    try:
        submission = submit.submit(
            order_ref=entry.order_ref,
            consumer=entry.to_new_consumer(),
            token=entry.token,
            actor=actor,
            client=get_client(),
            accepted=frozenset(posted.accepted.split()),
            similar_reason=posted.similar_reason,
            normalised=entry.normalised(),
            resubmission_of=corrected,
            draft=_draft_mark(posted.values),
        )
    except submit.NotConfirmed as refusal:
        return _warned(request, posted, refusal, shown)
    except submit.IdenticalOpen as refusal:
        return _page(request, replace(shown, identical=_blocking(request, refusal.submission)))
    except submit.TokenUsed as refusal:
        return _form_used(request, posted, refusal, shown)
    except submit.Busy:  # the next try need not show the same warnings again
        shown = replace(shown, busy=True, accepted=posted.accepted, similar_reason=posted.similar_reason)
        return _page(request, shown, status=HTTPStatus.SERVICE_UNAVAILABLE)
    except submit.NotWritten:
        return _not_written(request, shown)
    except storing.OutcomeNotStored as failure:
        return _not_stored(request, failure)
    if submission.outcome in (Outcome.REJECTED, Outcome.NOT_SENT):
        return HttpResponseSeeOther(f"{reverse('consumers:new')}?from={submission.public_id}")
    return to_receipt(submission.public_id)


def _form_used(
    request: HttpRequest, posted: PostedEntry, refusal: submit.TokenUsed, shown: EntryPage
) -> HttpResponse:
    """The entry in a new form. The person went back, or the answer was lost, and then entered another one."""
    used = _blocking(request, refusal.submission)
    return _page(request, replace(shown, entry=posted.with_new_token(), used=used))


def _warned(
    request: HttpRequest, posted: PostedEntry, refusal: submit.NotConfirmed, shown: EntryPage
) -> HttpResponse:
    """The form with its warnings. Similar consumers are shown beside the entry, which is recorded.

    Of many similar consumers some are counted: they are not shown, and Create anyway confirms them, too.
    """
    entry, viewer = posted.entry, Viewer.of(request.user)
    warnings, more = named_and_counted(refusal.warnings, frozenset(posted.accepted.split()))
    lines = [warning_line(warning, viewer) for warning in warnings]
    for warning, line in zip(warnings, lines, strict=True):
        entry.warn(warning.field, line.text, value=warning.value)
    named = [(warning.consumer, line.is_shown) for warning, line in zip(warnings, lines, strict=True)]
    if more:
        text = labels.more_similar_text(sum(map(len, more)))
        entry.warn(more[0][0].field, text)
        lines.append(WarningLine(text))
    recording.record_warned(
        entry.order_ref,
        shown=[one for one, is_shown in named if one and is_shown],
        compared=[one for one, is_shown in named if one and not is_shown],
        actor=actor_of(request),
    )
    is_missing = isinstance(refusal, submit.ReasonMissing)
    reason = SimilarReasonForm.for_warnings(posted.values, is_missing=is_missing)
    shown = replace(
        shown,
        warnings=tuple(lines),
        warnings_focus=not is_missing,
        accepted=" ".join(warning.key for warning in refusal.warnings),
        reason=reason if any(line.rows for line in lines) else None,
    )
    return _page(request, shown)


def _draft_mark(values: Mapping[str, str]) -> DraftMark | None:
    """The mark of the form's draft; None if the form has none, or drafts are off."""
    return DraftMark.read(values.get(drafts.FIELD, "")) if drafts.are_on() else None


def _page(
    request: HttpRequest,
    shown: EntryPage,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    values: Mapping[str, str] | None = None,
    source: CopySource | None = None,
) -> HttpResponse:
    """Render the form: what the caller shows, completed with what every page of it has.

    ``values``: as stored in the draft or the sealed entry that fills the form; otherwise as posted.
    ``source``: whose details were copied, which is recorded already. A page that is ``not_written`` reads no
    database.
    """
    values = request.POST if values is None else values
    if (paste := shown.paste) is None and shown.not_written:
        paste = PasteBox(request.POST.get(TEXT, ""))
    elif paste is None:
        paste = kept_box(request.POST, shown.entry, actor_of(request))
    draft, other_drafts = shown.draft, 0
    if drafts.are_on():
        draft = draft or _draft_mark(request.POST) or DraftMark.new()
        if request.method != "POST":
            other_drafts = draft_views.number_of_others(request, draft)
    panel = shown.panel
    if panel is None and not shown.blank_fields:
        # Also for an entry that was sealed, or filled in: the field may show another order than was posted.
        in_form = {**dict(values.items()), "order_ref": shown.entry.form["order_ref"].value() or ""}
        panel = kept_choice(in_form, request, with_orders=not shown.not_written)
    page = replace(
        shown,
        errors=_errors(shown, paste),
        entry_of=sealed_entries.author_token(request),
        corrects=_corrects(shown, values),
        copied_key=values.get(COPIED, ""),
        draft=draft,
        other_drafts=other_drafts,
        paste=paste,
        panel=panel,
        enter_creates=settings.ENTER_CREATES,
        required_fields=required_fields(),
        nationality_suggestions=suggestions(value_lists.nationalities()),
        seconds_to_wait=round(settings.CDP_TOTAL_TIMEOUT) + ANSWER_MARGIN,
    )
    if not page.not_written:
        page = next_traveller.show_personal_parts(request, page, source, values)
    return render(request, "consumers/new.html", {**vars(page)}, status=status)


def _corrects(shown: EntryPage, values: Mapping[str, str]) -> str:
    if shown.corrects_no_longer:
        return ""
    return shown.corrected.public_id if shown.corrected else values.get(drafts.EARLIER, "")


def _errors(shown: EntryPage, paste: PasteBox) -> tuple[FieldError, ...]:
    pasted = [FieldError(f"#id_{TEXT}", paste.error)] if paste.error else []
    return (*pasted, *(form_errors(shown.reason) if shown.reason else ()), *shown.entry.errors())


def _not_written(request: HttpRequest, shown: EntryPage) -> HttpResponse:
    """The form as it was sent, with the same token: the record before the send could not be written.

    The page reads nothing from the database: person, permissions and session are loaded already.
    """
    return _page(request, replace(shown, not_written=True), status=HTTPStatus.SERVICE_UNAVAILABLE)


def _not_stored(request: HttpRequest, failure: storing.OutcomeNotStored) -> HttpResponse:
    """The outcome that could not be stored, on a page that reads nothing from the database."""
    outcome = failure.result.outcome
    # The same entry cannot be sent again before the outcome is stored.
    headline = _("Nothing was sent") if outcome is Outcome.NOT_SENT else labels.headline(outcome)
    page = render_to_string(
        "consumers/not_stored.html",
        {
            "outcome": outcome.value,
            "headline": headline,
            "consumer_ref": failure.result.consumer_ref,
            "order_ref": failure.submission.order_ref,
            "spooled": failure.spooled,
            "environment_label": environment_label(),
            "support_code": support_code(request),
        },
    )
    return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _corrected_submission(request: HttpRequest) -> Submission | None:
    """The submission that ``?from=`` names, if any. Raises ``NotCorrectable``, and ``Http404`` for no id."""
    named = single_value(request.GET, "from")
    if not named:
        return None
    try:
        public_id = uuid.UUID(named)
    except ValueError:
        raise Http404 from None
    submission = find_submission(request, public_id)
    if submission is None or not receipts.is_correctable(submission):
        raise NotCorrectable
    return submission


def _posted_correction(request: HttpRequest) -> tuple[Submission | None, bool]:
    """The submission that a posted form corrects, and whether it can no longer be corrected; then None."""
    try:
        return _corrected_submission(request), False
    except NotCorrectable:
        return None, True


def _corrected_no_longer(request: HttpRequest, address: str) -> HttpResponse:
    """Redirect to the form without the submission of the address, and say so."""
    messages.info(request, _("The submission can no longer be corrected"))
    return HttpResponseSeeOther(address)


def _without_draft(request: HttpRequest, text: str) -> HttpResponse:
    """Redirect to the start page with this text, or to the form without the draft if an entry comes back."""
    messages.info(request, text)
    others = request.GET.copy()
    del others["draft"]
    address = reverse("consumers:new") + (f"?{others.urlencode()}" if others else "")
    return HttpResponseSeeOther(address if sealed_entries.move(request, to=address) else reverse("start"))


def _corrects_no_longer(request: HttpRequest, draft: Draft) -> bool:
    """Whether the draft corrects the submission of the address, which cannot be corrected (any more).

    The draft stays usable. The page does not say why it cannot be corrected: nothing about a submission that
    the person may not see any more is disclosed. Another submission in the address is found as without a
    draft.
    """
    named = single_value(request.GET, "from")
    if not named or (not draft.is_finished and (draft.values or {}).get(drafts.EARLIER) != named):
        return False
    try:
        submission = selectors.find_visible(uuid.UUID(named), Viewer.of(request.user))
    except ValueError:
        return True
    return submission is None or not receipts.is_correctable(submission)


def _entry_of(submission: Submission) -> Entry:
    """The entry of a submission, with the vendor's errors at their fields."""
    values = values_of(submission.order_ref, submission.consumer)
    if submission.error_code not in (ErrorCode.INVALID, ErrorCode.NOT_FOUND):
        return Entry.unbound(values, selectors.providers())
    entry = Entry.bound(values, selectors.providers())
    entry.is_valid()
    if submission.error_code == ErrorCode.NOT_FOUND:
        entry.add_error("order_ref", labels.order_not_found(submission))
    elif submission.error_field in NAME_OF_VENDOR_NAME:
        name = NAME_OF_VENDOR_NAME[submission.error_field]
        message, summary = labels.vendor_field_message(submission), labels.vendor_field_summary(name)
        entry.add_error(refused_control(name, submission.vendor_message), message, summary=summary)
    return entry


def _blocking(request: HttpRequest, submission: Submission) -> BlockingSubmission:
    return blocking_submission(submission, Viewer.of(request.user))
