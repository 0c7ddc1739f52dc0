"""A look at an order after an unknown outcome: what is new on it, and is one of it ours?

A look can prove that the consumer exists, never that it does not. Whatever it finds is kept on the submission
as evidence; nothing is ever sent again by it.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from apps.audit import actions
from apps.audit.services import record
from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import (
    CdpBusy,
    CdpConnectionLost,
    CdpError,
    CdpRateLimited,
    CdpTimeout,
    CdpUnreachable,
)
from apps.consumers import contact, pacing, schedule, selectors
from apps.consumers.events import event_of
from apps.consumers.matching import matches
from apps.consumers.models import LookResult, Outcome, SettledHow, Submission
from apps.core.actor import Actor
from apps.core.connections import release_database_connections

LEASE = datetime.timedelta(seconds=60)  # a look whose process was lost is due again after it
LOOK_SECONDS = 15.0  # the longest that one look may take
BETWEEN = datetime.timedelta(seconds=2)  # two looks for one submission, however often somebody asks
MOST_COMPARED = 25  # new consumers that one look reads
NOT_ANSWERED = (CdpBusy, CdpUnreachable, CdpTimeout, CdpConnectionLost, CdpRateLimited)
LOOK_UP = "look_up"  # the reason in the event


class LookNotTaken(Exception):
    """No look was taken: it is not unknown any more, or look-ups are off, paused or too frequent.

    ``until``: the end of the pause, where there is one.
    """

    def __init__(self, until: datetime.datetime | None = None) -> None:
        super().__init__("No look was taken")
        self.until = until


@dataclass(frozen=True, slots=True)
class Found:
    """What is on the order that was not there before and that no other submission is known to have made."""

    read: tuple[OrderConsumer, ...] = ()
    unread: tuple[str, ...] = ()  # references whose consumer could not be read, or were too many to read


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a look says: a result, and the references behind it."""

    result: LookResult
    matching: tuple[OrderConsumer, ...] = ()
    different: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


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
    known = _lower(submission.refs_before or []) | selectors.claimed_refs_on_order(submission)
    release_database_connections()
    try:
        found = _find(submission.order_ref, known, client)
    except CdpError as error:
        _store_failure(submission, error, actor)
        return
    pacing.note_answered(began)
    try:
        _conclude(submission, found, actor)
    except IntegrityError:
        # Another submission was settled with this very reference a moment ago: it is claimed by now.
        _conclude(submission, found, actor)


def _find(order_ref: str, known: frozenset[str], client: CdpClient) -> Found:
    """Read what is new on the order. Raises ``CdpError`` where the list or a consumer cannot be read."""
    end = time.monotonic() + LOOK_SECONDS
    with client.slot():
        refs = client.list_order_consumer_refs(order_ref, within=LOOK_SECONDS)
        new = [ref for ref in refs if ref.lower() not in known]
        read, unread = [], new[MOST_COMPARED:]
        for ref in new[:MOST_COMPARED]:
            try:
                read.append(client.retrieve_order_consumer(ref, within=max(end - time.monotonic(), 0.001)))
            except NOT_ANSWERED:
                raise
            except CdpError:  # listed, but not to be read: this one alone, and whose it is stays open
                unread.append(ref)
    return Found(tuple(read), tuple(unread))


def _conclude(submission: Submission, found: Found, actor: Actor) -> None:
    """Compare, and store what it means. Only what is still unknown changes.

    Who else could have made a found consumer is asked after the order was read: whoever made it had written
    their own submission before they sent it.
    """
    now = datetime.datetime.now(datetime.UTC)
    with transaction.atomic(durable=True):
        conclusion = _concluded(submission, found)
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


def _concluded(submission: Submission, found: Found) -> Conclusion:
    # Rivals before claims: a rival only goes from open to claimed, so one of the two reads sees it, although
    # each of them sees its own moment (PostgreSQL's READ COMMITTED).
    rivals = selectors.open_on_order(submission)
    claimed = selectors.claimed_refs_on_order(submission)
    new = [consumer for consumer in found.read if consumer.ref.lower() not in claimed]
    unread = tuple(ref for ref in found.unread if ref.lower() not in claimed)
    sent = submission.consumer
    if sent is None:
        return Conclusion(LookResult.NOT_COMPARED, unread=(*(one.ref for one in new), *unread))
    matching = tuple(consumer for consumer in new if matches(sent, consumer))
    if submission.refs_before is None:
        # Then nothing is known to be new, and others are just other travellers.
        return Conclusion(LookResult.NOT_PROVEN if matching else LookResult.NONE, matching)
    different = tuple(consumer.ref for consumer in new if consumer not in matching)
    result = _result_of(submission, matching, unread, rivals)
    return Conclusion(result, matching, different, unread)


def _result_of(
    submission: Submission,
    matching: tuple[OrderConsumer, ...],
    unread: tuple[str, ...],
    rivals: list[Submission],
) -> LookResult:
    if len(matching) > 1:
        return LookResult.SEVERAL
    if unread:
        return LookResult.NOT_ALL_READ
    if not matching:
        return LookResult.NONE
    [candidate] = matching
    if any(_may_have_made(rival, candidate) for rival in rivals):
        return LookResult.SHARED
    if selectors.refs_claimed_elsewhere(submission, [candidate.ref]):
        return LookResult.SHARED
    return LookResult.ONE


def _may_have_made(rival: Submission, consumer: OrderConsumer) -> bool:
    """Whether another submission that is being sent or unknown could have made this consumer as well."""
    sent = rival.consumer
    if sent is None:  # it cannot be read, so nothing excludes it
        return True
    was_there = consumer.ref.lower() in _lower(rival.refs_before or [])
    return matches(sent, consumer) and not was_there


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


def _record_look(submission: Submission, conclusion: Conclusion, actor: Actor) -> None:
    facts = {
        "result": conclusion.result.value,
        "before": None if submission.refs_before is None else len(submission.refs_before),
        "matching": len(conclusion.matching),
        "different": len(conclusion.different) + len(conclusion.unread),
    }
    if conclusion.result is LookResult.ONE:
        record(
            event_of(
                actions.CONSUMER_SETTLED,
                submission,
                actor,
                outcome=Outcome.CREATED.value,
                reason=LOOK_UP,
                **facts,
            )
        )
    else:
        record(event_of(actions.CONSUMER_LOOKED_UP, submission, actor, **facts))


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
            record(event_of(actions.CONSUMER_CHECK_FAILED, submission, actor, error_code=error.code))


def _lower(refs: list[str]) -> frozenset[str]:
    """References are compared without case (contract 1.4)."""
    return frozenset(ref.lower() for ref in refs)
