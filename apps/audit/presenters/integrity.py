"""The Integrity page, and sentences for the result of a verification."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import GOOD, Result
from apps.audit.models import AuditEvent
from apps.core.runs import run_text, runs_of

_VERDICTS = {
    Verdict.UNCHANGED: _("The audit log is unchanged."),
    Verdict.CHANGED: _("Event %(seq)s was changed."),
    Verdict.INSERTED: _("Event %(seq)s was inserted: the portal did not write it there."),
    Verdict.MISSING: _("Event %(seq)s is missing."),
    Verdict.REORDERED: _("Events were reordered, from event %(seq)s on."),
    Verdict.TAIL_CUT: _("The end of the log is missing."),
    Verdict.REWRITTEN: _("The log was rewritten before the checkpoint at event %(seq)s."),
    Verdict.KEY_UNKNOWN: _("The checkpoint at event %(seq)s was signed with a key that is not the portal's."),
    Verdict.CHECKPOINTS_DAMAGED: _(
        "The file of checkpoints was altered: the one at event %(seq)s is missing, changed or out of place."
    ),
    Verdict.HEAD_DIFFERS: _("The head of the log differs from the log, from event %(seq)s on."),
    Verdict.WRITTEN_PAST_PORTAL: _(
        "Event %(seq)s was written past the portal, or its MAC was changed: the MAC is not valid."
    ),
    Verdict.MAC_KEY_UNKNOWN: _(
        "Event %(seq)s has a MAC under a key that this process does not know: a former key is missing from"
        " AUDIT_MAC_KEYS, or the event was written past the portal."
    ),
    Verdict.UNSIGNED: _("The chain of events is intact, but no signed checkpoint covers it yet."),
}


@dataclass(frozen=True, slots=True)
class ResultPanel:
    """The result of a verification as pages show it. ``whole``: the whole log was verified."""

    good: bool
    unsigned: bool
    verdict: str
    range: str
    whole: bool


@dataclass(frozen=True, slots=True)
class IntegrityPage:
    """The Integrity page.

    ``latest_seq`` and ``latest_at``: the event of the last verification, None if there was none. ``result``
    is None if that event cannot be read. ``has_earlier_problem``: an earlier verification, at ``problem_at``,
    found the log altered, and the whole log was not found unchanged since. ``acknowledged``: a sentence, or
    empty.
    """

    latest_seq: int | None
    latest_at: datetime | None
    result: ResultPanel | None
    has_earlier_problem: bool
    problem_at: datetime | None
    accepts_events: bool
    key_id: str
    acknowledged: str


def integrity_page(
    *,
    latest: AuditEvent | None,
    result: Result | None,
    problem: AuditEvent | None,
    accepts_events: bool,
    key_id: str,
    acknowledged: Collection[int],
) -> IntegrityPage:
    """The Integrity page from the last verification, its result, and the last unresolved problem.

    ``acknowledged``: the sequence numbers of events that were written past the portal and acknowledged.
    """
    return IntegrityPage(
        latest_seq=latest.seq if latest else None,
        latest_at=latest.at if latest else None,
        result=result_panel(result) if result else None,
        has_earlier_problem=problem is not None and latest is not None and problem.seq != latest.seq,
        problem_at=problem.at if problem else None,
        accepts_events=accepts_events,
        key_id=key_id,
        acknowledged=acknowledged_sentence(acknowledged) if acknowledged else "",
    )


def result_panel(result: Result) -> ResultPanel:
    """The result of a verification as pages show it."""
    return ResultPanel(
        good=result.verdict in GOOD,
        unsigned=result.verdict is Verdict.UNSIGNED,
        verdict=verdict_sentence(result),
        range=range_sentence(result),
        whole=result.whole,
    )


def verdict_sentence(result: Result) -> str:
    """The verdict as a sentence; for a cut log also its last checkpoint and its last event."""
    text = verdict_text(result.verdict, result.seq)
    if result.acknowledged:
        text += " " + acknowledged_sentence(result.acknowledged)
    if result.verdict is not Verdict.TAIL_CUT:
        return text
    if result.checkpoint:
        held = gettext(
            "The last checkpoint that still has its event is at event %(checkpoint)s; some or all events"
            " after it are missing."
        )
        text += " " + held % {"checkpoint": result.checkpoint}
    if result.last >= result.first or not result.whole:  # otherwise the log had no event
        ended = gettext("The log ended at event %(last)s when it was verified.")
        text += " " + ended % {"last": result.last}
    return text


def verdict_text(verdict: Verdict, seq: int | None) -> str:
    """The verdict about the event with this number, as a sentence."""
    return str(_VERDICTS[verdict]) % {"seq": seq}


def acknowledged_sentence(sequences: Iterable[int]) -> str:
    """The events that were written past the portal and acknowledged, as a sentence."""
    named = ", ".join(run_text(*run) for run in runs_of(sorted(sequences)))
    return gettext("Written past the portal, and acknowledged: %(events)s.") % {"events": named}


def range_sentence(result: Result) -> str:
    """The range of verified events, and the last checkpoint that covers them."""
    if result.last < result.first:
        if result.seq is not None:
            return gettext("No event before it was verified.")
        return gettext("There was no event to verify.")
    text = gettext("Events %(first)s to %(last)s are consistent.")
    text = text % {"first": result.first, "last": result.last}
    if result.checkpoint is None or result.verdict is Verdict.REWRITTEN:
        return text
    signed = gettext("The last checkpoint is at event %(checkpoint)s.") % {"checkpoint": result.checkpoint}
    return f"{text} {signed}"
