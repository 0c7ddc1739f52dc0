"""Whose data a report is about: what is known of a consumer by a reference or an exact personal value."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from apps.audit.models import AuditEvent
from apps.batches.selectors import later_batches
from apps.consumers.audit_events import VENDOR_RECORD_VIEWED
from apps.consumers.models import (
    DigestKind,
    PastResolution,
    RecordedSearchDigest,
    ShownKey,
    Submission,
    SubmissionDigest,
)
from apps.consumers.recording import BATCH, SEARCH, key_of
from apps.consumers.searches import Search
from apps.core.parts import VALUES_AT_ONCE, in_parts
from apps.core.references import RecordKind, reference_key, spellings

MOST: Final = 500
"""Maximum number of submissions of one report."""


class TooManySubmissions(Exception):
    """More than :data:`MOST` submissions: the value belongs to many people, so no report is made."""


@dataclass(frozen=True)
class Subject:
    """The submissions of a consumer, and the references and searches by which events name them.

    ``submissions``: by row number. ``consumers``, ``guests``: the references' keys (``reference_key``), with
    the reference as it is stored. ``searches``: public ids of recorded searches for the value, or one of the
    ``values`` by which the report was asked for.
    """

    submissions: dict[int, Submission] = field(default_factory=dict)
    consumers: dict[str, str] = field(default_factory=dict)
    guests: dict[str, str] = field(default_factory=dict)
    searches: frozenset[str] = frozenset()
    values: int = 0

    @cached_property
    def index_keys(self) -> list[str]:
        """The keys under which the index has the events that name the subject."""
        return [
            *(key_of(RecordKind.CONSUMER, key) for key in self.consumers),
            *(key_of(RecordKind.GUEST, key) for key in self.guests),
            *(key_of(SEARCH, one) for one in self.searches),
            *(key_of(BATCH, one) for one in [*self.batches, *self.later_batches]),
            # Of pages and files of lists with a row that is like the submission.
            *(key_of(RecordKind.SUBMISSION, one.public_id) for one in self.submissions.values()),
        ]

    @cached_property
    def batches(self) -> list[str]:
        """The public ids of the lists of people that the submissions were made for."""
        return sorted({str(one.batch) for one in self.submissions.values() if one.batch})

    @cached_property
    def later_batches(self) -> list[str]:
        """The public ids of the lists that replace one of these and have the row with the same number."""
        rows = [(one.batch, one.batch_row) for one in self.submissions.values()]
        later = later_batches((batch, number) for batch, number in rows if batch and number is not None)
        return sorted({*map(str, later)} - {*self.batches})

    @cached_property
    def public_ids(self) -> frozenset[str]:
        """The public ids of the submissions."""
        return frozenset(str(one.public_id) for one in self.submissions.values())

    @property
    def is_known(self) -> bool:
        """Whether the portal has a submission of the subject, or an event names it, in whatever period."""
        return bool(self.submissions) or ShownKey.objects.filter(key__in=self.index_keys).exists()

    def names_consumer(self, refs: Iterable[str | None]) -> bool:
        """Whether one of the references is a consumer of the subject."""
        return any(ref and reference_key(ref) in self.consumers for ref in refs)

    def names_guest(self, refs: Iterable[str | None]) -> bool:
        """Whether one of the references is a guest of the subject."""
        return any(ref and reference_key(ref) in self.guests for ref in refs)


def of_consumer(ref: str) -> Subject:
    """The subject with this consumer reference, and the guest that it belongs to."""
    found = _submissions(_with_reference(RecordKind.CONSUMER, ref))
    consumers = {reference_key(ref): ref}
    return Subject(found, consumers, _guests(found.values()))


def of_guest(ref: str) -> Subject:
    """The subject with this guest reference: all consumers that belong to the guest."""
    found = _submissions(_with_reference(RecordKind.GUEST, ref))
    return Subject(found, _consumers(found.values()), {reference_key(ref): ref})


def of_search(search: Search) -> Subject:
    """The submissions with the values of a search, their consumers and guests, and who searched for one.

    Guests that only the vendor has are not among them. A search for the value that found one showed it.
    """
    matching: QuerySet[Submission] = Submission.objects.all()
    for kind, digests in search.digests:
        having = SubmissionDigest.objects.filter(kind=kind, digest__in=digests)
        matching = matching.filter(pk__in=having.values("submission"))
    found = _submissions({*matching.values_list("pk", flat=True)[: MOST + 1]})
    consumers, guests = _consumers(found.values()), _guests(found.values())
    return Subject(found, consumers, guests, _searches(search.digests), len(search.digests))


def is_known(kind: RecordKind, ref: str) -> bool:
    """Whether a submission has or had this reference of a consumer or guest, or an event names it."""
    return bool(_with_reference(kind, ref)) or ShownKey.objects.filter(key=key_of(kind, ref)).exists()


def _searches(values: Iterable[tuple[DigestKind, tuple[bytes, ...]]]) -> frozenset[str]:
    searched = Q()
    for kind, digests in values:
        searched |= Q(kind=kind, digest__in=digests)
    ids = RecordedSearchDigest.objects.filter(searched).values_list("search__public_id", flat=True)
    return frozenset(map(str, ids))


def _submissions(ids: set[int]) -> dict[int, Submission]:
    """Raises :class:`TooManySubmissions`."""
    if len(ids) > MOST:
        raise TooManySubmissions
    found = Submission.objects.filter(pk__in=ids).defer("refs_before", "encrypted_answer")
    return {one.pk: one for one in found.order_by("pk")}


def _with_reference(kind: RecordKind, ref: str) -> set[int]:
    """The submissions that have or had the reference: in their row, an earlier resolution, or an event."""
    lower = [*spellings(ref)]
    columns = ["guest_ref"] if kind is RecordKind.GUEST else ["consumer_ref", "late_consumer_ref"]
    ids: set[int] = set()
    for column in columns:
        found = Submission.objects.alias(key=Lower(column)).filter(key__in=lower)
        ids.update(found.values_list("pk", flat=True)[: MOST + 1])
    if kind is RecordKind.CONSUMER:
        past = PastResolution.objects.alias(key=Lower("consumer_ref")).filter(key__in=lower)
        ids.update(past.values_list("submission", flat=True)[: MOST + 1])
    written = [*dict.fromkeys([*lower, *(one.upper() for one in lower), ref])]
    # Another consumer that was read for a submission is not the submission's.
    events = AuditEvent.objects.filter(**{f"{columns[0]}__in": written}, submission__isnull=False)
    events = events.exclude(action=VENDOR_RECORD_VIEWED.name)
    names = {*events.values_list("submission", flat=True).distinct()[: MOST + 1]}
    public_ids = [uuid.UUID(name) for name in names if name and _is_uuid(name)]
    ids.update(Submission.objects.filter(public_id__in=public_ids).values_list("pk", flat=True))
    return ids


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _consumers(submissions: Iterable[Submission]) -> dict[str, str]:
    by_id = {one.pk: one for one in submissions}
    refs = [ref for one in by_id.values() for ref in (one.consumer_ref, one.late_consumer_ref)]
    ids = [*by_id]
    for part in in_parts(ids, VALUES_AT_ONCE):
        past = PastResolution.objects.filter(submission__in=part)
        refs += past.values_list("consumer_ref", flat=True)
    return {reference_key(ref): ref for ref in refs if ref}


def _guests(submissions: Iterable[Submission]) -> dict[str, str]:
    return {reference_key(one.guest_ref): one.guest_ref for one in submissions if one.guest_ref}
