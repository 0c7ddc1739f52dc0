"""Read the order of an unknown submission, and conclude what the result means for the submission.

This module stores nothing. A conclusion can be that a consumer belongs to the submission, never that none
exists.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

from django.conf import settings

from apps.cdp.client import CdpClient
from apps.cdp.consumers import OrderConsumer
from apps.cdp.errors import (
    CdpAnotherRecord,
    CdpBusy,
    CdpConnectionLost,
    CdpError,
    CdpListUnfinished,
    CdpRateLimited,
    CdpTimeout,
    CdpUnexpected,
    CdpUnreachable,
    CdpUnrecognisedRefusal,
    ErrorCode,
)
from apps.consumers import connection_health, selectors
from apps.consumers.models import OPEN_OUTCOMES, CheckResult, Submission
from apps.consumers.reconciliation.matching import matches
from apps.core.references import reference_key

CHECK_SECONDS = 15.0  # limit for reading an order
CLOCK_TOLERANCE = datetime.timedelta(seconds=120)  # the clocks of the vendor's machines may differ
MAX_COMPARED = 25  # new consumers that one check reads
NOT_ANSWERED = (
    CdpBusy,
    CdpUnreachable,
    CdpTimeout,
    CdpConnectionLost,
    CdpRateLimited,
    CdpUnrecognisedRefusal,
)


@dataclass(frozen=True, slots=True)
class Found:
    """The consumers on the order that are new and belong to no other submission, as far as is known.

    ``is_whole``: the list cannot lack a consumer of the order. ``is_too_long``: the list was not read to its
    end, so none of its entries is used.
    """

    read: tuple[OrderConsumer, ...] = ()
    unread: tuple[str, ...] = ()  # references whose consumer could not be read, or were too many to read
    misread: tuple[str, ...] = ()  # references under which another consumer was answered
    is_whole: bool = False
    is_too_long: bool = False


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The result of a check, with the references that it is based on."""

    result: CheckResult
    matching: tuple[OrderConsumer, ...] = ()
    different: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_order(order_ref: str, known: frozenset[str], client: CdpClient) -> Found:
    """Read the consumers on the order whose references are not in ``known``.

    Raises ``CdpError`` if the list or a consumer cannot be read. If the vendor answers and only the time
    limit is reached, the result shows that the list is too long or that its last consumers are unread.
    """
    end = time.monotonic() + CHECK_SECONDS
    with client.lookup_slot():
        try:
            listed = client.observe_order_consumers(order_ref, within=CHECK_SECONDS)
        except CdpUnexpected as error:
            if error.code != ErrorCode.LIST_TOO_LONG:
                raise
            return Found(is_too_long=True)
        except CdpListUnfinished:
            return Found(is_too_long=True)
        new = [ref for ref in listed.refs if reference_key(ref) not in known]
        read: list[OrderConsumer] = []
        failed, misread, not_reached = [], [], new[MAX_COMPARED:]
        for number, ref in enumerate(new[:MAX_COMPARED]):
            try:
                read.append(client.retrieve_order_consumer(ref, within=max(end - time.monotonic(), 0.001)))
            except NOT_ANSWERED as error:
                if not read or (error.code != ErrorCode.TOTAL_TIMEOUT and time.monotonic() < end):
                    raise
                not_reached = new[number:]
                break
            except CdpAnotherRecord:
                misread.append(ref)
            except CdpError:  # only this consumer cannot be read: continue with the others
                failed.append(ref)
    return Found(tuple(read), (*failed, *not_reached), tuple(misread), is_whole=listed.is_whole)


def conclude(submission: Submission, found: Found) -> Conclusion:
    """The conclusion for the submission from what was found on the order.

    Other submissions that could have created a consumer are read now, after the order: each of them was
    stored before it was sent.
    """
    # Read rivals before claims. A rival changes from open to claimed, so at least one of the two queries
    # sees it, although each has its own snapshot (READ COMMITTED).
    rivals = selectors.rivals_on_order(submission)
    claimed = selectors.claimed_refs_on_order(submission)
    new = [consumer for consumer in found.read if reference_key(consumer.ref) not in claimed]
    unread = tuple(ref for ref in found.unread if reference_key(ref) not in claimed)
    misread = tuple(ref for ref in found.misread if reference_key(ref) not in claimed)
    if found.is_too_long:
        return Conclusion(CheckResult.TOO_MANY)
    sent = submission.consumer
    if sent is None:
        return Conclusion(CheckResult.NOT_COMPARED, unread=(*(one.ref for one in new), *misread, *unread))
    matching = tuple(consumer for consumer in new if matches(sent, consumer))
    if submission.refs_before is None:
        # Nothing is known to be new. Consumers that do not match are other travellers, those that were not
        # read may be this one.
        return Conclusion(
            _result_without_list_before(matching, unread, misread), matching, unread=(*misread, *unread)
        )
    different = tuple(consumer.ref for consumer in new if consumer not in matching)
    first, last = times_of_the_send(submission)
    ours = tuple(one for one in matching if one.created_at is None or first <= one.created_at <= last)
    result = _result_without_certainty(matching, ours, unread, misread)
    if result is None:
        [candidate] = ours
        result = _result_for(submission, candidate, rivals, found)
    return Conclusion(result, ours or matching, different, (*misread, *unread))


def _result_without_list_before(
    matching: tuple[OrderConsumer, ...], unread: tuple[str, ...], misread: tuple[str, ...]
) -> CheckResult:
    """The result if the order was not read before the send."""
    if matching:
        return CheckResult.NOT_PROVEN
    if misread:
        return CheckResult.MISREAD
    return CheckResult.NOT_ALL_READ if unread else CheckResult.NONE


def times_of_the_send(submission: Submission) -> tuple[datetime.datetime, datetime.datetime]:
    """The first and last time, by the vendor's clock, at which this send can have created a consumer."""
    ahead = connection_health.clock_ahead()
    answered = submission.deadline + datetime.timedelta(seconds=settings.CDP_TOTAL_TIMEOUT)
    return submission.submitted_at - ahead - CLOCK_TOLERANCE, answered - ahead + CLOCK_TOLERANCE


def _result_without_certainty(
    matching: tuple[OrderConsumer, ...],
    ours: tuple[OrderConsumer, ...],
    unread: tuple[str, ...],
    misread: tuple[str, ...],
) -> CheckResult | None:
    """Why no single consumer can be the submission's; None if exactly one can."""
    if len(ours) > 1:
        return CheckResult.SEVERAL
    if misread:
        return CheckResult.MISREAD
    if unread:
        return CheckResult.NOT_ALL_READ
    if not ours:
        return CheckResult.OTHER_TIME if matching else CheckResult.NONE
    return None


def _result_for(
    submission: Submission, candidate: OrderConsumer, rivals: list[Submission], found: Found
) -> CheckResult:
    """The result if only this consumer can be the submission's."""
    if any(_may_have_made(rival, candidate) for rival in rivals):
        return CheckResult.SHARED
    if selectors.refs_claimed_elsewhere(submission, [candidate.ref]):
        return CheckResult.SHARED
    if candidate.is_created_at_unreadable:  # any time is possible: neither excluded nor proven
        return CheckResult.OTHER_TIME
    if not submission.refs_before_whole:
        return CheckResult.BEFORE_PARTIAL
    return CheckResult.ONE if found.is_whole else CheckResult.NOW_PARTIAL


def _may_have_made(rival: Submission, consumer: OrderConsumer) -> bool:
    """Whether another submission could have created this consumer.

    One that was marked as not created cannot if the consumer was created at another time. Of an open one the
    time is no proof, because it is checked itself.
    """
    sent = rival.consumer
    if sent is None:  # unreadable, so it cannot be excluded
        return True
    if rival.outcome not in OPEN_OUTCOMES and consumer.created_at is not None:
        first, last = times_of_the_send(rival)
        if not first <= consumer.created_at <= last:
            return False
    was_there = reference_key(consumer.ref) in keys_of(rival.refs_before or [])
    return matches(sent, consumer) and not was_there


def keys_of(refs: list[str]) -> frozenset[str]:
    """The comparison keys of references."""
    return frozenset(map(reference_key, refs))
