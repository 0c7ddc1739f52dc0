"""The state of the portal, for administrators and for monitoring: what is well, what needs somebody."""

from __future__ import annotations

import datetime
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.integrity import past_verifications
from apps.audit.presenters.integrity import verdict_sentence
from apps.audit.triggers import missing_triggers
from apps.consumers import labels
from apps.consumers.models import ConnectionHealth, Outcome, Submission
from apps.consumers.reconciliation import circuit_breaker, resolution
from apps.consumers.sending import spool
from apps.core import clock, machine_clocks, readiness, signs
from apps.core.models import MachineClock, SignOfLife

CLOCK_TOLERANCE = 60.0  # seconds
LOW_DISK, FULL_DISK = 0.10, 0.02  # parts of the disk that are free
OLD_UNKNOWN = datetime.timedelta(days=1)
WORKERS_TURN = datetime.timedelta(minutes=1)  # it looks every few seconds


class Level(IntEnum):
    """How much a line matters; the highest one is the exit code of ``manage.py status``."""

    WELL = 0
    ATTENTION = 1
    PROBLEM = 2


LEVEL_WORDS = {
    Level.WELL: _("In order"),
    Level.ATTENTION: _("Look at it"),
    Level.PROBLEM: _("Problem"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is well or is not. ``moment`` belongs at the end of the words."""

    name: str
    label: str | Promise
    words: str
    level: Level = Level.WELL
    moment: datetime.datetime | None = None

    @property
    def level_words(self) -> str:
        return str(LEVEL_WORDS[self.level])


def lines() -> tuple[Line, ...]:
    """Every line, in the order of the page. Raises the database's errors."""
    return (
        _credentials(),
        _unknowns(),
        _overdue(),
        _contradicted(),
        _doubtful(),
        _look_ups(),
        _worker(),
        _spool(),
        _clock(),
        _machine_clocks(),
        *_disks(),
        _readiness(),
        _audit_log(),
        Line("versions", _("Versions"), _versions()),
    )


def problems() -> tuple[Line, ...]:
    """The lines that somebody has to do something about."""
    return tuple(line for line in lines() if line.level is Level.PROBLEM)


def level(of: tuple[Line, ...]) -> Level:
    """The worst level of these lines."""
    return max(line.level for line in of)


def _credentials() -> Line:
    label = _("API credentials")
    contact = ConnectionHealth.objects.filter(pk=1).first()
    if contact is None or contact.answered_at is None:
        return Line("credentials", label, gettext("Sitecore CDP has not answered yet"))
    if contact.refused_since is None:
        return Line("credentials", label, gettext("Accepted, last answer at"), moment=contact.answered_at)
    said = gettext("Refused by Sitecore CDP (%(status)s): check them. Since") % {
        "status": contact.refused_status
    }
    return Line("credentials", label, said, Level.PROBLEM, contact.refused_since)


def _unknowns() -> Line:
    label = _("Unknown outcomes")
    open_ = Submission.objects.filter(outcome=Outcome.UNKNOWN)
    found = open_.aggregate(count=Count("pk"), oldest=Min("submitted_at"))
    if not found["count"]:
        return Line("unknowns", label, gettext("None"))
    old = clock.now() - found["oldest"] > OLD_UNKNOWN
    said = gettext("%(count)s open, the oldest of") % found
    return Line("unknowns", label, said, Level.PROBLEM if old else Level.ATTENTION, found["oldest"])


def _overdue() -> Line:
    """What the worker should have turned into unknown by now."""
    label = _("Being sent for too long")
    found = resolution.overdue(by=WORKERS_TURN).aggregate(count=Count("pk"), oldest=Min("submitted_at"))
    if not found["count"]:
        return Line("overdue", label, gettext("None"))
    said = gettext("%(count)s, which the worker has not taken up: look at its log. The oldest of") % found
    return Line("overdue", label, said, Level.PROBLEM, found["oldest"])


def _contradicted() -> Line:
    label = _("Resolved otherwise than Sitecore CDP says")
    count = Submission.objects.filter(contradicted=True).count()
    if not count:
        return Line("contradicted", label, gettext("None"))
    return Line("contradicted", label, str(count), Level.ATTENTION)


def _doubtful() -> Line:
    label = _("Created, to be checked by a supervisor")
    count = Submission.objects.exclude(doubt_code="").count()
    if not count:
        return Line("doubtful", label, gettext("None"))
    return Line("doubtful", label, str(count), Level.ATTENTION)


def _look_ups() -> Line:
    label = _("Look-ups")
    if not settings.CDP_RECONCILIATION:
        return Line("look_ups", label, gettext("Off: supervisors resolve unknown outcomes by hand"))
    pace = circuit_breaker.state()
    if not pace.failures:
        return Line("look_ups", label, gettext("On"))
    why = labels.code_words(pace.error_code)
    facts = {"count": pace.failures, "why": why}
    if pace.paused_until is None:
        return Line("look_ups", label, gettext("%(count)s failed in a row: %(why)s") % facts, Level.ATTENTION)
    said = gettext("%(count)s failed in a row: %(why)s Paused until") % facts
    return Line("look_ups", label, said, Level.ATTENTION, pace.paused_until)


def _worker() -> Line:
    label = _("Background worker")
    last = signs.latest(signs.WORKER)
    if last is None:
        return Line("worker", label, gettext("Not seen within a day: start manage.py worker"), Level.PROBLEM)
    running = signs.alive(signs.WORKER)
    if not running:
        said = gettext("Silent: start manage.py worker. Last seen at")
        return Line("worker", label, said, Level.PROBLEM, last.seen_at)
    failing = sorted({sign.failing for sign in running if sign.failing})
    if failing:
        said = gettext("Failed at its duties (%(duties)s), the log says why. Last seen at")
        return Line("worker", label, said % {"duties": ", ".join(failing)}, Level.PROBLEM, last.seen_at)
    return Line("worker", label, gettext("Last seen at"), moment=last.seen_at)


def _spool() -> Line:
    """What waits on this machine, and on the machines of the workers, whether those live or not."""
    label = _("Outcomes that wait to be stored")
    told = SignOfLife.objects.filter(process__startswith=f"{signs.WORKER}:").aggregate(
        files=Sum("waiting_files")
    )
    waiting = max(len(spool.paths()), told["files"] or 0)
    if waiting:
        return Line("spool", label, str(waiting), Level.PROBLEM)
    if not spool.can_be_written():
        said = gettext("None, but this process cannot write into SPOOL_DIR")
        return Line("spool", label, said, Level.PROBLEM)
    return Line("spool", label, gettext("None"))


def _clock() -> Line:
    label = _("Clock")
    contact = ConnectionHealth.objects.filter(pk=1).first()
    if contact is None or contact.clock_ahead is None:
        return Line("clock", label, gettext("Not compared with Sitecore CDP yet"))
    # The answer was read to its end before the clocks were compared.
    if abs(contact.clock_ahead) <= CLOCK_TOLERANCE + settings.CDP_TOTAL_TIMEOUT:
        return Line("clock", label, gettext("Agrees with that of Sitecore CDP"))
    ahead = contact.clock_ahead > 0
    said = (
        gettext("%(seconds)s seconds ahead of Sitecore CDP")
        if ahead
        else gettext("%(seconds)s seconds behind Sitecore CDP")
    )
    return Line("clock", label, said % {"seconds": round(abs(contact.clock_ahead))}, Level.PROBLEM)


def _machine_clocks() -> Line:
    """Of every machine, web machines too. Nothing is decided by a clock that differs; its log lines err."""
    label = _("Clocks of the machines")
    if connection.vendor == "sqlite":
        return Line("machine_clocks", label, gettext("One machine, whose clock is the time"))
    wrong = machine_clocks.wrong()
    if not wrong:
        return Line("machine_clocks", label, gettext("Agree with that of the database"))
    said = "; ".join(_difference(one) for one in wrong)
    return Line("machine_clocks", label, said, Level.ATTENTION)


def _difference(one: MachineClock) -> str:
    said = (
        gettext("%(machine)s is %(seconds)s seconds ahead of the database")
        if one.ahead > 0
        else gettext("%(machine)s is %(seconds)s seconds behind the database")
    )
    return said % {"machine": one.machine, "seconds": round(abs(one.ahead))}


def _disks() -> Iterator[Line]:
    """The disks of this machine that the portal writes to, each once."""
    folders = [settings.SPOOL_DIR]
    if connection.vendor == "sqlite":
        folders.insert(0, Path(settings.DATABASES["default"]["NAME"]))
    seen = set()
    for folder in folders:
        try:
            existing = next(path for path in (folder, *folder.parents) if path.exists())
            device, usage = existing.stat().st_dev, shutil.disk_usage(existing)
        except OSError as error:
            said = gettext("Cannot be looked at: %(why)s") % {"why": type(error).__name__}
            yield Line("disk_unknown", _("Disk"), said, Level.ATTENTION)
            continue
        if device in seen:
            continue
        seen.add(device)
        free = usage.free / usage.total
        level_ = Level.PROBLEM if free < FULL_DISK else Level.ATTENTION if free < LOW_DISK else Level.WELL
        said = gettext("%(free)s GB free (%(percent)s %%)") % {
            "free": f"{usage.free / 1e9:.1f}",
            "percent": round(100 * free),
        }
        yield Line(f"disk_{len(seen)}", _("Disk"), said, level_)


def _readiness() -> Line:
    label = _("Database")
    failed = readiness.failures()
    if missing_triggers(connection):  # status alone: the portal writes without them as well as with them
        failed.append("audit triggers")
    if failed:
        return Line(
            "database", label, gettext("Not ready: %(what)s") % {"what": ", ".join(failed)}, Level.PROBLEM
        )
    return Line("database", label, gettext("Answers, with every table and trigger"))


def _audit_log() -> Line:
    label = _("Audit log")
    if problem := past_verifications.standing_problem():
        result = past_verifications.result_of(problem)
        if result is None:
            said = gettext(
                "The event of a verification cannot be read: somebody has altered it. Event %(seq)s"
            )
            return Line("audit_log", label, said % {"seq": problem.seq}, Level.PROBLEM)
        said = gettext("%(verdict)s Found at") % {"verdict": verdict_sentence(result)}
        return Line("audit_log", label, said, Level.PROBLEM, problem.at)
    latest = past_verifications.latest_verification()
    if latest is None:
        return Line("audit_log", label, gettext("Not verified yet"))
    return Line("audit_log", label, gettext("Unchanged, last verified at"), moment=latest.at)


def _versions() -> str:
    database = ".".join(map(str, connection.get_database_version()))
    named = (
        ("Consumer Portal", settings.VERSION),
        ("Django", django.get_version()),
        ("Python", platform.python_version()),
        (connection.display_name, database),
    )
    return ", ".join(f"{name} {version}" for name, version in named)
