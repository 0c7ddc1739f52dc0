"""Reading the audit log. Nothing here changes anything."""

from __future__ import annotations

from apps.audit.models import AuditEvent


def events_of_submission(submission_id: str) -> tuple[AuditEvent, ...]:
    """Everything that happened to a submission, first to last: the timeline of its receipt."""
    return tuple(AuditEvent.objects.filter(submission=submission_id).order_by("seq"))


def events_of_person(person_id: str) -> tuple[AuditEvent, ...]:
    """Everything that was done to an account (not by it), first to last."""
    return tuple(AuditEvent.objects.filter(person=person_id).order_by("seq"))
