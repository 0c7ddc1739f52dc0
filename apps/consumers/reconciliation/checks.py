"""Reconciliation checks: read the order of an unknown submission and look for its consumer.

A check can prove that the consumer exists, never that it does not. It stores what it finds on the submission
and sends nothing.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When

from apps.audit.recording import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import (
    CdpBusy,
    CdpError,
)
from apps.consumers import connection_health, selectors
from apps.consumers.audit_events import (
    CONSUMER_CHECK_FAILED,
    CONSUMER_CHECKED,
    CONSUMER_FOUND_LATE,
    CONSUMER_RESOLVED,
)
from apps.consumers.audit_keys import BY_RECONCILIATION
from apps.consumers.models import CheckResult, Outcome, ResolvedHow, Submission, answer_columns
from apps.consumers.reconciliation import circuit_breaker, findings, schedule
from apps.consumers.recording import event_of
from apps.core import clock
from apps.core.actor import Actor
from apps.core.connections import release_database_connections
from apps.core.locks import hold_reference
from apps.core.references import same_reference

LEASE = datetime.timedelta(seconds=60)  # a check whose process was lost is due again after this time
MIN_CHECK_INTERVAL = datetime.timedelta(seconds=2)  # between two checks of one submission
_NOT_READ = Q(check_result__in=("", CheckResult.FAILED))  # no check has read the order


class CheckNotRun(Exception):
    """No check was run: the outcome is not unknown, or checks are off, paused or too frequent.

    ``until``: the end of the pause, if there is one.
    """

    def __init__(self, until: datetime.datetime | None = None) -> None:
        super().__init__("No check was run")
        self.until = until


class ReferenceTaken(Exception):
    """Another submission has the consumer's reference."""


def run_due_check(*, actor: Actor, client: CdpClient) -> bool:
    """Run the check that has been due longest. Return False if none is due or checks are paused.

    Any number of workers may call this at the same time: a check is claimed with a lease before it runs.
    """
    now = clock.now()
    if not settings.CDP_RECONCILIATION or not _is_one_due(now) or not circuit_breaker.acquire(now):
        return False
    with transaction.atomic():
        due = Submission.objects.filter(_has_waited(now), outcome=Outcome.UNKNOWN, next_check_at__lte=now)
        due = due.order_by("next_check_at", "id").select_for_update(skip_locked=True, no_key=True)
        submission = due.first()
        if submission is None or not _claim(submission, now):
            return False
    _run_check(submission, actor, client)
    connection_health.store_latest()
    return True


def check_now(submission: Submission, *, actor: Actor, client: CdpClient) -> Submission:
    """Run a check at a person's request and return the submission as it is afterwards.

    Raises ``CheckNotRun``. An order that cannot be read is a result of the check, not an exception.
    """
    now = clock.now()
    if not settings.CDP_RECONCILIATION:
        raise CheckNotRun
    until = circuit_breaker.paused_until(now)
    if until is not None or not _claim(submission, now):
        raise CheckNotRun(until)
    if not circuit_breaker.acquire(now):  # after a pause one check runs first
        _release(submission, now)
        raise CheckNotRun(circuit_breaker.paused_until(now))
    _run_check(submission, actor, client)
    connection_health.store_latest()
    submission.refresh_from_db()
    return submission


def _is_one_due(now: datetime.datetime) -> bool:
    return Submission.objects.filter(
        _has_waited(now), outcome=Outcome.UNKNOWN, next_check_at__lte=now
    ).exists()


def _has_waited(now: datetime.datetime) -> Q:
    return (
        Q(check_claimed_at__isnull=True)
        | Q(check_claimed_at__lte=now - MIN_CHECK_INTERVAL)
        | Q(check_claimed_at__gt=now + MIN_CHECK_INTERVAL)  # from before the clock was set back
    )


def _claim(submission: Submission, now: datetime.datetime) -> bool:
    """Claim the next check of the submission; False if another process ran one a moment ago."""
    open_ = Submission.objects.filter(_has_waited(now), pk=submission.pk, outcome=Outcome.UNKNOWN)
    return bool(open_.update(check_claimed_at=now, next_check_at=now + LEASE))


def _release(submission: Submission, now: datetime.datetime) -> None:
    """Undo a claim for which no check runs. ``submission`` is as it was before the claim."""
    claimed = Submission.objects.filter(pk=submission.pk, outcome=Outcome.UNKNOWN, check_claimed_at=now)
    claimed.update(check_claimed_at=submission.check_claimed_at, next_check_at=submission.next_check_at)


def _run_check(submission: Submission, actor: Actor, client: CdpClient) -> None:
    began = clock.now()
    known = findings.keys_of(submission.refs_before or []) | selectors.claimed_refs_on_order(submission)
    release_database_connections()
    try:
        found = findings.read_order(submission.order_ref, known, client)
    except CdpError as error:
        _store_failure(submission, error, began, actor)
        return
    circuit_breaker.record_success(began)
    try:
        _conclude(submission, found, began, actor)
    except (IntegrityError, ReferenceTaken):
        # Another submission got the same reference a moment ago.
        _conclude(submission, found, began, actor)


def _conclude(submission: Submission, found: findings.Found, began: datetime.datetime, actor: Actor) -> None:
    """Compare what was read with what was sent. Store the result if the outcome is still unknown.

    Other submissions that could have created a consumer are read after the order: each of them was stored
    before it was sent. A result stays if its check began after ``began``: it is newer than this one. So does
    the outcome of a submission that was resolved meanwhile, but what was found may contradict it.
    """
    now = clock.now()
    with transaction.atomic(durable=True):
        conclusion = findings.conclude(submission, found)
        changes: dict[str, Any] = {
            "check_count": F("check_count") + 1,
            "failed_check_count": 0,
            "check_result": conclusion.result,
            "last_check_at": began,
            "matching_refs": [consumer.ref for consumer in conclusion.matching],
            "different_refs": list(conclusion.different),
            "unread_refs": list(conclusion.unread),
            "next_check_at": schedule.next_check(submission.finished_at or now, now),
        }
        if conclusion.result is CheckResult.ONE:
            _hold_free_reference(conclusion.matching[0].ref, submission)
            changes |= {**_columns_of(submission, conclusion.matching[0], now), "next_check_at": None}
        unknown = Submission.objects.filter(pk=submission.pk, outcome=Outcome.UNKNOWN)
        is_stored = bool(unknown.filter(_older_than(began, now)).update(**changes))
        # Lock the row: a supervisor may correct the resolution at the same time.
        submission.refresh_from_db(from_queryset=Submission.objects.select_for_update(no_key=True))
        if is_stored and conclusion.result is CheckResult.ONE:
            _record_resolution(submission, conclusion, actor)
        elif conclusion.result is CheckResult.ONE and _contradicts(submission, conclusion, began, now):
            _store_contradiction(submission, conclusion, actor)
        else:
            record(event_of(CONSUMER_CHECKED, submission, actor, **_facts(submission, conclusion)))


def _contradicts(
    submission: Submission, conclusion: findings.Conclusion, began: datetime.datetime, now: datetime.datetime
) -> bool:
    """Whether the check found a consumer that the resolution, made while it was reading, does not have."""
    reference = conclusion.matching[0].ref
    if submission.late_consumer_ref or same_reference(submission.consumer_ref, reference):
        return False
    resolved = Submission.objects.filter(_older_than(began, now), pk=submission.pk).exclude(resolved_how="")
    return resolved.exists()


def _older_than(began: datetime.datetime, now: datetime.datetime) -> Q:
    """The submissions whose result is older than a reading that began at ``began``, or of no reading.

    A time ahead of ``now`` is from before the clock was set back.
    """
    return _NOT_READ | Q(last_check_at__lte=began) | Q(last_check_at__gt=now + LEASE)


def _hold_free_reference(reference: str, submission: Submission) -> None:
    """Let no other submission get it from here on.

    Raises ``ReferenceTaken`` if one has got it since the conclusion.
    """
    hold_reference(reference)
    if selectors.is_claimed(reference, besides=submission):
        raise ReferenceTaken


def _columns_of(submission: Submission, consumer: OrderConsumer, now: datetime.datetime) -> dict[str, Any]:
    return {
        **answer_columns(submission, consumer),
        "outcome": Outcome.CREATED,
        "resolved_how": ResolvedHow.BY_RECONCILIATION,
        "resolved_at": now,
        "resolved_by_id": None,  # the event records who asked for the check
        "resolved_by_name": "",
    }


def _record_resolution(submission: Submission, conclusion: findings.Conclusion, actor: Actor) -> None:
    record(
        event_of(
            CONSUMER_RESOLVED,
            submission,
            actor,
            previous_outcome=Outcome.UNKNOWN.value,
            outcome=Outcome.CREATED.value,
            reason=BY_RECONCILIATION,
            **_facts(submission, conclusion),
        )
    )


def _store_contradiction(submission: Submission, conclusion: findings.Conclusion, actor: Actor) -> None:
    """Store the consumer beside the resolution, as that of a late answer is; there was no answer."""
    consumer = conclusion.matching[0]
    submission.late_consumer_ref, submission.contradicted = consumer.ref, True
    Submission.objects.filter(pk=submission.pk).update(late_consumer_ref=consumer.ref, contradicted=True)
    found = event_of(CONSUMER_FOUND_LATE, submission, actor, **_facts(submission, conclusion))
    record(replace(found, consumer_ref=consumer.ref, guest_ref=consumer.guest_ref))


def _facts(submission: Submission, conclusion: findings.Conclusion) -> dict[str, Any]:
    return {
        "result": conclusion.result.value,
        "before": None if submission.refs_before is None else len(submission.refs_before),
        "matching": len(conclusion.matching),
        "different": len(conclusion.different) + len(conclusion.unread),
    }


def _store_failure(submission: Submission, error: CdpError, began: datetime.datetime, actor: Actor) -> None:
    """Store that the order could not be read, and when the next check is due.

    Only the event if the submission was resolved, or a reading that began later has succeeded meanwhile.
    """
    now = clock.now()
    if not isinstance(error, CdpBusy):
        circuit_breaker.record_failure(error, now)
    failed = submission.failed_check_count + 1
    with transaction.atomic(durable=True):
        unknown = Submission.objects.filter(pk=submission.pk, outcome=Outcome.UNKNOWN)
        unknown.filter(_older_than(began, now)).update(
            failed_check_count=F("failed_check_count") + 1,
            check_result=Case(When(_NOT_READ, then=Value(CheckResult.FAILED)), default=F("check_result")),
            last_check_at=Case(When(_NOT_READ, then=Value(began)), default=F("last_check_at")),
            next_check_at=schedule.retry(
                submission.finished_at or now,
                now,
                failed=failed,
                asked=circuit_breaker.seconds_asked(error),
            ),
        )
        record(event_of(CONSUMER_CHECK_FAILED, submission, actor, error_code=error.code))
