"""The parts of the form that differ from person to person: copied details, the next traveller, shortcuts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from apps.cdp.consumers import NewConsumer
from apps.consumers import preferences, recording, selectors
from apps.consumers.copying import COPIED, CopySource, find_source, named_submission, source_of
from apps.consumers.forms.entry import Entry
from apps.consumers.forms.flat_values import values_of, with_carried, with_copied
from apps.consumers.forms.posted import posted_token
from apps.consumers.permissions import CREATE_ORDER_CONSUMER
from apps.consumers.preferences import CARRIED
from apps.consumers.presenters import next_traveller as presenter
from apps.consumers.presenters.entry import EntryPage
from apps.consumers.viewer import Viewer
from apps.consumers.views.visible import find_submission, person_id
from apps.core import clock
from apps.core.dates import midnight
from apps.core.forms.input import single_value
from apps.core.web.background import background
from apps.core.web.permissions import requires
from apps.core.web.requests import actor_of

MAX_ADDED = 20
"""Maximum rows of the list of who was added to the order today."""
APPLY = "carry-apply"
"""The name of the button that applies the choice without script."""
SHOWN = "carry-shown"
"""The name of the chosen fields as the page showed them, separated by blanks."""
MAX_LATEST = 20
"""Maximum rows of the person's latest submissions to copy details from."""
LIST = "copy-list"
"""The name of the button that shows the person's latest submissions."""
COPY = "copy"
"""The name of the buttons that copy details: the key of a person."""
REPLACE = "copy-replace"
"""The name of the button that replaces what was typed: the names of fields and the key of a person."""


@dataclass(frozen=True, slots=True)
class Copying:
    """The form after one of the buttons for copying was pressed, with its token unchanged.

    ``source``: whose details were copied, which is recorded. ``latest_entries``: None unless asked for.
    """

    entry: Entry
    source: CopySource | None = None
    copied: presenter.CopyResult | None = None
    latest_entries: tuple[presenter.AddedLine, ...] | None = None


def named_source(request: HttpRequest) -> CopySource | None:
    """The person whose details are carried over: the one that the form names, or the one of ``?like=``.

    Raises ``Http404`` if ``?like=`` names no submission that the reader may see, and ``PermissionMissing`` if
    the form names one that they may not see.
    """
    return _source_to_copy(request.POST.get(COPIED, ""), request) or source_of_address(request)


def _source_to_copy(key: str, request: HttpRequest) -> CopySource | None:
    """The person of this key. A submission of somebody else is a recorded denial, as with ``?like=``."""
    if (public_id := named_submission(key)) is not None:
        find_submission(request, public_id)
    return find_source(key, Viewer.of(request.user))


def _source_in(values: Mapping[str, str], request: HttpRequest) -> CopySource | None:
    key = values.get(COPIED, "")
    return find_source(key, Viewer.of(request.user)) if key else None


def source_of_address(request: HttpRequest) -> CopySource | None:
    """The consumer of the submission that ``?like=`` names.

    Raises ``Http404`` if the reader may not see it.
    """
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
    return source_of(submission)


def entry_with_carried(request: HttpRequest, source: CopySource) -> Entry:
    """A new entry with the fields that the person has chosen to carry over. Records the view.

    For the order of the address, which can be empty, or else for that of the submission.
    """
    source.record_viewed(actor_of(request))
    names = preferences.chosen_fields(person_id(request))
    order_ref = single_value(request.GET, "order") if "order" in request.GET else source.order_ref
    consumer = preferences.carried(source.consumer, names)
    return entry_for_order(order_ref, consumer, selectors.providers())


def entry_for_order(order_ref: str, consumer: NewConsumer | None, providers: tuple[str, ...]) -> Entry:
    """A new entry: the focus is in First name, or without an order in Order."""
    entry = Entry.unbound(values_of(order_ref, consumer), providers)
    entry.form.fields["first_name" if order_ref else "order_ref"].widget.attrs["autofocus"] = True
    return entry


def answer_copying(request: HttpRequest, providers: tuple[str, ...]) -> Copying | None:
    """The answer to a POST by a button for copying; None if it is about something else. Sends nothing."""
    values = request.POST
    if APPLY in values:
        return _with_other_choice(request, providers)
    if LIST in values:
        return Copying(_posted_entry(values, providers), latest_entries=_list_latest(request))
    if REPLACE in values:
        *fields, key = values[REPLACE].split() or [""]
        names = [name for name in CARRIED if name in fields]
        return _copied(request, key, names, providers, replaces=True)
    if COPY in values:
        chosen = preferences.chosen_fields(person_id(request))
        names = [name for name in CARRIED if name in chosen]
        return _copied(request, values[COPY], names, providers, replaces=False)
    return None


def _copied(
    request: HttpRequest, key: str, names: Sequence[str], providers: tuple[str, ...], *, replaces: bool
) -> Copying:
    """The posted entry with details of a person. Records the view."""
    source = _source_to_copy(key, request)
    if source is None or source.consumer is None:  # erased, or not readable
        return Copying(_posted_entry(request.POST, providers), copied=presenter.NOT_COPIED)
    source.record_viewed(actor_of(request))
    consumer = preferences.carried(source.consumer, names)
    copied = with_copied(request.POST, consumer, names, replaces=replaces)
    entry = _posted_entry(copied.values, providers)
    if copied.filled and not copied.kept:
        entry.focus("order_ref" if not copied.values.get("order_ref") else "first_name")
    result = presenter.copy_result(source, copied.filled, copied.kept)
    return Copying(entry, source, result)


def _posted_entry(values: Mapping[str, str], providers: tuple[str, ...]) -> Entry:
    """The values as a form, with the same token."""
    return Entry.unbound(values, providers, token=posted_token(values))


def _list_latest(request: HttpRequest) -> tuple[presenter.AddedLine, ...]:
    """The person's latest submissions, to any order. Records that names were shown."""
    viewer = Viewer.of(request.user).restricted_to_own()
    latest = [*selectors.visible_submissions(viewer)[:MAX_LATEST]]
    recording.record_listed(latest, viewer=viewer, actor=actor_of(request))
    return presenter.added_lines(latest, viewer)


def _with_other_choice(request: HttpRequest, providers: tuple[str, ...]) -> Copying:
    """Store the posted choice of what to carry over; the posted entry with it applied."""
    names = frozenset(name for name in CARRIED if f"carry-{name}" in request.POST)
    # Compared with what the page showed: another window may have stored another choice since.
    changed = names ^ frozenset(request.POST.get(SHOWN, "").split())
    preferences.choose_fields(person_id(request), names)
    source = named_source(request)
    if source is None:  # read too long ago: the choice counts for the next person
        return Copying(_posted_entry(request.POST, providers))
    source.record_viewed(actor_of(request))
    consumer = preferences.carried(source.consumer, CARRIED)
    values = with_carried(request.POST, consumer, names, among=changed.intersection(CARRIED))
    return Copying(_posted_entry(values, providers), source)


def show_personal_parts(
    request: HttpRequest, page: EntryPage, copied_from: CopySource | None, values: Mapping[str, str]
) -> EntryPage:
    """The page with this person's shortcuts, what is carried over, and who was added to the order today.

    ``copied_from``: whose details were copied, which is recorded already. ``values``: as posted, or as stored
    in the draft or the sealed entry that fills the form; they name the person whose details were copied. The
    order is that in the form, which may be another one than that of the address. Records that names were
    shown.
    """
    shortcuts = preferences.has_single_key_shortcuts(person_id(request))
    viewer, source = Viewer.of(request.user), copied_from
    if source is None and (source := _source_in(values, request) or source_of_address(request)):
        source.record_viewed(actor_of(request))  # the page names the person again
    order_ref, choice = page.entry.reference_in_field(), None
    if source is not None:
        choice = presenter.carry_over_choice(source, preferences.chosen_fields(person_id(request)))
    page = replace(page, single_key_shortcuts=shortcuts, carry_over=choice)
    if not order_ref:
        return page
    today = midnight(timezone.localdate(clock.now()))
    # One more shows whether there are others.
    found = [*selectors.submissions_to_order_since(order_ref, today, viewer)[: MAX_ADDED + 1]]
    added = found[:MAX_ADDED]
    if added:
        recording.record_listed(added, viewer=viewer, actor=actor_of(request))
    return replace(
        page,
        added_today=presenter.added_lines(added, viewer),
        all_added_url=presenter.sent_today_url(order_ref) if len(found) > MAX_ADDED else "",
    )


@background
@requires(CREATE_ORDER_CONSUMER)
@require_POST
def set_shortcuts(request: HttpRequest) -> HttpResponse:
    """Turn the person's shortcuts of a single key on (``on`` is not empty) or off. Answers a script."""
    preferences.set_single_key_shortcuts(person_id(request), on=bool(single_value(request.POST, "on")))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
