"""The results of earlier verifications, and what is not signed yet, read from the log itself.

A verification event with impossible values, another hash or no valid MAC was altered or written past the
portal, which also counts as a problem: otherwise a forged result would hide what the portal found.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from apps.audit.audit_events import AUDIT_CHECKPOINT_SIGNED, AUDIT_FOUND_ALTERED, AUDIT_VERIFIED
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.valid_macs import is_genuine
from apps.audit.integrity.verification import GOOD, Result
from apps.audit.models import AuditEvent, AuditEventQuerySet

_VERIFICATIONS = (AUDIT_VERIFIED.name, AUDIT_FOUND_ALTERED.name)
_RECENT = 500  # events: several days at one verification every ten minutes
MOST_PROBLEMS = _RECENT
"""How many problems are read."""
_OF_THE_WHOLE = '"scope":"whole"'  # in the data of an event, as apps.audit.chain writes them
_AT_ONCE = 50  # events per query
_RECENT_SIGNATURES = 50  # signing events

# The monitor's own events do not count as activity, otherwise each would cause the next.
_OWN_ACTIONS = (AUDIT_CHECKPOINT_SIGNED.name, AUDIT_VERIFIED.name)


def latest_verification() -> AuditEvent | None:
    """The event of the last verification; None if there was none."""
    return AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq").first()


def latest_whole_verification() -> AuditEvent | None:
    """The event of the last verification of the whole log, among the recent ones; None if there is none.

    One without checkpoints does not count: it can neither find everything nor end a problem.
    """
    for event in _recent():
        result = result_of(event)
        if result is not None and result.whole and result.verdict is not Verdict.UNSIGNED:
            return event
    return None


def standing_problem() -> AuditEvent | None:
    """The last verification that found the log altered, unless the whole log was later found unchanged."""
    return next(standing_problems(), None)


def standing_problems() -> Iterator[AuditEvent]:
    """The verifications that found the log altered since it was last unchanged as a whole, newest first.

    A verification without checkpoints ends no problem: it cannot see that the end is missing, for example.
    At most :data:`MOST_PROBLEMS`. Of the verifications before the recent ones, only those whose event has the
    type ``AUDIT_FOUND_ALTERED``.
    """
    return islice(_all_standing_problems(), MOST_PROBLEMS)


def _all_standing_problems() -> Iterator[AuditEvent]:
    event = None
    for event in _recent():
        result = result_of(event)
        if result is None or result.verdict not in GOOD:
            yield event
        elif _ends_problems(result):
            return
    if event is None:
        return
    older = AuditEvent.objects.filter(seq__lt=event.seq).order_by("-seq")
    failed = older.filter(action=AUDIT_FOUND_ALTERED.name)
    for verified in _in_parts(older.filter(action=AUDIT_VERIFIED.name, data__contains=_OF_THE_WHOLE)):
        result = result_of(verified)
        if result is not None and _ends_problems(result):
            failed = failed.filter(seq__gt=verified.seq)
            break
    yield from failed[:MOST_PROBLEMS]


def _ends_problems(result: Result) -> bool:
    return result.whole and result.verdict is Verdict.UNCHANGED


def result_of(event: AuditEvent) -> Result | None:
    """The result in a verification's event; None if the portal did not write it like this."""
    if not is_genuine(event):
        return None
    data = event.details
    verdict, about, checkpoint = data.get("verdict"), data.get("about"), data.get("checkpoint")
    first, last, scope = data.get("first"), data.get("last"), data.get("scope")
    if event.at is None or verdict not in [*Verdict] or scope not in ("whole", "rest"):
        return None
    good = verdict in GOOD
    if good != (event.action == AUDIT_VERIFIED.name) or good != (about is None):
        return None
    if type(first) is not int or type(last) is not int:
        return None
    if not all(number is None or type(number) is int for number in (about, checkpoint)):
        return None
    return Result(Verdict(str(verdict)), about, checkpoint, first, last, last_hash="", whole=scope == "whole")


def oldest_unsigned_event() -> AuditEvent | None:
    """The oldest event that a checkpoint should cover and none does, on any machine; None if there is none.

    Answered from the database, where each checkpoint has its event. Raises the database's errors.
    """
    newest = AuditEvent.objects.filter(action=AUDIT_CHECKPOINT_SIGNED.name).order_by("-seq")
    # One that the portal did not write must not hide that nothing is signed.
    genuine = (event for event in newest[:_RECENT_SIGNATURES] if is_genuine(event))
    last = next((event.details["last"] for event in genuine), 0)
    return _activity_after(last).order_by("seq").first()


def has_activity_after(seq: int) -> bool:
    """Whether there is an event after this number that the monitor did not cause."""
    return _activity_after(seq).exists()


def _activity_after(seq: int) -> AuditEventQuerySet:
    return AuditEvent.objects.filter(seq__gt=seq).exclude(action__in=_OWN_ACTIONS)


def _recent() -> Iterator[AuditEvent]:
    """The recent verifications, newest first. Most readers need only a few of them."""
    newest = AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq")
    return islice(_in_parts(newest), _RECENT)


def _in_parts(newest: AuditEventQuerySet) -> Iterator[AuditEvent]:
    """Yield these events, which are sorted newest first, from queries of :data:`_AT_ONCE` each.

    ``iterator()`` would fail at an altered row whose text is not UTF-8 (:class:`AuditEventQuerySet`).
    """
    events = list(newest[:_AT_ONCE])
    while events:
        yield from events
        if len(events) < _AT_ONCE:
            return
        events = list(newest.filter(seq__lt=events[-1].seq)[:_AT_ONCE])
