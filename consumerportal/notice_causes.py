"""The causes of notices. Each says how it is found, when it ends, and in what words it is told.

A new cause is a line in ``CAUSES``, its code in the default of NOTICE_CAUSES and a row in
``docs/operating.md``. The end of a batch will be one, as the end of an export is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts.audit_events import PERSON_PASSWORD_SET, SESSION_SIGNED_IN
from apps.audit.integrity import past_verifications
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.models import AuditEvent
from apps.consumers.models import ConnectionHealth, Outcome, Submission
from apps.core import clock, heartbeats
from apps.history.models import Export
from apps.notices.causes import Cause, Found, Search

MOST_SINGLE: Final = 10
"""Unknown submissions that have a notice each. If there are more, one notice tells of all others."""
QUIET: Final = dt.timedelta(minutes=5)
"""How long refused credentials or a silent worker must be gone: until then it is the same cause."""
LONGEST_EXPORT: Final = dt.timedelta(days=2)
TERMINAL_ACCESS: Final = dt.timedelta(days=90)
"""For how long the first sign-in after access was given in the terminal is told."""
MANY: Final = "many"


def _unknown_outcomes(search: Search) -> Iterator[Found]:
    """Submissions whose outcome has been unknown for too long."""
    minutes: int = settings.NOTICE_UNKNOWN_AFTER_MINUTES
    late = Submission.objects.filter(
        outcome=Outcome.UNKNOWN, submitted_at__lte=clock.now() - dt.timedelta(minutes=minutes)
    ).order_by("submitted_at", "id")
    values = late.values_list("public_id", "submitted_at")
    found = [*values[: MOST_SINGLE + 1]]
    if len(found) > MOST_SINGLE:
        facts = {"count": MOST_SINGLE, "minutes": minutes}
        yield Found(MANY, f"{reverse('history:submissions')}?outcome=unknown", facts=facts)
        found = [*values.filter(public_id__in=search.open_keys - {MANY})]  # these go on until they end
    for public_id, submitted_at in found:
        path = reverse("consumers:receipt", args=[public_id])
        yield Found(str(public_id), path, submitted_at, {"submission": str(public_id), "minutes": minutes})


def _refused_credentials(_search: Search) -> Iterator[Found]:
    health = ConnectionHealth.objects.filter(pk=1, refused_since__isnull=False).first()
    if health is not None:
        facts = {"status": health.refused_status or 0}
        yield Found("credentials", reverse("status"), health.refused_since, facts)


def _silent_worker(_search: Search) -> Iterator[Found]:
    if not heartbeats.current(heartbeats.WORKER):
        yield Found("worker", reverse("status"))


def _altered_log(_search: Search) -> Iterator[Found]:
    """What verifications found, except rows that were written past the portal."""
    return _findings(past_portal=False)


def _rows_past_portal(_search: Search) -> Iterator[Found]:
    return _findings(past_portal=True)


def _findings(*, past_portal: bool) -> Iterator[Found]:
    """The problems of the audit log, each once: a later verification finds the same one again."""
    path = reverse("audit:integrity")
    for event in past_verifications.standing_problems():
        result = past_verifications.result_of(event)
        if result is None:  # the event of the verification was itself altered
            found = Found(f"event:{event.seq}", path, event.at, {"event": event.seq, "verdict": "altered"})
        else:
            facts = {"event": result.seq or 0, "verdict": result.verdict.value}
            found = Found(f"{result.verdict.value}:{result.seq}", path, event.at, facts)
        if past_portal == (result is not None and result.verdict is Verdict.WRITTEN_PAST_PORTAL):
            yield found


def _ended_exports(search: Search) -> Iterator[Found]:
    ended = Export.objects.filter(
        started_at__gte=search.since - LONGEST_EXPORT, finished_at__gte=search.since
    ).order_by("finished_at", "id")
    for export in ended:
        facts = {
            "export": str(export.public_id),
            "state": export.state,
            "personal": "yes" if export.personal else "no",
        }
        path = reverse("history:exported", args=[export.public_id])
        yield Found(str(export.public_id), path, export.finished_at, facts)


def _break_glass_sign_ins(search: Search) -> Iterator[Found]:
    """The first sign-in of each account whose password was set in the terminal, or with a link from there.

    The portal has no superusers and no way around its sign-in: commands on the machine are how people get in
    when no administrator can.
    """
    in_terminal = Q(actor_id=None, actor_name__startswith="system:")
    in_terminal |= Q(data__contains='"issued_by":"system:')
    given = AuditEvent.objects.filter(
        in_terminal, action=PERSON_PASSWORD_SET.name, time__gte=_microseconds(search.since - TERMINAL_ACCESS)
    )
    for event in given.order_by("seq"):
        sign_ins = AuditEvent.objects.filter(
            person=event.person, action=SESSION_SIGNED_IN.name, seq__gt=event.seq
        )
        first = sign_ins.order_by("seq").first()
        if first is not None and first.time >= _microseconds(search.since):
            path = reverse("audit:event", args=[first.seq])
            yield Found(str(first.seq), path, first.at, {"event": first.seq, "access": event.seq})


def _microseconds(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


CAUSES: Final = (
    Cause(
        "unknown_outcome",
        _("Unknown outcome"),
        _(
            "The outcome of submission %(submission)s has been unknown for more than %(minutes)s minutes. A"
            " supervisor has to resolve it. Until then, nobody should enter it again."
        ),
        _unknown_outcomes,
        sentence_for=lambda facts: (
            _(
                "More than %(count)s submissions have had an unknown outcome for more than %(minutes)s"
                " minutes. Supervisors have to resolve them. Until there are fewer, no further ones are told."
            )
            if "count" in facts
            else None
        ),
    ),
    Cause(
        "credentials_refused",
        _("API credentials refused"),
        _("Sitecore CDP refuses the portal's API credentials (status %(status)s). Nothing can be created."),
        _refused_credentials,
        ends_after=QUIET,
    ),
    Cause(
        "worker_silent",
        _("Background worker silent"),
        _("No background worker has given a sign of life. Start manage.py worker."),
        _silent_worker,
        ends_after=QUIET,
    ),
    Cause(
        "verification_failed",
        _("Audit log found altered"),
        _("A verification of the audit log failed at event %(event)s: %(verdict)s."),
        _altered_log,
    ),
    Cause(
        "written_past_portal",
        _("Row of the audit log written past the portal"),
        _("Event %(event)s of the audit log was not written by the portal."),
        _rows_past_portal,
    ),
    Cause(
        "export_ended",
        _("Export of submissions ended"),
        _("Export %(export)s of submissions ended: %(state)s. With personal data: %(personal)s."),
        _ended_exports,
        happening=True,
    ),
    Cause(
        "break_glass_sign_in",
        _("Sign-in with access given in the terminal"),
        _(
            "Somebody signed in for the first time with a password that came from a command on the portal's"
            " machine. Event %(event)s of the audit log says who, event %(access)s how."
        ),
        _break_glass_sign_ins,
        happening=True,
    ),
)
