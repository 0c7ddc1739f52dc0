"""Queries for submissions and identity rules."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Lower

from apps.consumers.models import (
    EXISTING_OUTCOMES,
    OPEN_OUTCOMES,
    DigestKind,
    IdentityRule,
    OrderReading,
    Outcome,
    PastResolution,
    RemovedIdentityRule,
    ResolvedHow,
    Submission,
    SubmissionDigest,
)
from apps.consumers.viewer import Viewer
from apps.core import references
from apps.core.prepared_queries import PreparedQuery
from apps.core.references import reference_key

NEWEST_BY = ("submitted_at", "id")
"""The columns by which the list of submissions is sorted and paged."""
REFERENCE_COLUMNS = ("consumer_ref", "late_consumer_ref")
"""The columns with a reference of a submission's consumer: of its outcome, and one that was found later."""
CONTRADICTED_ABSENCE = Q(contradicted=True, outcome=Outcome.NOT_CREATED)
"""Resolved as not created, and something contradicts it: whether the consumer exists is not known."""
IS_OPEN = Q(outcome__in=OPEN_OUTCOMES) | CONTRADICTED_ABSENCE
"""Being sent, or whether the consumer exists is not known."""
MAY_EXIST = Q(outcome__in=EXISTING_OUTCOMES) | CONTRADICTED_ABSENCE
"""The consumer exists, or may exist, by what is known now."""
EXISTS_OR_WAS_FOUND = Q(outcome__in=EXISTING_OUTCOMES) | ~Q(late_consumer_ref="")
"""As :data:`MAY_EXIST`, and also a consumer that was found late, whatever was decided about it since.

For warnings before another consumer is created: a decision that this one does not exist may be wrong.
"""
IS_UNKNOWN = Q(outcome=Outcome.UNKNOWN) | CONTRADICTED_ABSENCE
IS_CONTRADICTED = Q(contradicted=True)
HAS_CONSUMER = ~Q(consumer_ref="") | (IS_CONTRADICTED & ~Q(late_consumer_ref=""))
"""It has a reference as its consumer's. After another resolution, a late one does not count."""
IS_DOUBTFUL = ~Q(doubt_code="")
NEEDS_RESOLUTION = IS_UNKNOWN | IS_CONTRADICTED | IS_DOUBTFUL
"""``Submission.needs_resolution``, as a condition."""
KNOWN_OUTCOME = Case(
    When(CONTRADICTED_ABSENCE, then=Value(Outcome.UNKNOWN.value)),
    default=F("outcome"),
    output_field=CharField(),
)
"""``Submission.known_outcome``, as a column."""
# Half of the columns: fifty rows with all of them take twice the processor time.
_LINE_COLUMNS: Final = (
    "public_id",
    "actor_id",
    "actor_name",
    "order_ref",
    "order_number",
    "outcome",
    "submitted_at",
    "finished_at",
    "deadline",
    "duration_ms",
    "encrypted_consumer",
    "content_digest",
    "encrypted_answer",
    "consumer_ref",
    "guest_ref",
    "error_code",
    "retry_after",
    "batch",
    "doubt_code",
    "contradicted",
    "check_result",
    "resolved_how",
    "consumer_read_at",
    "late_consumer_ref",
    "late_outcome",
    "taken_at",
    "taken_by_name",
)


def outcome_conditions(outcome: Outcome) -> tuple[Q, ...]:
    """Conditions for ``Submission.known_outcome``: one of them is met, and an index answers each."""
    if outcome is Outcome.UNKNOWN:
        return Q(outcome=outcome), CONTRADICTED_ABSENCE
    if outcome is Outcome.NOT_CREATED:
        return (Q(outcome=outcome, contradicted=False),)
    return (Q(outcome=outcome),)


def has_outcome(outcomes: Collection[Outcome]) -> Q:
    """The condition that ``Submission.known_outcome`` is one of these."""
    stored, unknown = Q(outcome__in=outcomes), Outcome.UNKNOWN in outcomes
    if unknown == (Outcome.NOT_CREATED in outcomes):
        return stored
    return stored | CONTRADICTED_ABSENCE if unknown else stored & ~CONTRADICTED_ABSENCE


def visible_submissions(viewer: Viewer) -> QuerySet[Submission]:
    """The submissions that the viewer may see, newest first."""
    scope = Q() if viewer.sees_all else Q(actor_id=viewer.person_id)
    # The list of references of a large order is long, and only reconciliation reads it.
    return Submission.objects.filter(scope).defer("refs_before").order_by("-submitted_at", "-id")


def with_line_columns(submissions: QuerySet[Submission]) -> QuerySet[Submission]:
    """These submissions with the columns of a line of a list (:func:`presenters.lists.lines`).

    A line of a submission that a supervisor resolved as created reads ``refs_before`` as well.
    """
    return submissions.only(*_LINE_COLUMNS)


def find_visible(public_id: uuid.UUID, viewer: Viewer) -> Submission | None:
    """The submission with this id; None if it does not exist or the viewer may not see it."""
    return visible_submissions(viewer).filter(public_id=public_id).first()


def with_public_ids(public_ids: Iterable[uuid.UUID]) -> list[Submission]:
    """The submissions with these ids, whoever may see them."""
    return [*Submission.objects.filter(public_id__in=[*public_ids]).defer("refs_before")]


def exists(public_id: uuid.UUID) -> bool:
    """Whether there is a submission with this id, whoever may see it."""
    return Submission.objects.filter(public_id=public_id).exists()


def submissions_to_order_since(order_ref: str, since: datetime, viewer: Viewer) -> QuerySet[Submission]:
    """The submissions to this order since a moment that the viewer may see, newest first.

    Only those whose consumer exists or may exist.
    """
    of_order = _in_any_spelling(order_ref, visible_submissions(viewer))
    return of_order.filter(MAY_EXIST, submitted_at__gte=since)


def own_outcomes_since(person_id: str, since: datetime) -> dict[str, int]:
    """How many submissions of the person since a moment have each outcome. Those without any are left out."""
    own = Submission.objects.filter(Q(actor_id=person_id), submitted_at__gte=since)
    return dict(own.values_list(KNOWN_OUTCOME).annotate(Count("pk")).order_by())


def unknown_submissions(viewer: Viewer) -> QuerySet[Submission]:
    """The submissions of unknown outcome that the viewer may see, oldest first."""
    return visible_submissions(viewer).filter(IS_UNKNOWN).order_by("submitted_at", "id")


def overdue_submissions(viewer: Viewer, *, before: datetime) -> QuerySet[Submission]:
    """Those of :func:`unknown_submissions` from before this time."""
    return unknown_submissions(viewer).filter(submitted_at__lt=before)


def next_unknown(
    submission: Submission, viewer: Viewer, *, taken_since: datetime
) -> tuple[Submission | None, int]:
    """The unknown submission to resolve after this one, and the number of those that are left.

    The oldest that no other person has taken since ``taken_since``; the oldest of all if they have taken
    each of them. Of submissions that are unknown, the one after this one comes first.
    """
    left = unknown_submissions(viewer).exclude(pk=submission.pk)
    of_others = Q(taken_at__gt=taken_since) & ~Q(taken_by=viewer.person_id)
    free = left.exclude(of_others)
    later = Q(submitted_at__gt=submission.submitted_at)
    later |= Q(submitted_at=submission.submitted_at, pk__gt=submission.pk)
    after = free.filter(later).first() if submission.known_outcome == Outcome.UNKNOWN else None
    return after or free.first() or left.first(), left.count()


def contradicted_submissions(viewer: Viewer) -> QuerySet[Submission]:
    """Resolved submissions that a late answer or a check contradicts, not resolved again since."""
    return visible_submissions(viewer).filter(IS_CONTRADICTED)


def doubtful_submissions(viewer: Viewer) -> QuerySet[Submission]:
    """Submissions that the vendor answered as created, but that a supervisor has to check."""
    return visible_submissions(viewer).filter(IS_DOUBTFUL)


NEEDING_ATTENTION: Final = {
    "unknown": unknown_submissions,
    "contradicted": contradicted_submissions,
    "doubtful": doubtful_submissions,
}
"""The submissions that need a resolution (:data:`NEEDS_RESOLUTION`), by the reason."""


@dataclass(frozen=True, slots=True)
class Pending:
    """How many submissions need the same decision, and the only one's id if it is one.

    ``kind``: of :data:`NEEDING_ATTENTION`. ``overdue``: how many are among :func:`overdue_submissions`.
    """

    kind: str
    count: int
    overdue: int = 0
    only: uuid.UUID | None = None


def pending(viewer: Viewer, *, overdue_before: datetime) -> tuple[Pending, ...]:
    """Why submissions that the viewer may see need a resolution. Kinds without any are left out.

    Counting is fast: partial indexes contain only these submissions.
    """
    found = []
    for kind, select in NEEDING_ATTENTION.items():
        submissions = select(viewer).order_by()
        if not (count := submissions.count()):
            continue
        overdue = overdue_submissions(viewer, before=overdue_before).order_by() if kind == "unknown" else None
        only = submissions.values_list("public_id", flat=True).first() if count == 1 else None
        found.append(Pending(kind, count, overdue.count() if overdue is not None else 0, only))
    return tuple(found)


def _blocking(token: uuid.UUID, digests: Collection[bytes]) -> QuerySet[Submission]:
    is_open = Q(content_digest__in=digests, outcome__in=OPEN_OUTCOMES)
    return Submission.objects.filter(Q(token=token) | is_open).defer("refs_before")


_BLOCKING: PreparedQuery[Submission] = PreparedQuery(_blocking)


def blocking_submissions(
    token: uuid.UUID, digests: Collection[bytes]
) -> tuple[Submission | None, Submission | None]:
    """The submission made with this form token, and the open one with the same order and consumer.

    ``digests``: of order and consumer, under every key. Each is None if it does not exist; both may be the
    same submission.
    """
    found = _BLOCKING(token, tuple(digests))
    of_token = next((one for one in found if one.token == token), None)
    still_open = [one for one in found if one.content_digest in digests and one.outcome in OPEN_OUTCOMES]
    of_content = still_open[0] if still_open else None
    return of_token, of_content


def submission_of_token(token: uuid.UUID, person_id: str) -> Submission | None:
    """What this person has sent with the form that has this token; None if it was not sent."""
    return _OF_TOKEN.first(token, int(person_id))


_OF_TOKEN: PreparedQuery[Submission] = PreparedQuery(
    lambda token, person: Submission.objects.filter(Q(actor_id=person), token=token).defer("refs_before")
)


def submissions_on_order(order_ref: str) -> QuerySet[Submission]:
    """Submissions to this order. Vendor: references are compared without regard to case."""
    return _with_order_key(order_ref.lower())


def existing_on_order(order_ref: str) -> QuerySet[Submission]:
    """Submissions to the order whose consumer exists or may exist, newest first.

    Includes submissions corrected from created to not created, because the correction may be wrong.
    """
    return _existing_on_order(order_ref.lower())


def _existing_on_order(order_key: str) -> QuerySet[Submission]:
    once_created = PastResolution.objects.filter(submission=OuterRef("pk"), outcome=Outcome.CREATED)
    corrected = Q(Exists(once_created), outcome=Outcome.NOT_CREATED)
    found = _with_order_key(order_key).filter(EXISTS_OR_WAS_FOUND | corrected)
    return found.defer("refs_before").order_by("-submitted_at", "-id")


_REFS_OF_EXISTING: PreparedQuery[tuple[int, str, str]] = PreparedQuery(
    lambda order_key: _existing_on_order(order_key).values_list("pk", *REFERENCE_COLUMNS)
)


def refs_of_existing_on_order(order_ref: str) -> list[tuple[int, str, str]]:
    """Primary key and :data:`REFERENCE_COLUMNS` of each of :func:`existing_on_order`."""
    return _REFS_OF_EXISTING(order_ref.lower())


def possibly_similar_on_order(
    order_ref: str, digests: Iterable[tuple[DigestKind, bytes]]
) -> QuerySet[Submission]:
    """Those of :func:`existing_on_order` that share a digest."""
    by_kind: dict[DigestKind, list[bytes]] = {}
    for kind, digest in digests:
        by_kind.setdefault(kind, []).append(digest)
    shares = Q(pk__in=[])
    for kind, of_kind in by_kind.items():
        shares |= Q(kind=kind, digest__in=of_kind)
    sharing = SubmissionDigest.objects.filter(shares).values("submission")
    return existing_on_order(order_ref).filter(pk__in=sharing)


def claimed_refs_on_order(submission: Submission) -> frozenset[str]:
    """The keys of the consumer references that other submissions to the same order have.

    A late reference counts also after another resolution: that decision may be wrong, and a check must not
    give the consumer to another submission without a person.
    """
    others = submissions_on_order(submission.order_ref).exclude(pk=submission.pk)
    named = others.exclude(consumer_ref="", late_consumer_ref="")
    pairs = named.values_list("consumer_ref", "late_consumer_ref")
    return frozenset(reference_key(ref) for pair in pairs for ref in pair if ref)


def refs_claimed_elsewhere(submission: Submission, refs: Iterable[str]) -> frozenset[str]:
    """The keys of those references that submissions to other orders have.

    A consumer is on one order only, so one of the two submissions was resolved incorrectly.
    """
    wanted = list(refs)
    found: list[str] = []
    for column in REFERENCE_COLUMNS:
        others = _with_reference(column, wanted).exclude(pk=submission.pk).alias(order_key=Lower("order_ref"))
        found += others.exclude(order_key=submission.order_ref.lower()).values_list(column, flat=True)
    return frozenset(map(reference_key, found))


def submissions_with_reference(ref: str, *, besides: Submission) -> list[Submission]:
    """The other submissions, to any order, with this consumer reference, regardless of case and dashes.

    The reference from a late answer that a supervisor has overruled does not count.
    """
    spellings = references.spellings(ref)
    found = {
        one.pk: one
        for column in REFERENCE_COLUMNS
        for one in _claiming(column, spellings).defer("refs_before")
    }
    found.pop(besides.pk, None)
    return list(found.values())


def sent_again(submission: Submission, digests: Collection[bytes]) -> list[Submission]:
    """Later submissions of the same consumer to the same order whose consumer exists or may exist.

    These are corrections of this submission, and submissions with the same content. ``digests``: those of its
    content; none for an erased one.
    """
    corrected = Submission.objects.filter(EXISTS_OR_WAS_FOUND, resubmission_of=submission.pk)
    same = submissions_on_order(submission.order_ref).filter(EXISTS_OR_WAS_FOUND, content_digest__in=digests)
    later = same.filter(submitted_at__gt=submission.submitted_at)
    found = {one.pk: one for one in (*corrected.defer("refs_before"), *later.defer("refs_before"))}
    found.pop(submission.pk, None)
    return sorted(found.values(), key=lambda one: one.pk)


def has_repeated_reference(submission: Submission) -> bool:
    """Whether the vendor gave this submission's consumer reference to another submission as well."""
    return bool(submission.consumer_ref) and is_claimed(submission.consumer_ref, besides=submission)


def is_claimed(ref: str, *, besides: Submission) -> bool:
    """Whether a submission other than ``besides`` has this consumer reference, also from a late answer."""
    return bool(_ONE_CLAIMING(references.spellings(ref), besides.pk))


def _claiming(column: str, spellings: Collection[str]) -> QuerySet[Submission]:
    """The submissions that have a reference in this column as their consumer's."""
    found = _with_spelling(column, spellings)
    # After another resolution, the outcome determines the reference, not the late answer.
    return found.filter(IS_CONTRADICTED) if column == "late_consumer_ref" else found


def _one_claiming(spellings: tuple[str, ...], besides: int) -> QuerySet[Submission, int]:
    """The primary key of a submission that has a reference as its consumer's."""
    first, second = (
        _claiming(column, spellings).exclude(pk=besides).values_list("pk", flat=True)
        for column in REFERENCE_COLUMNS
    )
    return first.union(second, all=True)[:1]


_ONE_CLAIMING: PreparedQuery[int] = PreparedQuery(_one_claiming)


def created_by_answer_with(ref: str, *, besides: Submission) -> QuerySet[Submission]:
    """The other submissions that the vendor answered as created with this reference, not doubted yet."""
    found = _with_reference("consumer_ref", [ref]).exclude(pk=besides.pk)
    return found.filter(outcome=Outcome.CREATED, resolved_how="", doubt_code="")


def is_late_answer_doubtful(submission: Submission) -> bool:
    """Whether a late answer's reference was on the order before the send, or is in another submission."""
    ref = submission.late_consumer_ref
    return submission.is_late_ref_of_before or bool(ref and is_claimed(ref, besides=submission))


def rivals_on_order(submission: Submission) -> list[Submission]:
    """The other submissions to the same order that may have created a consumer which nobody has yet.

    They are being sent or unknown, or a supervisor marked them as not created, which no check can prove.
    """
    on_order = submissions_on_order(submission.order_ref).exclude(pk=submission.pk)
    marked = Q(outcome=Outcome.NOT_CREATED, resolved_how=ResolvedHow.BY_SUPERVISOR)
    return list(on_order.filter(Q(outcome__in=OPEN_OUTCOMES) | marked))


def order_reading(order_ref: str, *, since: datetime, until: datetime) -> OrderReading | None:
    """What was read of an order, if the reading began between these times."""
    return _READING.first(reference_key(order_ref), since, until)


_READING: PreparedQuery[OrderReading] = PreparedQuery(
    lambda order_key, since, until: OrderReading.objects.filter(
        order_key=order_key, read_at__gte=since, read_at__lte=until
    )
)


def may_have_changed_since(order_ref: str, since: datetime) -> bool:
    """Whether the portal may have added a consumer to the order since that time."""
    late = Q(submitted_at__gte=since) | Q(finished_at__gte=since) | Q(outcome__in=OPEN_OUTCOMES)
    return _in_any_spelling(order_ref, Submission.objects.all()).filter(late).exists()


def with_consumer_on(order_ref: str) -> QuerySet[Submission]:
    """The submissions to the order that have a reference as their consumer's, oldest first."""
    named = _in_any_spelling(order_ref, Submission.objects.all()).filter(HAS_CONSUMER)
    return named.defer("refs_before").order_by("submitted_at", "id")


def created_on_orders(person_id: str, order_refs: Iterable[str]) -> dict[str, int]:
    """How many consumers the person created on each of the orders, by the key of its reference."""
    spellings = {spelling for ref in order_refs for spelling in references.spellings(ref)}
    own = Submission.objects.filter(Q(actor_id=person_id), outcome=Outcome.CREATED)
    on_orders = own.alias(order_key=Lower("order_ref")).filter(order_key__in=sorted(spellings))
    counts: dict[str, int] = {}
    for ref, count in on_orders.values_list("order_ref").annotate(Count("pk")).order_by():
        counts[reference_key(ref)] = counts.get(reference_key(ref), 0) + count
    return counts


def recent_orders(person_id: str, *, limit: int) -> list[Submission]:
    """The latest submission of the person to each of the orders they used last, latest first.

    Looks at the person's last hundred submissions.
    """
    latest = Submission.objects.filter(Q(actor_id=person_id)).order_by("-submitted_at", "-id")
    recent = latest.only("order_ref", "order_number", "submitted_at")[:100]
    by_order: dict[str, Submission] = {}
    for one in recent:
        kept = by_order.setdefault(reference_key(one.order_ref), one)
        kept.order_number = kept.order_number or one.order_number
    return list(by_order.values())[:limit]


def _in_any_spelling(order_ref: str, among: QuerySet[Submission]) -> QuerySet[Submission]:
    """Those of these submissions that are to this order, with or without dashes in its reference."""
    found = among.alias(order_key=Lower("order_ref"))
    return found.filter(order_key__in=references.spellings(order_ref))


def _with_order_key(order_key: str) -> QuerySet[Submission]:
    return Submission.objects.alias(order_key=Lower("order_ref")).filter(order_key=order_key)


def _with_reference(column: str, refs: Iterable[str]) -> QuerySet[Submission]:
    """Submissions with one of the references in this column, regardless of case and dashes (contract 1.4)."""
    return _with_spelling(column, sorted({one for ref in refs for one in references.spellings(ref)}))


def _with_spelling(column: str, spellings: Collection[str]) -> QuerySet[Submission]:
    """Submissions with one of these spellings of references in this column."""
    found = Submission.objects.exclude(**{column: ""}).alias(reference_key=Lower(column))
    return found.filter(reference_key__in=spellings)


def identity_rules() -> QuerySet[IdentityRule]:
    """The identity rules in the order in which the vendor applies them."""
    return IdentityRule.objects.order_by("priority")


def removed_identity_rules() -> QuerySet[RemovedIdentityRule]:
    """The removed rules that can be restored, the latest first."""
    return RemovedIdentityRule.objects.order_by("-pk")


def providers() -> tuple[str, ...]:
    """The identifier providers of the identity rules, in order of priority."""
    return tuple(_PROVIDERS())


_PROVIDERS: PreparedQuery[str] = PreparedQuery(lambda: identity_rules().values_list("provider", flat=True))
