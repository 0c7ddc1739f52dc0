"""Lines about the evidence of the audit log."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.integrity import checkpoint_disk, past_verifications
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.valid_macs import acknowledged_rows
from apps.audit.models import AuditEvent
from apps.audit.presenters.integrity import acknowledged_sentence, verdict_sentence
from apps.core import clock
from consumerportal.status.line import Level, Line

UNSIGNED_FOR = datetime.timedelta(minutes=10)  # ten times the worker's interval
UNVERIFIED_FOR = datetime.timedelta(days=2)  # twice the worker's interval


def audit_log_line() -> Line:
    """What the last verification found, and what was acknowledged."""
    label = _("Audit log")
    named = acknowledged_rows()
    past = f"{acknowledged_sentence(named)} " if named else ""
    if problem := past_verifications.standing_problem():
        result = past_verifications.result_of(problem)
        if result is None:
            text = gettext("The event of a verification cannot be read: it was altered. Event %(seq)s")
            return Line("audit_log", label, past + text % {"seq": problem.seq}, Level.CRITICAL)
        text = gettext("%(verdict)s Found at") % {"verdict": verdict_sentence(result)}
        return Line("audit_log", label, past + text, Level.CRITICAL, problem.at)
    latest = past_verifications.latest_verification()
    if latest is None:
        return Line("audit_log", label, past + gettext("Not verified yet"))
    result = past_verifications.result_of(latest)
    if result is not None and result.verdict is Verdict.UNSIGNED:
        text = gettext("%(verdict)s Last verified at") % {"verdict": verdict_sentence(result)}
        return Line("audit_log", label, past + text, Level.WARNING, latest.at)
    return Line("audit_log", label, past + gettext("Unchanged, last verified at"), moment=latest.at)


def signing_lines() -> Iterator[Line]:
    """A line only if no worker signs the log, for example because the disk of checkpoints is full."""
    oldest = past_verifications.oldest_unsigned_event()
    if oldest is not None and _is_older(oldest, UNSIGNED_FOR):
        text = gettext("Events are not signed: check the worker's log. The oldest one is from")
        yield Line("audit_signing", _("Signatures of the audit log"), text, Level.CRITICAL, moment=oldest.at)


def verification_lines() -> Iterator[Line]:
    """A line only if no worker verifies the whole log with its checkpoints."""
    label = _("Verification of the whole audit log")
    latest = past_verifications.latest_whole_verification()
    begun = latest or AuditEvent.objects.order_by("seq").first()
    if begun is None or not _is_older(begun, UNVERIFIED_FOR):
        return
    if past_verifications.standing_problem():  # the worker verifies, but records the same finding once
        return
    text = (
        gettext("Overdue: check the worker's log. Last done with checkpoints at")
        if latest
        else gettext("Never done with checkpoints: check the worker's log. The first event is from")
    )
    yield Line("audit_verification", label, text, Level.WARNING, moment=begun.at)


def checkpoint_disk_lines() -> Iterator[Line]:
    """A line only if the checkpoints are known to be where the database is."""
    if checkpoint_disk.is_disk_of_database():
        text = gettext("On the disk of the database: move AUDIT_CHECKPOINT_FILE to another disk or machine")
        severity = Level.OK if settings.PRACTICE_MODE else Level.WARNING
        yield Line("checkpoint_disk", _("Checkpoints of the audit log"), text, severity)


def _is_older(event: AuditEvent, age: datetime.timedelta) -> bool:
    return clock.microseconds() - event.time > age / datetime.timedelta(microseconds=1)
