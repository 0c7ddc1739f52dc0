"""The status of the portal, for the status page and for ``manage.py status``."""

from __future__ import annotations

import datetime
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.audit.integrity import checkpoint_disk, past_verifications
from apps.audit.integrity.diagnosis import Verdict
from apps.audit.integrity.valid_macs import acknowledged_rows
from apps.audit.models import AuditEvent
from apps.audit.presenters.integrity import acknowledged_sentence, verdict_sentence
from apps.audit.triggers import missing_triggers
from apps.batches.models import Batch, BatchState, PauseReason
from apps.consumers import altered_values, labels
from apps.consumers.models import ConnectionHealth, Outcome, Submission
from apps.consumers.reconciliation import circuit_breaker, resolution
from apps.consumers.sending import spool
from apps.core import clock, heartbeats, key_fingerprints, machine_clocks
from apps.core.models import Heartbeat, KeyInUse, KeyRewriting, MachineClock
from apps.core.web import readiness
from apps.history.totals.triggers import missing_triggers as missing_totals_triggers
from apps.notices.channels import senders
from apps.notices.models import Channel
from apps.notices.selectors import channel_state
from apps.notices.watching import DELETE_AFTER

CLOCK_TOLERANCE = 60.0  # seconds
LOW_DISK, FULL_DISK = 0.10, 0.02  # free fraction of the disk
OLD_UNKNOWN = datetime.timedelta(days=1)
UNSIGNED_FOR = datetime.timedelta(minutes=10)  # ten times the worker's interval
UNVERIFIED_FOR = datetime.timedelta(days=2)  # twice the worker's interval


class Level(IntEnum):
    """The severity of a line; the highest one is the exit code of ``manage.py status``."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


LEVEL_LABELS = {
    Level.OK: _("OK"),
    Level.WARNING: _("Warning"),
    Level.CRITICAL: _("Critical"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the status. ``moment``, if any, is shown after ``text``."""

    name: str
    label: str | Promise
    text: str
    level: Level = Level.OK
    moment: datetime.datetime | None = None
    for_supervisors: bool = False  # an administrator sees the number, but not what is counted

    @property
    def level_label(self) -> str:
        return str(LEVEL_LABELS[self.level])


def lines() -> tuple[Line, ...]:
    """Every line, in the order of the page. Raises ``DatabaseError`` and ``InterfaceError``."""
    return (
        _credentials(),
        _unknowns(),
        _overdue(),
        _contradicted(),
        _doubtful(),
        _reconciliation(),
        _worker(),
        _spool(),
        _lists(),
        *_notices(),
        _clock(),
        _machine_clocks(),
        *_disks(),
        _readiness(),
        _audit_log(),
        *_audit_signing(),
        *_audit_verification(),
        *_checkpoint_disk(),
        _keys(),
        *_key_rewriting(),
        *_altered_values(),
        Line("versions", _("Versions"), _versions()),
    )


def problems(all_lines: Sequence[Line]) -> tuple[Line, ...]:
    """The critical lines that require an administrator to act."""
    return tuple(line for line in all_lines if line.level is Level.CRITICAL and not line.for_supervisors)


def open_counts(all_lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines that count what supervisors resolve, without lines that count nothing."""
    return tuple(line for line in all_lines if line.level is not Level.OK and line.for_supervisors)


def level(of: tuple[Line, ...]) -> Level:
    """The highest level of these lines."""
    return max(line.level for line in of)


def _credentials() -> Line:
    label = _("API credentials")
    health = ConnectionHealth.objects.filter(pk=1).first()
    if health is None or health.answered_at is None:
        return Line("credentials", label, gettext("Sitecore CDP has not answered yet"))
    if health.refused_since is None:
        return Line("credentials", label, gettext("Accepted, last answer at"), moment=health.answered_at)
    text = gettext("Refused by Sitecore CDP (%(status)s): check them. Since") % {
        "status": health.refused_status
    }
    return Line("credentials", label, text, Level.CRITICAL, health.refused_since)


def _unknowns() -> Line:
    label = _("Unknown outcomes")
    open_ = Submission.objects.filter(outcome=Outcome.UNKNOWN)
    found = open_.aggregate(count=Count("pk"), oldest=Min("submitted_at"))
    if not found["count"]:
        return Line("unknowns", label, gettext("None"))
    old = clock.now() - found["oldest"] > OLD_UNKNOWN
    text = gettext("%(count)s open, oldest from") % found
    level = Level.CRITICAL if old else Level.WARNING
    return Line("unknowns", label, text, level, found["oldest"], for_supervisors=True)


def _overdue() -> Line:
    """Submissions that the worker should have marked as unknown by now."""
    label = _("Stuck sending")
    found = resolution.overdue(by=resolution.WORKER_DELAY).aggregate(
        count=Count("pk"), oldest=Min("submitted_at")
    )
    if not found["count"]:
        return Line("overdue", label, gettext("None"))
    text = gettext("%(count)s not handled by the worker: check its log. The oldest is from") % found
    return Line("overdue", label, text, Level.CRITICAL, found["oldest"])


def _contradicted() -> Line:
    label = _("Resolutions that Sitecore CDP's answer contradicts")
    count = Submission.objects.filter(contradicted=True).count()
    if not count:
        return Line("contradicted", label, gettext("None"))
    return Line("contradicted", label, str(count), Level.WARNING, for_supervisors=True)


def _doubtful() -> Line:
    label = _("Created, to be checked by a supervisor")
    count = Submission.objects.exclude(doubt_code="").count()
    if not count:
        return Line("doubtful", label, gettext("None"))
    return Line("doubtful", label, str(count), Level.WARNING, for_supervisors=True)


def _reconciliation() -> Line:
    label = _("Reconciliation")
    if not settings.CDP_RECONCILIATION:
        return Line("reconciliation", label, gettext("Off: supervisors resolve unknown outcomes"))
    breaker = circuit_breaker.state()
    if not breaker.failures:
        return Line("reconciliation", label, gettext("On"))
    why = labels.read_error_text(breaker.error_code)
    facts = {"count": breaker.failures, "why": why}
    until = circuit_breaker.paused_until(clock.now())
    if until is None:
        return Line(
            "reconciliation", label, gettext("%(count)s failed in a row: %(why)s") % facts, Level.WARNING
        )
    text = gettext("%(count)s failed in a row: %(why)s Paused until") % facts
    return Line("reconciliation", label, text, Level.WARNING, until)


def _worker() -> Line:
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


def _spool() -> Line:
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


def _lists() -> Line:
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


def _notices() -> Iterator[Line]:
    """One line for each channel of notices that is on. Deliveries that were given up stay for a week."""
    on = senders()
    if not on:
        yield Line("notices", _("Notices"), gettext("Off: nothing is reported by mail or web hook"))
    labels_ = {Channel.MAIL: _("Notices by mail"), Channel.HOOK: _("Notices by web hook")}
    for one in on:
        name, label = f"notices_{one.channel.value}", labels_[one.channel]
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
        level_ = Level.WARNING if found.given_up else Level.OK
        if found.sent_at is None:
            nothing = gettext("Nothing sent in the last %(days)s days.") % {"days": DELETE_AFTER.days}
            yield Line(name, label, " ".join([nothing, *texts]), level_)
        else:
            yield Line(name, label, " ".join([*texts, gettext("Last sent at")]), level_, found.sent_at)


def _clock() -> Line:
    label = _("Clock")
    health = ConnectionHealth.objects.filter(pk=1).first()
    if health is None or health.clock_ahead is None:
        return Line("clock", label, gettext("Not compared with Sitecore CDP yet"))
    # The clocks are compared after the answer was read to its end, which may take the total timeout.
    if abs(health.clock_ahead) <= CLOCK_TOLERANCE + settings.CDP_TOTAL_TIMEOUT:
        return Line("clock", label, gettext("Agrees with Sitecore CDP's clock"))
    ahead = health.clock_ahead > 0
    text = (
        gettext("%(seconds)s seconds ahead of Sitecore CDP")
        if ahead
        else gettext("%(seconds)s seconds behind Sitecore CDP")
    )
    return Line("clock", label, text % {"seconds": round(abs(health.clock_ahead))}, Level.CRITICAL)


def _machine_clocks() -> Line:
    """Clocks of all machines. Nothing is decided by a machine's own clock, so a wrong one is a warning."""
    label = _("Clocks of the machines")
    if connection.vendor == "sqlite":
        return Line("machine_clocks", label, gettext("One machine, whose clock is used"))
    wrong = machine_clocks.wrong_clocks()
    if not wrong:
        return Line("machine_clocks", label, gettext("Agree with the database's clock"))
    text = "; ".join(_difference(one) for one in wrong)
    return Line("machine_clocks", label, text, Level.WARNING)


def _difference(one: MachineClock) -> str:
    text = (
        gettext("%(machine)s is %(seconds)s seconds ahead of the database")
        if one.ahead > 0
        else gettext("%(machine)s is %(seconds)s seconds behind the database")
    )
    return text % {"machine": one.machine, "seconds": round(abs(one.ahead))}


def _disks() -> Iterator[Line]:
    """One line for each disk of this machine that the portal writes to, named by the first of its folders.

    A folder that cannot be checked has a line of its own.
    """
    seen = set()
    for name, label, path in _written_to():
        try:
            folder = Path(path or tempfile.gettempdir())
            existing = next(one for one in (folder, *folder.parents) if one.exists())
            device, usage = existing.stat().st_dev, shutil.disk_usage(existing)
        except OSError as error:
            text = gettext("Cannot be checked: %(why)s") % {"why": type(error).__name__}
            yield Line(f"disk_{name}", label, text, Level.WARNING)
            continue
        if device in seen:
            continue
        seen.add(device)
        free = usage.free / usage.total
        severity = Level.CRITICAL if free < FULL_DISK else Level.WARNING if free < LOW_DISK else Level.OK
        text = gettext("%(free)s GB free (%(percent)s %%)") % {
            "free": f"{usage.free / 1e9:.1f}",
            "percent": round(100 * free),
        }
        yield Line(f"disk_{name}", label, text, severity)


def _written_to() -> Iterator[tuple[str, Promise, Path | str]]:
    """A name, the label of its disk, and the path of each file and folder that the portal writes to.

    The path is empty for the system's folder of temporary files, which exports use without ``EXPORT_DIR``.
    """
    if connection.vendor == "sqlite":
        yield "database", _("Disk of the database"), settings.DATABASES["default"]["NAME"]
    yield "spool", _("Disk of SPOOL_DIR"), settings.SPOOL_DIR
    yield "checkpoints", _("Disk of AUDIT_CHECKPOINT_FILE"), settings.AUDIT_CHECKPOINT_FILE
    if settings.EXPORT_DIR:
        yield "exports", _("Disk of EXPORT_DIR"), settings.EXPORT_DIR
    else:
        yield "exports", _("Disk of temporary files, such as exports"), ""


def _readiness() -> Line:
    label = _("Database")
    failed = readiness.failures()
    if missing_triggers(connection):  # not part of readiness: the portal also works without triggers
        failed.append("audit triggers")
    if missing_totals_triggers(connection):  # figures may be wrong until they are there again
        failed.append("figures triggers")
    if failed:
        return Line(
            "database", label, gettext("Not ready: %(what)s") % {"what": ", ".join(failed)}, Level.CRITICAL
        )
    return Line("database", label, gettext("Connected, with every table and trigger"))


def _audit_log() -> Line:
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


def _audit_signing() -> Iterator[Line]:
    """A line only if no worker signs the log, for example because the disk of checkpoints is full."""
    oldest = past_verifications.oldest_unsigned_event()
    if oldest is not None and _is_older(oldest, UNSIGNED_FOR):
        text = gettext("Events are not signed: check the worker's log. The oldest one is from")
        yield Line("audit_signing", _("Signatures of the audit log"), text, Level.CRITICAL, moment=oldest.at)


def _audit_verification() -> Iterator[Line]:
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


def _is_older(event: AuditEvent, age: datetime.timedelta) -> bool:
    return clock.microseconds() - event.time > age / datetime.timedelta(microseconds=1)


def _checkpoint_disk() -> Iterator[Line]:
    """A line only if the checkpoints are known to be where the database is."""
    if checkpoint_disk.is_disk_of_database():
        text = gettext("On the disk of the database: move AUDIT_CHECKPOINT_FILE to another disk or machine")
        severity = Level.OK if settings.PRACTICE_MODE else Level.WARNING
        yield Line("checkpoint_disk", _("Checkpoints of the audit log"), text, severity)


def _keys() -> Line:
    """The keys in use, and others that the database needs, which an earlier rotation has left."""
    label = _("Keys")
    in_use = {one.kind: one.fingerprint for one in KeyInUse.objects.order_by("kind")}
    registered = key_fingerprints.registered_fingerprints()
    used = ", ".join(key_fingerprints.label_of(*one) for one in in_use.items())
    others = [
        key_fingerprints.label_of(kind, one)
        for kind, found in sorted(registered.items())
        for one in sorted(found)
        if kind in in_use and one != in_use[kind]
    ]
    text = gettext("In use: %(keys)s") % {"keys": used or gettext("none yet")}
    if others:
        needed = gettext("Also needed: %(keys)s (manage.py rotate_keys counts what is stored under each)")
        text += ". " + needed % {"keys": ", ".join(others)}
    return Line("keys", label, text)


def _key_rewriting() -> Iterator[Line]:
    """A line for each model whose rows are being written again with another key, or could not be."""
    for one in KeyRewriting.objects.order_by("kind", "model"):
        facts = {
            "model": one.model.rpartition(".")[2],
            "key": key_fingerprints.label_of(one.kind, one.fingerprint),
            "done": one.done,
            "rows": one.rows,
            "unreadable": one.unreadable,
        }
        if one.unreadable:
            text = gettext("%(model)s: %(done)s of %(rows)s rows with %(key)s, %(unreadable)s cannot be read")
            yield Line("key_rewriting", _("Rows written again"), text % facts, Level.WARNING)
        elif one.started_at is None:
            text = gettext("%(model)s: not begun yet with %(key)s")
            yield Line("key_rewriting", _("Rows written again"), text % facts)
        elif one.finished_at is None:
            text = gettext("%(model)s: %(done)s of %(rows)s rows with %(key)s")
            yield Line("key_rewriting", _("Rows written again"), text % facts)


def _altered_values() -> Iterator[Line]:
    """A line if submissions have values that were moved or altered in the database, as far as found."""
    count, is_all = altered_values.count_altered()
    if count:
        label = _("Submissions with a value that does not belong to them (see the audit log)")
        text = str(count) if is_all else gettext("at least %(n)s") % {"n": count}
        yield Line("altered_values", label, text, Level.WARNING)


def _versions() -> str:
    database = ".".join(map(str, connection.get_database_version()))
    named = (
        ("Consumer Portal", settings.VERSION),
        ("Django", django.get_version()),
        ("Python", platform.python_version()),
        (connection.display_name, database),
    )
    return ", ".join(f"{name} {version}" for name, version in named)
