"""What verifications have found so far, read from the log itself."""

from __future__ import annotations

from apps.audit import actions
from apps.audit.diagnosis import Verdict
from apps.audit.models import AuditEvent
from apps.audit.verification import Result

_VERIFICATIONS = (actions.AUDIT_VERIFIED.name, actions.AUDIT_FOUND_ALTERED.name)
_RECENT = 500  # days of a worker that verifies every ten minutes


def latest_verification() -> AuditEvent | None:
    """The event of the last verification; None before the first."""
    return AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq").first()


def latest_whole_verification() -> AuditEvent | None:
    """The last one that left nothing out, as far as one can be found among the recent ones."""
    return next((event for event in _recent() if event.details["scope"] == "whole"), None)


def standing_problem() -> AuditEvent | None:
    """The last verification that found the log altered, unless the whole log was found good after it."""
    for event in _recent():
        if event.action == actions.AUDIT_FOUND_ALTERED.name:
            return event
        if event.details["scope"] == "whole":
            return None
    return None


def result_of(event: AuditEvent) -> Result:
    """What a verification's event tells. Raises ``ValueError`` for a verdict of another version."""
    told = event.details
    return Result(
        verdict=Verdict(told["verdict"]),
        seq=told["about"],
        checkpoint=told["checkpoint"],
        first=told["first"],
        last=told["last"],
        last_hash="",
        whole=told["scope"] == "whole",
    )


def _recent() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__in=_VERIFICATIONS).order_by("-seq")[:_RECENT])
