"""A look at an order after an unknown outcome: what is new on it, and is one of it ours?

A look can prove that the consumer exists, never that it does not. Whatever it finds is kept on the submission
as evidence; nothing is ever sent again by it.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.audit.recording import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import (
    CdpBusy,
    CdpError,
)
from apps.consumers import contact, findings, pacing, schedule, selectors
from apps.consumers.audit_events import CONSUMER_CHECK_FAILED, CONSUMER_CHECKED, CONSUMER_RESOLVED
from apps.consumers.models import LookResult, Outcome, SettledHow, Submission
from apps.consumers.recording import event_of
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

LEASE = datetime.timedelta(seconds=60)  # a look whose process was lost is due again after it
BETWEEN = datetime.timedelta(seconds=2)  # two looks for one submission, however often somebody asks
LOOK_UP = "look_up"  # the reason in the event


class LookNotTaken(Exception):
    """No look was taken: it is not unknown any more, or look-ups are off, paused or too frequent.

    ``until``: the end of the pause, where there is one.
    """

    def __init__(self, until: datetime.datetime | None = None) -> None:
        super().__init__("No look was taken")
        self.until = until


def take_due_look(*, actor: Actor, client: CdpClient) -> bool:
    """Take the look that has been due longest; False where none is due, or look-ups are paused.

    Any number of workers may call it at the same time: a look is claimed with a lease before it is taken.
    """
    now = datetime.datetime.now(datetime.UTC)
    if not settings.CDP_LOOK_UPS or not _is_one_due(now) or not pacing.take_turn(now):
        return False
    with transaction.atomic():
        due = Submission.objects.filter(_rested(now), outcome=Outcome.UNKNOWN, next_look_at__lte=now)
        submission = due.order_by("next_look_at", "id").select_for_update(skip_locked=True).first()
        if submission is None or not _claimed(submission, now):
            return False
    _look(submission, actor, client)
    contact.store_news()
    return True


def look_now(submission: Submission, *, actor: Actor, client: CdpClient) -> Submission:
    """Take a look because a person asks for it, and return the submission as it is then.

    Raises ``LookNotTaken``. An order that cannot be read is a result of the look and no exception.
    """
    now = datetime.datetime.now(datetime.UTC)
    if not settings.CDP_LOOK_UPS:
        raise LookNotTaken
    until = pacing.paused_until(now)
    if until is not None or not _claimed(submission, now):
        raise LookNotTaken(until)
    if not pacing.take_turn(now):  # another look goes ahead after a pause
        raise LookNotTaken(pacing.paused_until(now))
    _look(submission, actor, client)
    contact.store_news()
    submission.refresh_from_db()
    return submission


def _is_one_due(now: datetime.datetime) -> bool:
    return Submission.objects.filter(_rested(now), outcome=Outcome.UNKNOWN, next_look_at__lte=now).exists()


def _rested(now: datetime.datetime) -> Q:
    return Q(last_look_at__isnull=True) | Q(last_look_at__lte=now - BETWEEN)


def _claimed(submission: Submission, now: datetime.datetime) -> bool:
    """Whether this look is ours: nobody else took one a moment ago."""
    open_ = Submission.objects.filter(_rested(now), pk=submission.pk, outcome=Outcome.UNKNOWN)
    return bool(open_.update(last_look_at=now, next_look_at=now + LEASE))


def _look(submission: Submission, actor: Actor, client: CdpClient) -> None:
    began = datetime.datetime.now(datetime.UTC)
    known = findings.keys_of(submission.refs_before or []) | selectors.claimed_refs_on_order(submission)
    release_database_connections()
    try:
        found = findings.read_order(submission.order_ref, known, client)
    except CdpError as error:
        _store_failure(submission, error, actor)
        return
    pacing.note_answered(began)
    try:
        _conclude(submission, found, actor)
    except IntegrityError:
        # Another submission was settled with this very reference a moment ago: it is claimed by now.
        _conclude(submission, found, actor)


def _conclude(submission: Submission, found: findings.Found, actor: Actor) -> None:
    """Compare, and store what it means. Only what is still unknown changes.

    Who else could have made a found consumer is asked after the order was read: whoever made it had written
    their own submission before they sent it.
    """
    now = datetime.datetime.now(datetime.UTC)
    with transaction.atomic(durable=True):
        conclusion = findings.conclude(submission, found)
        changes: dict[str, Any] = {
            "looks": F("looks") + 1,
            "failed_looks": 0,
            "last_look_at": now,
            "look_result": conclusion.result,
            "matching_refs": [consumer.ref for consumer in conclusion.matching],
            "different_refs": list(conclusion.different),
            "unread_refs": list(conclusion.unread),
            "next_look_at": schedule.next_look(submission.finished_at or now, now),
        }
        if conclusion.result is LookResult.ONE:
            changes |= {**_columns_of(conclusion.matching[0], now), "next_look_at": None}
        changed = Submission.objects.filter(pk=submission.pk, outcome=Outcome.UNKNOWN).update(**changes)
        submission.refresh_from_db()
        if not changed:
            return
        _record_look(submission, conclusion, actor)


def _columns_of(consumer: OrderConsumer, now: datetime.datetime) -> dict[str, Any]:
    kept = Submission()
    kept.answer = consumer
    return {
        "outcome": Outcome.CREATED,
        "encrypted_answer": kept.encrypted_answer,
        "consumer_ref": consumer.ref,
        "consumer_href": consumer.href,
        "order_href": consumer.order_href,
        "guest_href": consumer.guest_href,
        "guest_ref": consumer.guest_ref,
        "settled_how": SettledHow.BY_LOOK_UP,
        "settled_at": now,
        "settled_by_id": None,  # who asked for the check is in the event
        "settled_by_name": "",
    }


def _record_look(submission: Submission, conclusion: findings.Conclusion, actor: Actor) -> None:
    facts = {
        "result": conclusion.result.value,
        "before": None if submission.refs_before is None else len(submission.refs_before),
        "matching": len(conclusion.matching),
        "different": len(conclusion.different) + len(conclusion.unread),
    }
    if conclusion.result is LookResult.ONE:
        record(
            event_of(
                CONSUMER_RESOLVED,
                submission,
                actor,
                outcome=Outcome.CREATED.value,
                reason=LOOK_UP,
                **facts,
            )
        )
    else:
        record(event_of(CONSUMER_CHECKED, submission, actor, **facts))


def _store_failure(submission: Submission, error: CdpError, actor: Actor) -> None:
    """The order could not be read: that says nothing about the consumer. It is tried again, ever later."""
    now = datetime.datetime.now(datetime.UTC)
    if not isinstance(error, CdpBusy):
        pacing.note_failed(error, now)
    failed = submission.failed_looks + 1
    with transaction.atomic(durable=True):
        changed = Submission.objects.filter(pk=submission.pk, outcome=Outcome.UNKNOWN).update(
            failed_looks=F("failed_looks") + 1,
            # What an earlier look has found stays to be seen.
            look_result=submission.look_result or LookResult.FAILED,
            next_look_at=schedule.retry(
                submission.finished_at or now, now, failed=failed, retry_after=error.retry_after
            ),
        )
        if changed:
            record(event_of(CONSUMER_CHECK_FAILED, submission, actor, error_code=error.code))
