"""Reading submissions and identity rules. Nothing here changes anything."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from apps.consumers.models import (
    OPEN_OUTCOMES,
    DigestKind,
    IdentityRule,
    Outcome,
    PastResolution,
    Submission,
    SubmissionDigest,
)
from apps.core import references
from apps.core.references import reference_key

NEWEST_BY = ("submitted_at", "id")
"""What the list of submissions is sorted and paged by."""
REFERENCE_COLUMNS = ("consumer_ref", "late_consumer_ref")
"""Where the reference of a submission's consumer stands: as its outcome has it, or by a late answer."""


def visible_submissions(person_id: str, *, everybody: bool) -> QuerySet[Submission]:
    """The submissions that a person may see, newest first: their own, or everybody's."""
    scope = Q() if everybody else Q(actor_id=person_id)
    # The references of a large order are long, and only a look reads them.
    return Submission.objects.filter(scope).defer("refs_before").order_by("-submitted_at", "-id")


def find_visible(public_id: uuid.UUID, person_id: str, *, everybody: bool) -> Submission | None:
    """One submission, or None when there is none that this person may see."""
    return visible_submissions(person_id, everybody=everybody).filter(public_id=public_id).first()


def unknown_submissions(person_id: str, *, everybody: bool) -> QuerySet[Submission]:
    """The submissions of unknown outcome that a person may see, the oldest first: it has waited longest."""
    visible = visible_submissions(person_id, everybody=everybody).filter(outcome=Outcome.UNKNOWN)
    return visible.order_by("submitted_at", "id")


def contradicted_submissions(person_id: str, *, everybody: bool) -> QuerySet[Submission]:
    """Resolved submissions whose late answer says otherwise, and that nobody has resolved anew."""
    return visible_submissions(person_id, everybody=everybody).filter(contradicted=True)


def doubtful_submissions(person_id: str, *, everybody: bool) -> QuerySet[Submission]:
    """Submissions that an answer says are created, and that a supervisor has to check."""
    return visible_submissions(person_id, everybody=everybody).exclude(doubt_code="")


def submissions_in_the_way(token: uuid.UUID, digest: str) -> tuple[Submission | None, Submission | None]:
    """The submission that a rendered form has led to, and the open one of the same order and consumer.

    None where there is none; they may be the same.
    """
    is_open = Q(content_digest=digest, outcome__in=OPEN_OUTCOMES)
    found = [*Submission.objects.filter(Q(token=token) | is_open).defer("refs_before")]
    of_token = next((one for one in found if one.token == token), None)
    still_open = [one for one in found if one.content_digest == digest and one.outcome in OPEN_OUTCOMES]
    of_content = still_open[0] if still_open else None
    return of_token, of_content


def possibly_similar_on_order(
    order_ref: str, digests: Iterable[tuple[DigestKind, str]]
) -> QuerySet[Submission]:
    """Submissions on that order whose consumer exists or may exist and that share a digest, newest first.

    One whose resolution was corrected from created to not created counts: the correction may be wrong.
    """
    once_created = PastResolution.objects.filter(submission=OuterRef("pk"), outcome=Outcome.CREATED)
    exists = Q(outcome__in=[Outcome.CREATED, *OPEN_OUTCOMES]) | ~Q(late_consumer_ref="")
    exists |= Q(Exists(once_created), outcome=Outcome.NOT_CREATED)
    by_kind: dict[DigestKind, list[str]] = {}
    for kind, digest in digests:
        by_kind.setdefault(kind, []).append(digest)
    shares = Q(pk__in=[])
    for kind, of_kind in by_kind.items():
        shares |= Q(kind=kind, digest__in=of_kind)
    sharing = SubmissionDigest.objects.filter(shares).values("submission")
    submissions = _on_order(order_ref).filter(exists, pk__in=sharing)
    return submissions.defer("refs_before").order_by("-submitted_at", "-id")


def claimed_refs_on_order(submission: Submission) -> frozenset[str]:
    """The keys of the consumer references on its order that other submissions are known to have made."""
    others = _on_order(submission.order_ref).exclude(pk=submission.pk)
    named = others.exclude(consumer_ref="", late_consumer_ref="")
    pairs = named.values_list("consumer_ref", "late_consumer_ref")
    return frozenset(reference_key(ref) for pair in pairs for ref in pair if ref)


def refs_claimed_elsewhere(submission: Submission, refs: Iterable[str]) -> frozenset[str]:
    """Which of these references, by their keys, submissions to other orders have.

    A reference belongs to one order: somebody has resolved one of the two wrongly.
    """
    wanted = list(refs)
    found: list[str] = []
    for column in REFERENCE_COLUMNS:
        others = _with_reference(column, wanted).exclude(pk=submission.pk).alias(order_key=Lower("order_ref"))
        found += others.exclude(order_key=submission.order_ref.lower()).values_list(column, flat=True)
    return frozenset(map(reference_key, found))


def submissions_with_reference(ref: str, *, besides: Submission) -> list[Submission]:
    """The other submissions, to any order, that this consumer reference belongs to; case and dashes aside.

    A reference by a late answer that a supervisor has overruled belongs to nobody by it.
    """
    found = {
        one.pk: one for column in REFERENCE_COLUMNS for one in _claiming(column, ref).defer("refs_before")
    }
    found.pop(besides.pk, None)
    return list(found.values())


def sent_again(submission: Submission) -> list[Submission]:
    """Later submissions of the same consumer to the same order whose consumer exists or may exist.

    Those that were corrected from this one, and those of the same content.
    """
    exists = Q(outcome__in=[Outcome.CREATED, *OPEN_OUTCOMES]) | ~Q(late_consumer_ref="")
    corrected = Submission.objects.filter(exists, resubmission_of=submission.pk)
    same = _on_order(submission.order_ref).filter(exists, content_digest=submission.content_digest)
    later = same.filter(submitted_at__gt=submission.submitted_at)
    found = {one.pk: one for one in (*corrected.defer("refs_before"), *later.defer("refs_before"))}
    found.pop(submission.pk, None)
    return sorted(found.values(), key=lambda one: one.pk)


def has_repeated_reference(submission: Submission) -> bool:
    """Whether the vendor gave this submission's consumer reference to another submission as well."""
    return bool(submission.consumer_ref) and is_claimed(submission.consumer_ref, besides=submission)


def is_claimed(ref: str, *, besides: Submission) -> bool:
    """Whether another submission than this one has a consumer reference, be it by a late answer."""
    return any(_claiming(column, ref).exclude(pk=besides.pk).exists() for column in REFERENCE_COLUMNS)


def _claiming(column: str, ref: str) -> QuerySet[Submission]:
    """The submissions that a reference in this column belongs to."""
    found = _with_reference(column, [ref])
    # Once somebody has resolved it anew, the outcome says whose the reference is.
    return found.filter(contradicted=True) if column == "late_consumer_ref" else found


def created_by_answer_with(ref: str, *, besides: Submission) -> QuerySet[Submission]:
    """The other submissions that the vendor's own answer created with a reference; without doubt so far."""
    found = _with_reference("consumer_ref", [ref]).exclude(pk=besides.pk)
    return found.filter(outcome=Outcome.CREATED, resolved_how="", doubt_code="")


def is_late_answer_doubtful(submission: Submission) -> bool:
    """Whether the reference of a late answer was on the order before the send, or is another submission's."""
    ref = submission.late_consumer_ref
    return submission.is_late_ref_of_before or bool(ref and is_claimed(ref, besides=submission))


def open_on_order(submission: Submission) -> list[Submission]:
    """The other submissions to its order that are being sent or unknown, as they are now."""
    return list(_on_order(submission.order_ref).filter(outcome__in=OPEN_OUTCOMES).exclude(pk=submission.pk))


def _on_order(order_ref: str) -> QuerySet[Submission]:
    """Vendor: references are compared without regard to case."""
    return Submission.objects.alias(order_key=Lower("order_ref")).filter(order_key=order_ref.lower())


def _with_reference(column: str, refs: Iterable[str]) -> QuerySet[Submission]:
    """Whatever the case of a reference, and whether a UUID has its dashes (contract 1.4)."""
    spellings = {spelling for ref in refs for spelling in references.spellings(ref)}
    found = Submission.objects.exclude(**{column: ""}).alias(reference_key=Lower(column))
    return found.filter(reference_key__in=sorted(spellings))


def identity_rules() -> QuerySet[IdentityRule]:
    """The identity rules in the order in which the vendor tries them."""
    return IdentityRule.objects.order_by("priority")


def providers() -> tuple[str, ...]:
    """The identifier providers of the identity rules, in order of priority."""
    return tuple(identity_rules().values_list("provider", flat=True))
