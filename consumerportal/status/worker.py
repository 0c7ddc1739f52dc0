"""Lines about the worker and what it does: outcomes to be stored, lists, notices."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Sum
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.batches.models import Batch, BatchState, PauseReason
from apps.consumers.sending import spool
from apps.core import heartbeats
from apps.core.models import Heartbeat
from apps.notices.channels import senders
from apps.notices.models import Channel
from apps.notices.selectors import channel_state
from apps.notices.watching import DELETE_AFTER
from consumerportal.status.line import Level, Line


def worker_line() -> Line:
    """Whether a worker runs, and which of its tasks fail."""
    label = _("Background worker")
    last = heartbeats.latest(heartbeats.WORKER)
    if last is None:
        return Line(
            "worker", label, gettext("No heartbeat within a day: start manage.py worker"), Level.CRITICAL
        )
    running = heartbeats.current(heartbeats.WORKER)
    if not running:
        text = gettext("Silent: start manage.py worker. Last seen at")
        return Line("worker", label, text, Level.CRITICAL, last.seen_at)
    failing = sorted({beat.failing for beat in running if beat.failing})
    if failing:
        text = gettext("Tasks failed (%(duties)s): check the log. Last seen at")
        return Line("worker", label, text % {"duties": ", ".join(failing)}, Level.CRITICAL, last.seen_at)
    return Line("worker", label, gettext("Last seen at"), moment=last.seen_at)


def spool_line() -> Line:
    """Outcomes in the spool of this machine and in those of all workers, running or not."""
    label = _("Outcomes waiting to be stored")
    reported = Heartbeat.objects.filter(process__startswith=f"{heartbeats.WORKER}:").aggregate(
        files=Sum("waiting_files")
    )
    own = spool.count()
    waiting = max(own or 0, reported["files"] or 0)
    if waiting:
        return Line("spool", label, str(waiting), Level.CRITICAL)
    if own is None:
        text = gettext("This process cannot read SPOOL_DIR, where outcomes may be waiting")
        return Line("spool", label, text, Level.CRITICAL)
    if not spool.can_be_written():
        text = gettext("None, but this process cannot write to SPOOL_DIR")
        return Line("spool", label, text, Level.CRITICAL)
    return Line("spool", label, gettext("None"))


def lists_line() -> Line:
    """The lists that are being sent, and those that are paused, with the reasons."""
    label = _("Lists")
    states = Batch.objects.filter(state__in=[BatchState.SENDING, BatchState.PAUSED])
    counted = states.values_list("state", "pause_reason").annotate(Count("pk")).order_by("pause_reason")
    found = {(state, reason): count for state, reason, count in counted}
    if not found:
        return Line("lists", label, gettext("None is being sent"))
    sending = found.pop((BatchState.SENDING, ""), 0)
    texts = [gettext("%(number)s being sent.") % {"number": sending}]
    for (_state, reason), count in found.items():
        facts = {"number": count, "why": PauseReason(reason).label}
        texts.append(gettext("%(number)s paused: %(why)s.") % facts)
    by_portal = any(reason != PauseReason.BY_PERSON for _state, reason in found)
    return Line("lists", label, " ".join(texts), Level.WARNING if by_portal else Level.OK)


def notice_lines() -> Iterator[Line]:
    """One line for each channel of notices that is on. Deliveries that were given up stay for a week."""
    on = senders()
    if not on:
        yield Line("notices", _("Notices"), gettext("Off: nothing is reported by mail or web hook"))
    labels = {Channel.MAIL: _("Notices by mail"), Channel.HOOK: _("Notices by web hook")}
    for one in on:
        name, label = f"notices_{one.channel.value}", labels[one.channel]
        found = channel_state(one.channel)
        facts = {"waiting": found.waiting, "problem": found.problem, "number": found.given_up}
        texts = [gettext("%(waiting)s waiting.") % facts]
        if found.given_up:
            text = ngettext(
                "%(number)s notice was given up in the last week.",
                "%(number)s notices were given up in the last week.",
                found.given_up,
            )
            texts.append(text % facts)
        if found.failing_since is not None:
            texts = [gettext("Fails (%(problem)s).") % facts, *texts, gettext("Since")]
            yield Line(name, label, " ".join(texts), Level.CRITICAL, found.failing_since)
            continue
        level = Level.WARNING if found.given_up else Level.OK
        if found.sent_at is None:
            nothing = gettext("Nothing sent in the last %(days)s days.") % {"days": DELETE_AFTER.days}
            yield Line(name, label, " ".join([nothing, *texts]), level)
        else:
            yield Line(name, label, " ".join([*texts, gettext("Last sent at")]), level, found.sent_at)
