"""The causes of notices. Each says how it is found, when it ends, and how it is worded.

A new cause is a line in ``CAUSES``, its code in the default of NOTICE_CAUSES and a row in
``docs/operating.md``.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from apps.accounts.audit_events import PERSON_PASSWORD_SET, SESSION_SIGNED_IN
from apps.audit.integrity import past_verifications
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.models import AuditEvent
from apps.batches.audit_events import BATCH_FINISHED, BATCH_PAUSED_BY_PORTAL, BATCH_STOPPED
from apps.batches.models import Batch, BatchState, PauseReason
from apps.consumers.models import ConnectionHealth, Submission
from apps.consumers.selectors import IS_UNKNOWN
from apps.core import clock, heartbeats
from apps.core.actor import PORTAL_PREFIX
from apps.history.models import Export, State
from apps.notices.causes import Cause, Fact, Found, Search, StoredFact

if TYPE_CHECKING:
    from django.utils.functional import Promise

MOST_SINGLE: Final = 10
"""Unknown submissions, or problems of the log, with a notice each. One notice reports all beyond them."""
QUIET: Final = dt.timedelta(minutes=5)
"""How long refused credentials or a silent worker must be gone: until then it is the same cause."""
LONGEST_EXPORT: Final = dt.timedelta(days=2)
TERMINAL_ACCESS: Final = dt.timedelta(days=90)
"""For how long the first sign-in after access was given in the terminal is reported."""
MANY: Final = "many"


class YesNo(StrEnum):
    """The answer to a question, as a fact."""

    YES = "yes"
    NO = "no"


def _unknown_outcomes(search: Search) -> Iterator[Found]:
    """Submissions whose outcome is unknown although they were sent some time ago."""
    minutes: int = settings.NOTICE_UNKNOWN_AFTER_MINUTES
    before = clock.now() - dt.timedelta(minutes=minutes)
    late = Submission.objects.filter(IS_UNKNOWN, submitted_at__lte=before).order_by("submitted_at", "id")
    values = late.values_list("public_id", "submitted_at")
    found = [*values[: MOST_SINGLE + 1]]
    if len(found) > MOST_SINGLE:
        facts = {"count": MOST_SINGLE, "minutes": minutes}
        path = (
            f"{reverse('history:submissions')}?outcome=unknown&period=all"  # the default leaves out old ones
        )
        yield Found(MANY, path, facts=facts)
        found = [*values.filter(public_id__in=search.open_keys - {MANY})]  # these go on until they end
    for public_id, submitted_at in found:
        path = reverse("consumers:receipt", args=[public_id])
        yield Found(str(public_id), path, submitted_at, {"submission": public_id, "minutes": minutes})


def _refused_credentials(_search: Search) -> Iterator[Found]:
    health = ConnectionHealth.objects.filter(pk=1, refused_since__isnull=False).first()
    if health is not None:
        facts = {"status": health.refused_status or 0}
        yield Found("credentials", reverse("status"), health.refused_since, facts)


def _silent_worker(_search: Search) -> Iterator[Found]:
    if not heartbeats.current(heartbeats.WORKER):
        yield Found("worker", reverse("status"))


def _altered_log(search: Search) -> Iterator[Found]:
    """What verifications found, except rows that were written past the portal."""
    return _findings(search, past_portal=False)


def _rows_past_portal(search: Search) -> Iterator[Found]:
    return _findings(search, past_portal=True)


def _findings(search: Search, *, past_portal: bool) -> Iterator[Found]:
    """The problems of the audit log, each once: a later verification finds the same one again.

    Whoever writes to the database can make any number of them, so only the first ones have a notice each.
    """
    path = reverse("audit:integrity")
    problems = [*past_verifications.standing_problems()]
    found: dict[str, Found] = {}
    for event in reversed(problems):
        result = past_verifications.result_of(event)
        if past_portal != (result is not None and result.verdict is Verdict.WRITTEN_PAST_PORTAL):
            continue
        if result is None:  # the event of the verification was itself altered
            facts: dict[str, Fact] = {"event": event.seq, "verdict": Verdict.CHANGED}
            one = Found(f"event:{event.seq}", path, event.at, facts)
        else:
            facts = {"event": result.seq or 0, "verdict": result.verdict}
            verdict, number = result.problem
            one = Found(f"{verdict.value}:{number}", path, event.at, facts)
        found.setdefault(one.key, one)
    if len(problems) >= past_verifications.MOST_PROBLEMS:  # not all were read, so none has ended
        for key in search.open_keys - found.keys():
            yield Found(key, path)
    if len(found) > MOST_SINGLE:
        yield Found(MANY, path, facts={"count": MOST_SINGLE})
        found = {key: one for key, one in found.items() if key in search.open_keys}
    yield from found.values()


def _ended_exports(search: Search) -> Iterator[Found]:
    ended = Export.objects.filter(
        started_at__gte=search.since - LONGEST_EXPORT, finished_at__gte=search.since
    ).order_by("finished_at", "id")
    for export in ended:
        facts: dict[str, Fact] = {
            "export": export.public_id,
            "state": State(export.state),
            "personal": YesNo.YES if export.personal else YesNo.NO,
        }
        path = reverse("history:exported", args=[export.public_id])
        yield Found(str(export.public_id), path, export.finished_at, facts)


def _ended_batches(search: Search) -> Iterator[Found]:
    """Lists that were finished or stopped, and those that the portal has paused.

    By their events: a list may be paused, and finished, more than once. A list that was discarded without a
    confirmation was never sent, so it is none of them.
    """
    ends: dict[str, BatchState] = {
        BATCH_FINISHED.name: BatchState.FINISHED,
        BATCH_STOPPED.name: BatchState.STOPPED,
    }
    names = [*ends, BATCH_PAUSED_BY_PORTAL.name]
    for event in AuditEvent.objects.filter(
        action__in=names, time__gte=clock.to_microseconds(search.since)
    ).order_by("seq"):
        try:
            batch = uuid.UUID(event.details["batch"])
            state = ends.get(event.action) or PauseReason(event.details["pause_reason"])
        except (KeyError, TypeError, ValueError):  # the event was altered
            continue
        if state is BatchState.STOPPED and _was_discarded(batch):
            continue
        path = reverse("batches:batch", args=[batch])
        yield Found(str(event.seq), path, event.at, {"batch": batch, "state": state})


def _was_discarded(batch: uuid.UUID) -> bool:
    return Batch.objects.filter(public_id=batch, confirmed_at=None).exists()


def _break_glass_sign_ins(search: Search) -> Iterator[Found]:
    """The first sign-in of each account whose password was set in the terminal, or with a link from there.

    The portal has no superusers and no way around its sign-in: commands on the machine are how people get in
    when no administrator can.
    """
    in_terminal = Q(actor_id=None, actor_name__startswith=PORTAL_PREFIX)
    in_terminal |= Q(data__contains=f'"issued_by":"{PORTAL_PREFIX}')  # the form refuses it in a person's name
    given = AuditEvent.objects.filter(
        in_terminal,
        action=PERSON_PASSWORD_SET.name,
        time__gte=clock.to_microseconds(search.since - TERMINAL_ACCESS),
    )
    for event in given.order_by("seq"):
        later = AuditEvent.objects.filter(person=event.person, seq__gt=event.seq)
        first = later.filter(action=SESSION_SIGNED_IN.name).order_by("seq").first()
        if first is None or first.time < clock.to_microseconds(search.since):
            continue
        # Another password has replaced it unused. If that one came from the terminal, it has its own turn.
        is_replaced = later.filter(action=PERSON_PASSWORD_SET.name, seq__lt=first.seq).exists()
        if not is_replaced:
            # An event that was moved to a negative number has no page.
            path = reverse("audit:event", args=[first.seq]) if first.seq >= 0 else reverse("audit:log")
            yield Found(str(first.seq), path, first.at, {"event": first.seq, "access": event.seq})


def _if_many(sentence: Promise) -> Callable[[Mapping[str, StoredFact]], Promise | None]:
    """This sentence for the notice that reports all others."""
    return lambda facts: sentence if "count" in facts else None


_MANY_PROBLEMS: Final = _(
    "Verifications of the audit log have found more than %(count)s problems. Until the whole log is verified"
    " as unchanged, no further ones are reported."
)

CAUSES: Final = (
    Cause(
        "unknown_outcome",
        _("Unknown outcome"),
        _(
            "The outcome of submission %(submission)s, sent more than %(minutes)s minutes ago, is unknown. A"
            " supervisor has to resolve it. Until then, nobody should enter it again."
        ),
        _unknown_outcomes,
        sentence_for=_if_many(
            _(
                "More than %(count)s submissions that were sent more than %(minutes)s minutes ago have an"
                " unknown outcome. Supervisors have to resolve them. While there are more than %(count)s, new"
                " ones are not reported one by one."
            )
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
        _("No background worker is running, or none can do its work. Start manage.py worker."),
        _silent_worker,
        ends_after=QUIET,
    ),
    Cause(
        "verification_failed",
        _("Audit log found altered"),
        _("A verification of the audit log failed at event %(event)s: %(verdict)s."),
        _altered_log,
        sentence_for=_if_many(_MANY_PROBLEMS),
    ),
    Cause(
        "written_past_portal",
        _("Row of the audit log written past the portal"),
        _("Event %(event)s of the audit log was not written by the portal."),
        _rows_past_portal,
        sentence_for=_if_many(_MANY_PROBLEMS),
    ),
    Cause(
        "export_ended",
        _("Export of submissions ended"),
        _("Export %(export)s of submissions ended: %(state)s. With personal data: %(personal)s."),
        _ended_exports,
        momentary=True,
    ),
    Cause(
        "batch_ended",
        _("List of people ended or paused"),
        _(
            "Sending list %(batch)s ended or was paused by the portal: %(state)s. The page of the list says"
            " which rows were created and which were not."
        ),
        _ended_batches,
        momentary=True,
    ),
    Cause(
        "break_glass_sign_in",
        _("Sign-in with access given in the terminal"),
        _(
            "Somebody signed in for the first time with a password that came from a command on the portal's"
            " machine. Event %(event)s of the audit log says who, event %(access)s how."
        ),
        _break_glass_sign_ins,
        momentary=True,
    ),
)
