"""The form of the main job."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.cdp.errors import ErrorCode
from apps.cdp.factory import get_client
from apps.cdp.fields import NAME_OF_VENDOR_NAME
from apps.consumers import labels, recording, selectors
from apps.consumers.forms.consumer import required_fields
from apps.consumers.forms.entry import (
    Entry,
    is_complete,
    values_of,
    with_row_added,
    with_row_removed,
)
from apps.consumers.forms.lists import LISTS
from apps.consumers.models import Outcome, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.consumers.presenters import receipts
from apps.consumers.sending import storing, submit
from apps.consumers.viewer import Viewer
from apps.core import sealed_entries
from apps.core.actor import Actor
from apps.core.context_processors import environment_label
from apps.core.form_input import doubled, single
from apps.core.permissions import requires
from apps.core.redirects import HttpResponseSeeOther
from apps.core.requests import actor_of, support_code

logger = logging.getLogger(__name__)

# Seconds beyond the call's total limit after which the script stops to wait for the answer to a send.
ANSWER_MARGIN = 30


@requires(CREATE_ORDER_CONSUMER)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """New order consumer: the empty form, or filled from an earlier try (``?from=``) or an order."""
    if request.method == "POST":
        return _posted(request)
    earlier = _earlier_try(request)
    kept = sealed_entries.unseal(request)
    if kept is not None:
        # The same token: an earlier send of this form, whose answer was lost, is recognised by it.
        entry = Entry.typed(kept, selectors.providers(), token=_token_of(kept))
        return _page(request, entry, earlier=earlier, kept=True)
    if earlier is None:
        entry = Entry.typed(values_of(single(request.GET, "order"), None), selectors.providers())
        return _page(request, entry)
    recording.record_viewed(earlier, actor_of(request))
    return _page(request, _entry_of_earlier_try(earlier), earlier=earlier)


def _token_of(values: Mapping[str, str]) -> uuid.UUID | None:
    try:
        return uuid.UUID(values.get("token", ""))
    except ValueError:
        return None


def _posted(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)  # first: the page that tells of a lost database shows the person's roles
    try:
        earlier, providers = _earlier_try(request), selectors.providers()
    except storing.DATABASE_LOST:
        logger.exception("form_not_read")
        return _not_written(request, Entry.posted(request.POST, ()))
    twice = doubled(request.POST)
    rearranged = None if twice else _rearranged(request.POST)
    if rearranged is not None:
        return _page(request, Entry.typed(rearranged, providers), earlier=earlier)
    entry = Entry.posted(request.POST, providers)
    damage = ""
    if not is_complete(request.POST):
        damage = "missing"
    elif twice - entry.shown_names():  # the others are told at their fields
        damage = "doubled"
    elif "token" in entry.form.errors:
        damage = "missing"
    if damage:
        return _page(request, Entry.typed(request.POST, providers), earlier=earlier, damage=damage)
    if not entry.is_valid():
        return _page(request, entry, earlier=earlier)
    return _sent(request, entry, earlier, actor)


def _sent(request: HttpRequest, entry: Entry, earlier: Submission | None, actor: Actor) -> HttpResponse:
    """One call of the service, and the page of what came of it."""
    try:
        submission = submit.submit(
            order_ref=entry.order_ref,
            consumer=entry.to_new_consumer(),
            token=entry.token,
            actor=actor,
            client=get_client(),
            accepted=frozenset(request.POST.get("accepted", "").split()),
            normalised=entry.normalised(),
            resubmission_of=earlier,
        )
    except submit.NotConfirmed as stop:
        lines = [receipts.warning_line(c, may_open=_may_open(request, c.submission)) for c in stop.warnings]
        for warning, line in zip(stop.warnings, lines, strict=True):
            entry.warn(warning.field, line.text, value=warning.value)
        accepted = " ".join(warning.key for warning in stop.warnings)
        return _page(request, entry, earlier=earlier, warnings=lines, accepted=accepted)
    except submit.IdenticalOpen as stop:
        return _page(request, entry, earlier=earlier, identical=_shown(request, stop.submission))
    except submit.TokenUsed as stop:
        # The back button, then the next person: nothing is sent, nothing typed is lost.
        entry = Entry.typed(request.POST, entry.providers)
        return _page(request, entry, earlier=earlier, used=_shown(request, stop.submission))
    except submit.Busy:
        accepted = single(request.POST, "accepted")  # what was said once need not be said again
        return _page(request, entry, status=HTTPStatus.SERVICE_UNAVAILABLE, busy=True, accepted=accepted)
    except submit.NotWritten:
        return _not_written(request, entry, earlier=earlier)
    except storing.OutcomeNotStored as failure:
        return _not_stored(request, failure)
    if submission.outcome in (Outcome.REJECTED, Outcome.NOT_SENT):
        return HttpResponseSeeOther(f"{reverse('consumers:new')}?from={submission.public_id}")
    return HttpResponseSeeOther(reverse("consumers:receipt", args=[submission.public_id]))


def _page(
    request: HttpRequest, entry: Entry, *, status: HTTPStatus = HTTPStatus.OK, **context: Any
) -> HttpResponse:
    errors = list(entry.errors())
    earlier: Submission | None = context.get("earlier")
    return render(
        request,
        "consumers/new.html",
        {
            "entry": entry,
            "errors": errors,
            "entry_of": sealed_entries.author_token(request),
            "required_fields": required_fields(),
            "seconds_to_wait": round(settings.CDP_TOTAL_TIMEOUT) + ANSWER_MARGIN,
            "earlier_headline": labels.headline(Outcome(earlier.outcome)) if earlier else "",
            "earlier_reason": labels.reason(earlier) if earlier else "",
            **context,
        },
        status=status,
    )


def _not_written(request: HttpRequest, entry: Entry, *, earlier: Submission | None = None) -> HttpResponse:
    """The form as it was sent, with the same token, when the record before the send could not be written.

    The page asks the database for nothing: person, permissions and session have been read.
    """
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    return _page(request, entry, status=unavailable, earlier=earlier, not_written=True)


def _not_stored(request: HttpRequest, failure: storing.OutcomeNotStored) -> HttpResponse:
    """The truth for the person who waits, from a page that asks the database for nothing."""
    page = render_to_string(
        "consumers/not_stored.html",
        {
            "outcome": failure.result.outcome.value,
            "headline": labels.headline(failure.result.outcome),
            "consumer_ref": failure.result.consumer_ref,
            "order_ref": failure.submission.order_ref,
            "spooled": failure.spooled,
            "environment_label": environment_label(),
            "support_code": support_code(request),
        },
    )
    return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _rearranged(values: Mapping[str, str]) -> dict[str, str] | None:
    """The values after a press on Add or Remove without script; None when neither was pressed."""
    if values.get("add") in LISTS:
        return with_row_added(values, values["add"])
    prefix, _dash, index = values.get("remove", "").rpartition("-")
    if prefix in LISTS and index.isdecimal() and len(index) < 6:
        return with_row_removed(values, prefix, int(index))
    return None


def _earlier_try(request: HttpRequest) -> Submission | None:
    """The submission that ``?from=`` names: one that this person may see and that may be sent again."""
    named = single(request.GET, "from")
    if not named:
        return None
    try:
        public_id = uuid.UUID(named)
    except ValueError:
        raise Http404 from None
    submission = _visible(request, public_id)
    if submission is None or not receipts.is_correctable(submission):
        raise Http404
    return submission


def _entry_of_earlier_try(earlier: Submission) -> Entry:
    values = values_of(earlier.order_ref, earlier.consumer)
    if earlier.error_code not in (ErrorCode.INVALID, ErrorCode.NOT_FOUND):
        return Entry.typed(values, selectors.providers())
    entry = Entry.posted(values, selectors.providers())
    entry.is_valid()
    if earlier.error_code == ErrorCode.NOT_FOUND:
        entry.add_error("order_ref", labels.order_not_found(earlier))
    elif earlier.error_field in NAME_OF_VENDOR_NAME:
        name = NAME_OF_VENDOR_NAME[earlier.error_field]
        message, summary = labels.vendor_field_message(earlier), labels.vendor_field_summary(name)
        entry.add_error(name, message, summary=summary)
    return entry


def _visible(request: HttpRequest, public_id: uuid.UUID) -> Submission | None:
    return selectors.find_visible(public_id, Viewer.of(request.user))


def _may_open(request: HttpRequest, submission: Submission | None) -> bool:
    return submission is not None and _visible(request, submission.public_id) is not None


def _shown(request: HttpRequest, submission: Submission) -> dict[str, Any]:
    """An earlier submission for the page: a link where the reader may open it."""
    return {
        "submission": submission,
        "may_open": _may_open(request, submission),
        "is_own": submission.actor_id == request.user.pk,
    }
