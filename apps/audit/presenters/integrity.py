"""The sentences that say what a verification found."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.verification import Result

_VERDICTS = {
    Verdict.UNCHANGED: _("The audit log is unchanged."),
    Verdict.CHANGED: _("Event %(seq)s was changed."),
    Verdict.INSERTED: _("Event %(seq)s was inserted: the portal did not write it there."),
    Verdict.MISSING: _("Event %(seq)s is missing."),
    Verdict.REORDERED: _("Events were reordered, from event %(seq)s on."),
    Verdict.TAIL_CUT: _("The end of the log was cut off: event %(seq)s and what followed is missing."),
    Verdict.REWRITTEN: _("The log was rewritten before the checkpoint at event %(seq)s."),
    Verdict.KEY_UNKNOWN: _("The checkpoint at event %(seq)s was signed with a key that is not the portal's."),
    Verdict.CHECKPOINTS_DAMAGED: _(
        "The file of checkpoints was altered: the one at event %(seq)s is missing, changed or out of place."
    ),
    Verdict.HEAD_DIFFERS: _("The head of the log and the log itself disagree from event %(seq)s on."),
    Verdict.UNSIGNED: _("The chain of events holds, but no signed checkpoint vouches for it yet."),
}


def verdict_sentence(result: Result) -> str:
    """One sentence, and for a cut or rewritten log the checkpoint up to which it can be trusted."""
    said = str(_VERDICTS[result.verdict]) % {"seq": result.seq}
    if result.verdict is Verdict.TAIL_CUT and result.checkpoint:
        at = {"checkpoint": result.checkpoint}
        said += " " + gettext("The last checkpoint that still has its event is at event %(checkpoint)s.") % at
    return said


def range_sentence(result: Result) -> str:
    """Which events were looked at, and up to which of them a signature vouches."""
    if result.last < result.first:
        if result.seq is not None:
            return gettext("Nothing before it was looked at.")
        return gettext("There was no event to look at.")
    said = gettext("Events %(first)s to %(last)s hold together.")
    said = said % {"first": result.first, "last": result.last}
    if result.checkpoint is None or result.verdict is Verdict.REWRITTEN:
        return said
    signed = gettext("The last checkpoint is at event %(checkpoint)s.") % {"checkpoint": result.checkpoint}
    return f"{said} {signed}"
