"""New order consumer: show the form, read what was posted, submit it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
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
from apps.consumers.copying import COPIED
from apps.consumers.drafts import DraftMark
from apps.consumers.forms.blank import blank_fields
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import Entry, refused_control
from apps.consumers.forms.flat_values import values_of
from apps.consumers.forms.paste import TEXT
from apps.consumers.forms.posted import PostedEntry, PostedKind
from apps.consumers.forms.similar import SimilarReasonForm
from apps.consumers.models import Draft, Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER, VIEW_VENDOR_RECORDS
from apps.consumers.presenters import receipts
from apps.consumers.presenters.entry import (
    BlockingSubmission,
    WarningLine,
    blocking_submission,
    earlier_submission,
    warning_line,
)
from apps.consumers.presenters.order_panel import (
    NO_ORDER,
    OrderPanel,
    choice_panel,
    several_orders_text,
)
from apps.consumers.presenters.paste import PasteBox
from apps.consumers.sending import storing, submit
from apps.consumers.sending.warnings import named_and_counted
from apps.consumers.viewer import Viewer
from apps.consumers.views import drafts as draft_views
from apps.consumers.views import next_traveller
from apps.consumers.views.order_panel import find_orders, kept_choice, panel_for
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


@if_it_fails(Effects(may_be_sent=True, in_steps=True, never_twice=True))
@requires(CREATE_ORDER_CONSUMER)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Show the form, or process a posted one.

    The form is empty, or filled from an earlier submission (``?from=``), an order (``?order=``), partly from
    another consumer (``?like=``), or from a draft (``?draft=``) or a sealed entry of this person.
    """
    if request.method == "POST":
        return _answer_post(request)
    draft = draft_views.named_draft(request)
    if draft is not None and _corrects_no_longer(request, draft):
        messages.info(request, _("The submission can no longer be corrected"))
        return HttpResponseSeeOther(f"{reverse('consumers:new')}?{urlencode({'draft': draft.public_id})}")
    earlier, like = _earlier_submission(request), next_traveller.source_of_address(request)
    sealed = sealed_entries.unseal(request)
    if sealed is not None:
        # The same token: if this form was sent before and its answer was lost, the submission is found by it.
        entry = Entry.unbound(sealed, selectors.providers(), token=_token_of(sealed))
        paste = PasteBox(sealed.get(TEXT, ""))
        mark = DraftMark.read(sealed.get(drafts.FIELD, ""))
        draft_views.record_opened(request, sealed, earlier)
        return _page(request, entry, earlier=earlier, was_sealed=True, paste=paste, values=sealed, draft=mark)
    if draft is not None:
        return _draft_page(request, draft, earlier)
    if like is not None:
        return _page(request, next_traveller.entry_like(request, like), source=like)
    if earlier is None:
        order_ref, providers = single_value(request.GET, "order"), selectors.providers()
        if order_ref:
            return _page(request, next_traveller.entry_for_order(order_ref, None, providers))
        entry = Entry.unbound(values_of("", None), providers)
        return _page(request, entry, blank_fields=blank_fields(providers))
    recording.record_viewed(earlier, actor_of(request))
    return _page(request, _entry_of(earlier), earlier=earlier)


def _draft_page(request: HttpRequest, draft: Draft, earlier: Submission | None) -> HttpResponse:
    """The form as it was when the draft was saved, with a new token."""
    if draft.is_finished:
        messages.info(request, _("This draft was sent or discarded."))
        return HttpResponseSeeOther(reverse("consumers:new"))
    values = draft.values or {}
    draft_views.record_opened(request, values, earlier)
    entry, paste = Entry.unbound(values, selectors.providers()), PasteBox(values.get(TEXT, ""))
    return _page(request, entry, earlier=earlier, paste=paste, values=values, draft=DraftMark.of(draft))


def _token_of(values: Mapping[str, str]) -> uuid.UUID | None:
    try:
        return uuid.UUID(values.get("token", ""))
    except ValueError:
        return None


def _answer_post(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)  # first: the page about a lost database shows the person's roles
    try:
        earlier, providers = _earlier_submission(request), selectors.providers()
        if (copying := next_traveller.answer_copying(request, providers)) is not None:
            # A script loads the panel itself: copying does not wait for the vendor.
            loads_panel = is_in_page(request) or next_traveller.APPLY in request.POST
            panel = None if loads_panel else panel_for(request.POST, request)
            return _page(request, copying.entry, earlier=earlier, panel=panel, **copying.parts)
        next_traveller.source_of_address(request)  # refuses an address that the person may not use
        pasted = answer_paste(request.POST, providers, actor)
        if pasted is not None:
            return _page(request, pasted.entry, earlier=earlier, paste=pasted.box)
        posted = PostedEntry.read(request.POST, providers)
        posted, panel = _with_order(request, posted, actor)
    except submit.TokenUsed as stop:
        return _form_used(request, posted, stop, earlier=earlier)
    except DATABASE_ERRORS:
        logger.exception("form_not_read")
        return _not_written(request, Entry.bound(request.POST, ()))
    match posted.kind:
        case PostedKind.ROWS_CHANGED | PostedKind.INVALID:
            return _page(request, posted.entry, earlier=earlier, panel=panel)
        case PostedKind.ORDER_TO_CHECK:
            panel = panel_for(posted.values, request)
            return _page(request, posted.entry, earlier=earlier, panel=panel)
        case PostedKind.INCOMPLETE | PostedKind.CONFLICTING:
            return _page(request, posted.entry, earlier=earlier, damage=posted.kind.value)
        case PostedKind.VALID:
            return _submit(request, posted, earlier, actor, panel)


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
    found = find_orders(number, actor, for_create=posted.entry.lacks_only_the_order())
    if isinstance(found, str):
        posted.entry.replace_order_error(found)
        return posted, OrderPanel()
    if found.is_certain:
        [order] = found.orders
        return posted.with_order(order.ref), OrderPanel(number=number, chosen=order.ref)
    if not found.orders:
        posted.entry.replace_order_error(str(NO_ORDER))
        return posted, OrderPanel()
    problem = several_orders_text(found, number)
    posted.entry.replace_order_error(problem, href="#id_order_choice_0")
    return posted, choice_panel(found, number)


def _submit(
    request: HttpRequest,
    posted: PostedEntry,
    earlier: Submission | None,
    actor: Actor,
    panel: OrderPanel | None,
) -> HttpResponse:
    """Call the service once and answer with its result."""
    entry = posted.entry
    parts: dict[str, Any] = {"earlier": earlier, "panel": panel}
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
            resubmission_of=earlier,
            draft=_draft_mark(posted.values),
        )
    except submit.NotConfirmed as stop:
        return _warned(request, posted, parts, stop)
    except submit.IdenticalOpen as stop:
        return _page(request, entry, **parts, identical=_blocking(request, stop.submission))
    except submit.TokenUsed as stop:
        return _form_used(request, posted, stop, **parts)
    except submit.Busy:
        unavailable = HTTPStatus.SERVICE_UNAVAILABLE  # the next try need not show the same warnings again
        decision = {"accepted": posted.accepted, "similar_reason": posted.similar_reason}
        return _page(request, entry, status=unavailable, busy=True, **decision, **parts)
    except submit.NotWritten:
        return _not_written(request, entry, **parts)
    except storing.OutcomeNotStored as failure:
        return _not_stored(request, failure)
    if submission.outcome in (Outcome.REJECTED, Outcome.NOT_SENT):
        return HttpResponseSeeOther(f"{reverse('consumers:new')}?from={submission.public_id}")
    return to_receipt(submission.public_id)


def _form_used(
    request: HttpRequest, posted: PostedEntry, stop: submit.TokenUsed, **parts: Any
) -> HttpResponse:
    """The entry in a new form. The person went back, or the answer was lost, and then entered another one."""
    used = _blocking(request, stop.submission)
    return _page(request, posted.with_new_token(), **parts, used=used)


def _warned(
    request: HttpRequest, posted: PostedEntry, parts: dict[str, Any], stop: submit.NotConfirmed
) -> HttpResponse:
    """The form with its warnings. Similar consumers are shown beside the entry, which is recorded.

    Of many similar consumers some are counted: they are not shown, and Create anyway confirms them, too.
    """
    entry, viewer = posted.entry, Viewer.of(request.user)
    warnings, more = named_and_counted(stop.warnings, frozenset(posted.accepted.split()))
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
    is_missing = isinstance(stop, submit.ReasonMissing)
    reason = SimilarReasonForm.for_warnings(posted.values, is_missing=is_missing)
    return _page(
        request,
        entry,
        **parts,
        warnings=lines,
        warnings_focus=not is_missing,
        accepted=" ".join(warning.key for warning in stop.warnings),
        reason=reason if any(line.rows for line in lines) else None,
    )


def _draft_mark(values: Mapping[str, str]) -> DraftMark | None:
    """The mark of the form's draft; None if the form has none, or drafts are off."""
    return DraftMark.read(values.get(drafts.FIELD, "")) if drafts.are_on() else None


def _page(
    request: HttpRequest, entry: Entry, *, status: HTTPStatus = HTTPStatus.OK, **context: Any
) -> HttpResponse:
    reason: SimilarReasonForm | None = context.get("reason")
    errors = [*(form_errors(reason) if reason else ()), *entry.errors()]
    paste: PasteBox | None = context.get("paste")
    if paste is None and "not_written" in context:
        paste = PasteBox(request.POST.get(TEXT, ""))
    elif paste is None:
        paste = kept_box(request.POST, entry, actor_of(request))
    if paste.error:
        errors.insert(0, FieldError(f"#id_{TEXT}", paste.error))
    if drafts.are_on():
        context["draft"] = context.get("draft") or _draft_mark(request.POST) or DraftMark.new()
        if request.method != "POST":
            context["other_drafts"] = draft_views.number_of_others(request, context["draft"])
    earlier: Submission | None = context.get("earlier")
    values: Mapping[str, str] = context.get("values", request.POST)
    if context.get("panel") is None and not context.get("blank_fields"):
        # Also for an entry that was sealed, or filled in: the field may show another order than was posted.
        shown = {**dict(values.items()), "order_ref": entry.form["order_ref"].value() or ""}
        context["panel"] = kept_choice(shown, request, with_orders="not_written" not in context)
    return render(
        request,
        "consumers/new.html",
        {
            "entry": entry,
            "errors": errors,
            "entry_of": sealed_entries.author_token(request),
            # Whose details are in the entry, also where the page does not name them.
            "corrects": str(earlier.public_id) if earlier else values.get(drafts.EARLIER, ""),
            "copied_key": values.get(COPIED, ""),
            "enter_creates": settings.ENTER_CREATES,
            "required_fields": required_fields(),
            "nationality_suggestions": suggestions(value_lists.nationalities()),
            "seconds_to_wait": round(settings.CDP_TOTAL_TIMEOUT) + ANSWER_MARGIN,
            "single_key_shortcuts": True,
            **(
                {}
                if "not_written" in context
                else next_traveller.page_parts(request, entry, context.get("source"), values)
            ),
            **context,
            "paste": paste,
            "earlier": earlier_submission(earlier) if earlier else None,
        },
        status=status,
    )


def _not_written(request: HttpRequest, entry: Entry, **context: Any) -> HttpResponse:
    """The form as it was sent, with the same token: the record before the send could not be written.

    The page reads nothing from the database: person, permissions and session are loaded already.
    """
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    return _page(request, entry, status=unavailable, not_written=True, **context)


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


def _earlier_submission(request: HttpRequest) -> Submission | None:
    """The submission that ``?from=`` names. Raises ``Http404`` if this person may not see or correct it."""
    named = single_value(request.GET, "from")
    if not named:
        return None
    try:
        public_id = uuid.UUID(named)
    except ValueError:
        raise Http404 from None
    submission = find_submission(request, public_id)
    if submission is None or not receipts.is_correctable(submission):
        raise Http404
    return submission


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


def _entry_of(earlier: Submission) -> Entry:
    """The entry of an earlier submission, with the vendor's errors at their fields."""
    values = values_of(earlier.order_ref, earlier.consumer)
    if earlier.error_code not in (ErrorCode.INVALID, ErrorCode.NOT_FOUND):
        return Entry.unbound(values, selectors.providers())
    entry = Entry.bound(values, selectors.providers())
    entry.is_valid()
    if earlier.error_code == ErrorCode.NOT_FOUND:
        entry.add_error("order_ref", labels.order_not_found(earlier))
    elif earlier.error_field in NAME_OF_VENDOR_NAME:
        name = NAME_OF_VENDOR_NAME[earlier.error_field]
        message, summary = labels.vendor_field_message(earlier), labels.vendor_field_summary(name)
        entry.add_error(refused_control(name, earlier.vendor_message), message, summary=summary)
    return entry


def _blocking(request: HttpRequest, submission: Submission) -> BlockingSubmission:
    return blocking_submission(submission, Viewer.of(request.user))
