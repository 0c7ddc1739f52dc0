"""The state of reconciliation of an unknown submission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from apps.consumers import labels
from apps.consumers.models import UNCERTAIN_MATCHES, Submission
from apps.consumers.presenters.record_urls import record_url
from apps.core import clock

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

OVERDUE_AFTER = timedelta(minutes=2)
"""Time after a missed check from which on the page reports that checks are not running."""

MAX_LISTED = 25
"""References listed in each group, at most. Only unread ones can be more: a check compares 25."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A consumer reference; ``url``: the portal's page of it, empty if it has none."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ReferenceGroup:
    """References with the same result, which ``label`` describes, and the number of those not listed."""

    label: str
    references: tuple[Reference, ...]
    more: int


@dataclass(frozen=True, slots=True)
class ChecksState:
    """What the checks of the order have found so far, and when the next one is due.

    ``last_at``: when the reading began that found it. ``failed_again``: that a check has failed since.
    ``is_overdue``: the worker has missed the next check. ``can_conclude``: whether a match can prove that the
    consumer is the submission's.
    """

    found: str
    failed_again: str
    last_at: datetime | None
    next_at: datetime | None
    is_overdue: bool
    can_check: bool
    can_conclude: bool
    groups: tuple[ReferenceGroup, ...]


def checks_state(submission: Submission) -> ChecksState:
    """The state of reconciliation, for the receipt of an unknown submission."""
    is_whole = submission.refs_before_whole
    is_new = is_whole and submission.check_result not in UNCERTAIN_MATCHES
    groups = (
        (labels.MATCHING_NEW if is_new else labels.MATCHING, submission.matching_refs),
        (labels.DIFFERENT if is_whole else labels.DIFFERENT_PERHAPS_NEW, submission.different_refs),
        (_unread_label(submission), submission.unread_refs),
    )
    due = submission.next_check_at if settings.CDP_RECONCILIATION else None
    is_overdue = due is not None and clock.now() - due > OVERDUE_AFTER
    return ChecksState(
        found=labels.check_found(submission),
        failed_again=labels.failed_again(submission),
        last_at=submission.last_check_at,
        next_at=None if is_overdue else due,
        is_overdue=is_overdue,
        can_check=settings.CDP_RECONCILIATION,
        can_conclude=is_whole,
        groups=tuple(_group(str(label), refs) for label, refs in groups if refs),
    )


def _group(label: str, refs: Sequence[str]) -> ReferenceGroup:
    listed = tuple(Reference(ref, record_url("orders:order_consumer", ref)) for ref in refs[:MAX_LISTED])
    return ReferenceGroup(label, listed, more=len(refs) - len(listed))


def _unread_label(submission: Submission) -> _StrPromise:
    if submission.refs_before is None:
        return labels.UNREAD_PERHAPS_BEFORE
    return labels.UNREAD if submission.refs_before_whole else labels.UNREAD_PERHAPS_NEW
