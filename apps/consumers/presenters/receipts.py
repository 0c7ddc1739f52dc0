"""Submissions into what the pages show: plain values, ready for a template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext

from apps.audit.models import AuditEvent
from apps.audit.presenters.events import actor_label, sentence
from apps.audit.selectors import events_of_submission
from apps.cdp.client import CdpClient
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers import labels
from apps.consumers.audit_events import is_reconciliation
from apps.consumers.fields import FIELD_LABELS
from apps.consumers.models import CORRECTABLE_OUTCOMES, UNCERTAIN_MATCHES, Outcome, Submission
from apps.consumers.presenters.fields import field_texts
from apps.consumers.reconciliation.matching import comparable
from apps.consumers.selectors import has_repeated_reference
from apps.consumers.sending.warnings import EntryWarning
from apps.core import clock

OVERDUE = timedelta(minutes=2)  # beyond it nobody is told any more that a look is about to be taken


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of the receipt: what was sent, what came back, and whether they differ."""

    label: str
    sent: tuple[str, ...]
    came_back: tuple[str, ...]
    differs: bool
    notes: tuple[str, ...] = ()  # how what was sent is not as it was typed


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the vendor returned it, word for word; followed only on the vendor's own host."""

    label: str
    href: str
    own: bool


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One event of the submission."""

    moment: datetime | None
    text: str
    by: str
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class WarningLine:
    """One reason to stop, with the earlier submission where there is one."""

    text: str
    who: str = ""
    when: datetime | None = None
    reference: str = ""
    url: str = ""


def compared(
    sent: NewConsumer | None, answer: OrderConsumer | None, normalised: Iterable[object] = ()
) -> tuple[Compared, ...]:
    """Every field that was sent or came back, in the order of the form.

    ``normalised``: which values were not sent as they were typed, as the event of the send says it.
    """
    return tuple(_compared(sent, answer, labels.normalisation_notes(normalised)))


def _compared(
    sent: NewConsumer | None, answer: OrderConsumer | None, notes: Mapping[str, Sequence[str]]
) -> Iterator[Compared]:
    for name, label in FIELD_LABELS.items():
        one, other = _texts(name, sent), _texts(name, answer)
        if one or other:
            # The vendor's documented answer has no identifiers: their absence says nothing.
            differs = False
            if answer is not None and (other or name != "identifiers"):
                differs = sent is None or comparable(name, sent) != comparable(name, answer)
            yield Compared(str(label), one, other, differs, tuple(notes.get(name, ())))


def _texts(name: str, person: NewConsumer | OrderConsumer | None) -> tuple[str, ...]:
    return field_texts(name, getattr(person, name)) if person is not None else ()


def returned_links(submission: Submission, client: CdpClient) -> tuple[Link, ...]:
    """The links that the vendor returned, verbatim."""
    named = (
        (labels.LINK_LABELS["consumer"], submission.consumer_href),
        (labels.LINK_LABELS["order"], submission.order_href),
        (labels.LINK_LABELS["guest"], submission.guest_href),
    )
    return tuple(Link(str(label), href, client.is_own_link(href)) for label, href in named if href)


def timeline(events: Iterable[AuditEvent]) -> tuple[TimelineItem, ...]:
    """What happened to a submission, from its events; who merely looked at it is left out."""
    told = (event for event in events if event.action != "submission.viewed")
    return tuple(
        TimelineItem(
            event.at, sentence(event), agent_label(event), _outcome_told(event.action, event.details)
        )
        for event in told
    )


def agent_label(event: AuditEvent) -> str:
    """Who did it: reconciliation, where a person only asked for a check."""
    if not is_reconciliation(event.action, event.details):
        return actor_label(event)
    if event.actor_name.startswith("system:"):
        return gettext("reconciliation")
    return gettext("reconciliation, asked for by %(person)s") % {"person": actor_label(event)}


def _outcome_told(action: str, details: Mapping[str, Any]) -> str:
    """The outcome that an event brought, for its colour and shape; empty where it brought none.

    That of unknown where nobody but a person says so, and where a supervisor has to check it.
    """
    if action in ("consumer.resolved", "consumer.resolution_corrected"):
        unsure = details.get("verification") == "not_verified"
        return Outcome.UNKNOWN.value if unsure else str(details.get("outcome", ""))
    if details.get("doubt"):
        return Outcome.UNKNOWN.value
    return {
        "consumer.create_requested": Outcome.SENDING.value,
        "consumer.created": Outcome.CREATED.value,
        "consumer.rejected": Outcome.REJECTED.value,
        "consumer.not_sent": Outcome.NOT_SENT.value,
        "consumer.outcome_unknown": Outcome.UNKNOWN.value,
        "consumer.late_answer": Outcome.UNKNOWN.value,  # somebody has to compare it with the resolution
    }.get(action, "")


def _normalised(events: Iterable[AuditEvent]) -> tuple[object, ...]:
    """What the event of the send says about it. A row that was altered past the portal may hold anything."""
    for event in events:
        if event.action == "consumer.create_requested":
            codes = event.details.get("normalised", ())
            return tuple(codes) if isinstance(codes, list) else ()
    return ()


def own_page(name: str, reference: str) -> str:
    """The address of our page of a vendor's record; empty where there is no reference that it could take."""
    try:
        return reverse(name, args=[reference]) if reference else ""
    except NoReverseMatch:
        return ""


def is_correctable(submission: Submission) -> bool:
    """Whether the entry may be sent again: the consumer does not exist, and no late answer says otherwise.

    A late answer that a supervisor has overruled since does not count.
    """
    return submission.outcome in CORRECTABLE_OUTCOMES and not submission.contradicted


def receipt(submission: Submission, client: CdpClient) -> dict[str, Any]:
    """Everything that the receipt shows."""
    sent, answer = submission.consumer, submission.answer
    events = events_of_submission(str(submission.public_id))
    repeated = has_repeated_reference(submission)
    doubt = bool(submission.doubt_code) or repeated
    return {
        "submission": submission,
        "outcome": submission.outcome,
        "doubt": labels.doubt(submission),
        "panel_kind": "warning" if doubt else submission.outcome,
        "headline": labels.headline(Outcome(submission.outcome), doubt=doubt),
        "reason": labels.reason(submission),
        "vendor_message": submission.vendor_message,
        "erased": not submission.encrypted_consumer,
        "unreadable": submission.is_unreadable,
        "answered": answer is not None,
        "rows": compared(sent, answer, _normalised(events)),
        "guest_path": own_page("orders:guest", submission.guest_ref),
        "links": returned_links(submission, client),
        "timeline": timeline(events),
        "correctable": is_correctable(submission),
        "contradicted": submission.contradicted,
        "resolved": submission.resolved_how,
        "looks": looks(submission),
        "repeated": repeated,
    }


@dataclass(frozen=True, slots=True)
class Reference:
    """A consumer reference; ``url`` is our page of it, where there can be one."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ReferenceGroup:
    """References that say the same."""

    words: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Looks:
    """What the looks at the order have found so far, and when the next one is."""

    found: str
    last_at: datetime | None
    next_at: datetime | None
    overdue: bool  # the worker should have looked long ago
    can_check: bool
    can_conclude: bool  # whether a match can prove that the consumer is this one
    groups: tuple[ReferenceGroup, ...]


def looks(submission: Submission) -> Looks:
    """The state of finding out, for the page of an unknown outcome."""
    is_whole = submission.refs_before_whole
    is_new = is_whole and submission.check_result not in UNCERTAIN_MATCHES
    groups = (
        (labels.MATCHING_NEW if is_new else labels.MATCHING, submission.matching_refs),
        (labels.DIFFERENT if is_whole else labels.DIFFERENT_PERHAPS_NEW, submission.different_refs),
        (labels.UNREAD if is_whole else labels.UNREAD_PERHAPS_NEW, submission.unread_refs),
    )
    due = submission.next_check_at if settings.CDP_RECONCILIATION else None
    overdue = due is not None and clock.now() - due > OVERDUE
    return Looks(
        found=labels.check_found(submission),
        last_at=submission.last_check_at,
        next_at=None if overdue else due,
        overdue=overdue,
        can_check=settings.CDP_RECONCILIATION,
        can_conclude=is_whole,
        groups=tuple(
            ReferenceGroup(
                str(said), tuple(Reference(ref, own_page("orders:order_consumer", ref)) for ref in refs)
            )
            for said, refs in groups
            if refs
        ),
    )


@dataclass(frozen=True, slots=True)
class SubmissionLine:
    """One row of the list."""

    url: str
    submitted_at: datetime
    person: str
    consumer: str
    order_ref: str
    outcome: str
    duration: str
    note: str = ""


def duration_words(milliseconds: int | None) -> str:
    """Milliseconds below a second, else seconds with one digit; empty where nothing was measured."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return gettext("%(number)s ms") % {"number": milliseconds}
    # Rounded like the milliseconds in the log: number_format alone cuts off.
    return gettext("%(number)s s") % {"number": number_format(round(milliseconds / 1000, 1), 1)}


def line(submission: Submission) -> SubmissionLine:
    """A submission as a row of the list, with the consumer's name."""
    consumer = submission.consumer
    return SubmissionLine(
        url=reverse("consumers:receipt", args=[submission.public_id]),
        submitted_at=submission.submitted_at,
        person=submission.actor_name,
        consumer=f"{consumer.first_name} {consumer.last_name}" if consumer else "",
        order_ref=submission.order_ref,
        outcome=submission.outcome,
        duration=duration_words(submission.duration_ms),
        note=labels.line_note(submission),
    )


def warning_line(warning: EntryWarning, *, may_open: bool) -> WarningLine:
    """A reason to stop; the link to the earlier submission only where the reader may open it."""
    text = labels.warning_text(warning)
    earlier = warning.submission
    if earlier is None:
        return WarningLine(text)
    return WarningLine(
        text,
        who=earlier.actor_name,
        when=earlier.submitted_at,
        reference=earlier.consumer_ref or earlier.late_consumer_ref,
        url=reverse("consumers:receipt", args=[earlier.public_id]) if may_open else "",
    )
