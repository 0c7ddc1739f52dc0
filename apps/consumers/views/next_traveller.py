"""The parts of the form that differ from person to person: the next traveller (``?like=``), shortcuts."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.cdp.consumers import NewConsumer
from apps.consumers import preferences, recording, selectors
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.flat_values import values_of, with_carried
from apps.consumers.models import Submission
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.consumers.preferences import CARRIED
from apps.consumers.presenters import next_traveller as presenter
from apps.consumers.viewer import Viewer
from apps.consumers.views.visible import find_submission
from apps.core import clock
from apps.core.forms.input import single_value
from apps.core.web.filters import midnight
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

MAX_ADDED = 20
"""Maximum rows of the list of who was added to the order today."""
APPLY = "carry-apply"
"""The name of the button that applies the choice without script."""
SHOWN = "carry-shown"
"""The name of the chosen fields as the page showed them, separated by blanks."""


def named_submission(request: HttpRequest) -> Submission | None:
    """The submission that ``?like=`` names. Raises ``Http404`` if this person may not see it."""
    named = single_value(request.GET, "like")
    if not named:
        return None
    try:
        public_id = uuid.UUID(named)
    except ValueError:
        raise Http404 from None
    submission = find_submission(request, public_id)
    if submission is None:
        raise Http404
    return submission


def entry_like(request: HttpRequest, like: Submission) -> Entry:
    """A new entry for the order with the fields that the person carries over. Records the view."""
    recording.record_viewed(like, actor_of(request))
    names = preferences.chosen_fields(_person_id(request))
    order_ref = single_value(request.GET, "order") or like.order_ref
    consumer = preferences.carried(like.consumer, names)
    return entry_for_order(order_ref, consumer, selectors.providers())


def entry_for_order(order_ref: str, consumer: NewConsumer | None, providers: tuple[str, ...]) -> Entry:
    """A new entry for a known order: the cursor stands in First name."""
    entry = Entry.unbound(values_of(order_ref, consumer), providers)
    entry.form.fields["first_name"].widget.attrs["autofocus"] = True
    return entry


def entry_with_other_choice(request: HttpRequest, like: Submission) -> Entry:
    """Store the posted choice of what to carry over, and return the posted entry with it applied."""
    recording.record_viewed(like, actor_of(request))
    names = frozenset(name for name in CARRIED if f"carry-{name}" in request.POST)
    # Compared with what the page showed: another window may have stored another choice since.
    changed = names ^ frozenset(request.POST.get(SHOWN, "").split())
    preferences.choose_fields(_person_id(request), names)
    consumer = preferences.carried(like.consumer, CARRIED)
    values = with_carried(request.POST, consumer, names, among=changed.intersection(CARRIED))
    return Entry.unbound(values, selectors.providers())


def page_parts(request: HttpRequest, entry: Entry) -> dict[str, Any]:
    """What the page shows for this person: shortcuts, what is carried over, who was added to the order today.

    The order is that in the form, which may be another one than that of the address. Records that names were
    shown.
    """
    shortcuts = preferences.has_single_key_shortcuts(_person_id(request))
    viewer, like = Viewer.of(request.user), named_submission(request)
    if request.method != "POST" and like is None and not single_value(request.GET, "order"):
        return {"single_key_shortcuts": shortcuts}
    order_ref, choice = entry.reference_in_field(), None
    if like is not None:
        choice = presenter.carry_over_choice(like, preferences.chosen_fields(_person_id(request)))
    if not order_ref:
        return {"single_key_shortcuts": shortcuts, "carry_over": choice}
    today = midnight(timezone.localdate(clock.now()))
    added = selectors.submissions_to_order_since(order_ref, today, viewer)[:MAX_ADDED]
    lines = presenter.added_lines(order_ref, added, viewer)
    if lines:
        recording.record_listed(count=len(lines), viewer=viewer, actor=actor_of(request))
    return {"single_key_shortcuts": shortcuts, "carry_over": choice, "added_today": lines}


@requires(CREATE_ORDER_CONSUMER)
@require_POST
def set_shortcuts(request: HttpRequest) -> HttpResponse:
    """Turn the person's shortcuts of a single key on (``on`` is not empty) or off. Answers a script."""
    preferences.set_single_key_shortcuts(_person_id(request), on=bool(single_value(request.POST, "on")))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _person_id(request: HttpRequest) -> int:
    return int(Viewer.of(request.user).person_id)
