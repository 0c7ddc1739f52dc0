"""Drafts of the form: a script saves them, their author opens and discards them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.consumers import copying, drafts, recording
from apps.consumers.drafts import DraftMark
from apps.consumers.forms.flat_values import rows_of
from apps.consumers.forms.lists import LISTS
from apps.consumers.models import Draft, Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.consumers.presenters.drafts import DraftLine, draft_lines, expiry_text
from apps.consumers.viewer import Viewer
from apps.consumers.views.visible import person_id
from apps.core import clock
from apps.core.encryption import MissingKeyError
from apps.core.forms.input import single_value
from apps.core.web import sealed_entries
from apps.core.web.background import background
from apps.core.web.permissions import requires
from apps.core.web.redirects import HttpResponseSeeOther
from apps.core.web.requests import actor_of

logger = logging.getLogger(__name__)

# A form that a draft fills has a token of its own.
_NOT_STORED = frozenset({"csrfmiddlewaretoken", "token", drafts.FIELD, sealed_entries.AUTHOR_FIELD})


@background
@requires(CREATE_ORDER_CONSUMER)
@require_POST
def save_draft(request: HttpRequest, public_id: uuid.UUID) -> JsonResponse:
    """Store the posted form as a draft. Answers a script, with the mark of the draft that has the values.

    410 if the draft was sent or discarded, with the mark of a new one. With the text to show: 403 if the page
    was shown to another person than the one who is signed in now, 409 if there are too many drafts, 413 if
    the entry is too long, 503 if it cannot be encrypted. Raises ``Http404`` for another person's draft.
    """
    mark = DraftMark.read(request.POST.get(drafts.FIELD, ""))
    if not drafts.are_on():
        raise Http404
    if mark is None or mark.public_id != public_id or mark.version <= mark.base:
        return JsonResponse({}, status=HTTPStatus.BAD_REQUEST)
    if sealed_entries.author_of(request) != Viewer.of(request.user).person_id:
        # A page that was left open on a shared machine. The CSRF token alone need not have changed.
        return JsonResponse({"problem": sealed_entries.DRAFT_OF_ANOTHER}, status=HTTPStatus.FORBIDDEN)
    for prefix in LISTS:
        rows_of(request.POST, prefix)  # raises for rows that the form could not show again
    values = {name: str(value) for name, value in request.POST.items() if name not in _NOT_STORED}
    try:
        saved = drafts.save(mark, values, person_id=person_id(request))
    except drafts.NotTheirs:
        raise Http404 from None
    except drafts.DraftFinished:
        return JsonResponse({"draft": str(mark.with_new_draft())}, status=HTTPStatus.GONE)
    except drafts.TooManyDrafts:
        problem = _("Draft not saved: you have %(count)d drafts. Discard one on the start page.")
        text = problem % {"count": settings.DRAFTS_PER_PERSON}
        return JsonResponse({"problem": text}, status=HTTPStatus.CONFLICT)
    except drafts.DraftTooLong:
        text = _("Draft not saved: the entry is too long")
        return JsonResponse({"problem": text}, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except MissingKeyError:
        logger.error("draft_not_saved key_missing")  # its text is a key's id
        text = _("Draft not saved: an encryption key is missing. Tell your administrator.")
        return JsonResponse({"problem": text}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    at = date_format(timezone.localtime(clock.now()), "H:i")
    return JsonResponse({"draft": str(saved), "at": at, "separate": saved.public_id != mark.public_id})


@requires(CREATE_ORDER_CONSUMER)
@require_POST
def discard_draft(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Discard a draft and return to the start page. Raises ``Http404`` for another person's draft."""
    person = person_id(request)
    if drafts.discard(public_id, person_id=person):
        messages.success(request, _("The draft was discarded"))
    elif drafts.find(public_id, person):  # finished meanwhile, perhaps because it was sent
        messages.info(request, _("This draft was sent or discarded."))
    else:
        raise Http404
    return HttpResponseSeeOther(reverse("start"))


class DraftNotOpened(Exception):
    """There is no such draft of this person, or it cannot be read. Its text says which."""


def named_draft(request: HttpRequest) -> Draft | None:
    """The draft that ``?draft=`` names, perhaps a finished one.

    Raises :class:`DraftNotOpened`, with the same text for a draft that has expired, one of another person and
    one that never existed; ``Http404`` for no id.
    """
    named = single_value(request.GET, "draft")
    if not named:
        return None
    try:
        public_id = uuid.UUID(named)
    except ValueError:
        raise Http404 from None
    draft = drafts.find(public_id, person_id(request)) if drafts.are_on() else None
    if draft is None or not (draft.is_finished or draft.encrypted_values):  # erased values are empty
        raise DraftNotOpened(f"{_('You have no such draft.')} {expiry_text()}".strip())
    if draft.values is None and not draft.is_finished:
        raise DraftNotOpened(_("This draft cannot be read"))
    return draft


def lines_for(request: HttpRequest) -> tuple[DraftLine, ...]:
    """The person's drafts, newest first. Records the submissions whose consumers they name."""
    if not drafts.are_on() or not request.user.has_perm(CREATE_ORDER_CONSUMER):
        return ()
    found = [*drafts.drafts_of(person_id(request))]
    typed = [draft.values or {} for draft in found]
    named = {
        one.pk: one
        for values in typed
        for one in copying.submissions_in(values)
        if copying.shows_name_of(values, one)
    }
    if named:
        shown = [*named.values()]
        recording.record_listed(shown, viewer=Viewer.of(request.user), actor=actor_of(request))
    named_before = [values for values in typed if values.get("first_name") or values.get("last_name")]
    _record_copied_before(request, named_before)
    return draft_lines(found)


def record_opened(request: HttpRequest, values: Mapping[str, str], corrected: Submission | None) -> None:
    """Record the submissions whose details a stored entry shows, and ``corrected``, which is shown beside it.

    ``values``: of a draft or a sealed entry. Without the person whose details were copied, if the page names
    them: then it records them.
    """
    copied = copying.find_source(values.get(copying.COPIED, ""), Viewer.of(request.user))
    shown = {one.pk: one for one in [*copying.submissions_in(values), corrected] if one}
    if copied and copied.submission and copied.submission != corrected:
        shown.pop(copied.submission.pk, None)
    for one in shown.values():
        recording.record_viewed(one, actor_of(request))
    if copied is None:
        _record_copied_before(request, [values])


def _record_copied_before(request: HttpRequest, entries: Iterable[Mapping[str, str]]) -> None:
    """Record the consumers of Sitecore CDP that filled these entries, however long ago they were read."""
    actor = actor_of(request)
    keys = dict.fromkeys(values.get(copying.COPIED, "") for values in entries)
    copied = [one for key in keys if (one := copying.copied_before(key, actor.id))]
    if copied:
        guests = [guest for one in copied for guest in one.guests]
        recording.record_copied_before([one.ref for one in copied], guests, actor)


def number_of_others(request: HttpRequest, mark: DraftMark) -> int:
    """How many drafts the person has besides that of the form on the page. Decrypts nothing."""
    return drafts.drafts_of(person_id(request)).exclude(public_id=mark.public_id).count()
