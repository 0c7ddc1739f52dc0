"""The results of earlier verifications, read from the log itself.

An event that holds what no verification writes was itself altered, which is a problem, too.
"""

from __future__ import annotations

from apps.audit.audit_events import AUDIT_FOUND_ALTERED, AUDIT_VERIFIED
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import GOOD, Result
from apps.audit.models import AuditEvent

_VERIFICATIONS = (AUDIT_VERIFIED.name, AUDIT_FOUND_ALTERED.name)
_RECENT = 500  # days of a worker that verifies every ten minutes


def latest_verification() -> AuditEvent | None:
    """The event of the last verification; None before the first."""
    return AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq").first()


def latest_whole_verification() -> AuditEvent | None:
    """The last one that left nothing out, as far as one can be found among the recent ones."""
    results = ((event, result_of(event)) for event in _recent())
    return next((event for event, result in results if result is not None and result.whole), None)


def standing_problem() -> AuditEvent | None:
    """The last verification that found the log altered, unless the whole log was found good after it."""
    for event in _recent():
        result = result_of(event)
        if result is None or result.verdict not in GOOD:
            return event
        if result.whole:
            return None
    return None


def result_of(event: AuditEvent) -> Result | None:
    """The result that a verification's event holds; None for an event that was altered and cannot be read."""
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


def _recent() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq")[:_RECENT])
