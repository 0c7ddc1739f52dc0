"""The people whose details can be copied into the form: of a submission, or of a consumer on an order."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from apps.audit.events import VENDOR_REFERENCE
from apps.audit.models import AuditEvent
from apps.cdp.consumers import NewConsumer, OrderConsumer
from apps.consumers import drafts, recording, selectors
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.models import Submission
from apps.consumers.order_lookup.readings import find_reading
from apps.consumers.viewer import Viewer
from apps.core.actor import Actor
from apps.core.references import UUID_SHAPED, RecordKind, reference_key

COPIED = "carry-from"
"""The name of the form's field with the key of the person whose details were copied last."""


def submission_key(submission: Submission) -> str:
    """What the form posts to copy from a submission."""
    return f"{RecordKind.SUBMISSION}:{submission.public_id}"


def consumer_key(order_ref: str, ref: str) -> str:
    """What the form posts to copy from a consumer on an order. Contains references only.

    Empty if the reference of the order is not UUID-shaped: from such an order nothing can be copied.
    """
    key = f"{RecordKind.CONSUMER}:{order_ref}/{ref}"
    return key if _named_consumer(key) else ""


def named_submission(key: str) -> uuid.UUID | None:
    """The id of the submission that the form names; None if it names somebody else, or nothing."""
    kind, _, name = key.partition(":")
    try:
        return uuid.UUID(name) if kind == RecordKind.SUBMISSION else None
    except ValueError:
        return None


def _named_consumer(key: str) -> tuple[str, str] | None:
    """The references of the order and the consumer that the form names; None if no page wrote this key."""
    kind, _, name = key.partition(":")
    order_ref, _, ref = name.partition("/")
    is_of_a_page = UUID_SHAPED.fullmatch(order_ref) and VENDOR_REFERENCE.fullmatch(ref)
    return (order_ref, ref) if kind == RecordKind.CONSUMER and is_of_a_page else None


@dataclass(frozen=True, slots=True, repr=False)
class CopySource:
    """A person whose details can be copied: of a submission, or as Sitecore CDP returned them lately.

    ``key``: what the form posts. ``consumer``: None if the submission's consumer was erased.
    """

    key: str
    consumer: NewConsumer | OrderConsumer | None
    order_ref: str
    submission: Submission | None = None

    def __repr__(self) -> str:
        return f"CopySource(key={self.key!r}, <personal data>)"

    def record_viewed(self, actor: Actor) -> None:
        """Record that the actor saw details of the person."""
        if self.submission is not None:
            recording.record_viewed(self.submission, actor)
        elif isinstance(self.consumer, OrderConsumer):
            recording.record_consumers_shown(self.order_ref, [self.consumer], actor)


def source_of(submission: Submission) -> CopySource:
    """The consumer of a submission."""
    key = submission_key(submission)
    return CopySource(key, submission.consumer, submission.order_ref, submission)


def find_source(key: str, viewer: Viewer) -> CopySource | None:
    """The person that the form names; None if the viewer may not see them, or they are not known (any more).

    A consumer on an order is taken from what was read of the order in the last ten minutes. Makes no call.
    """
    if (public_id := named_submission(key)) is not None:
        submission = selectors.find_visible(public_id, viewer)
        return source_of(submission) if submission else None
    named = _named_consumer(key)
    return _of_reading(key, *named) if named and viewer.may_view_vendor_records else None


def submissions_in(values: Mapping[str, str]) -> list[Submission]:
    """The submissions whose details filled a stored entry: that which it corrects, and one that was copied.

    Whoever may see them: a draft or a sealed entry shows their details to its author in any case.
    """
    found = [named_submission(values.get(COPIED, ""))]
    with suppress(ValueError):
        found.append(uuid.UUID(values.get(drafts.EARLIER, "")))
    return selectors.with_public_ids(public_id for public_id in found if public_id)


@dataclass(frozen=True, slots=True)
class CopiedBefore:
    """A consumer of Sitecore CDP whose details an entry has, perhaps from a reading that no longer exists.

    ``guests``: the references of the guests that the consumer belongs to, as far as the log knows.
    """

    ref: str
    guests: tuple[str, ...]


def copied_before(key: str, person_id: str) -> CopiedBefore | None:
    """The consumer that the form names, if the log says that this person has seen it.

    A key that was not on one of the person's pages therefore names nobody.
    """
    named = _named_consumer(key)
    if named is None:
        return None
    order_ref, ref = named
    seen = AuditEvent.objects.filter(
        consumer_ref=ref, order_ref=order_ref, action=VENDOR_RECORD_VIEWED.name, actor_id=person_id
    )
    event = seen.order_by("-seq").first()
    if event is None:
        return None
    guests = event.details.get("guests")
    return CopiedBefore(ref, tuple(guests) if isinstance(guests, list) else ())


def shows_name_of(values: Mapping[str, str], submission: Submission) -> bool:
    """Whether a draft shows the first or the last name of the submission's consumer.

    Also true if the consumer's name is not known any more.
    """
    consumer = submission.consumer
    if consumer is None:  # erased or unreadable since
        return True
    return any(
        getattr(consumer, name) and values.get(name, "").strip() == getattr(consumer, name)
        for name in ("first_name", "last_name")
    )


def _of_reading(key: str, order_ref: str, ref: str) -> CopySource | None:
    reading = find_reading(order_ref)
    listed = reading.listed if reading else None
    for consumer in listed.consumers if listed else ():
        if reference_key(consumer.ref) == reference_key(ref):
            return CopySource(key, consumer, order_ref)
    return None
