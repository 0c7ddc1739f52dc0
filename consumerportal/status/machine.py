"""Lines about what the portal runs on: clocks, disks, the database and versions."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.triggers import missing_triggers
from apps.consumers.models import ConnectionHealth
from apps.core import machine_clocks
from apps.core.models import MachineClock
from apps.core.web import readiness
from apps.history.totals.triggers import missing_triggers as missing_totals_triggers
from consumerportal.status.line import Level, Line

CLOCK_TOLERANCE = 60.0  # seconds
LOW_DISK, FULL_DISK = 0.10, 0.02  # free fraction of the disk


def clock_line() -> Line:
    """The clock, compared with Sitecore CDP's."""
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


def machine_clocks_line() -> Line:
    """Clocks of all machines. Nothing is decided by a machine's own clock, so a wrong one is a warning."""
    label = _("Clocks of the machines")
    if connection.vendor == "sqlite":
        return Line("machine_clocks", label, gettext("One machine, whose clock is used"))
    wrong = machine_clocks.wrong_clocks()
    if not wrong:
        return Line("machine_clocks", label, gettext("Agree with the database's clock"))
    text = "; ".join(_difference(one) for one in wrong)
    return Line("machine_clocks", label, text, Level.WARNING)


def disk_lines() -> Iterator[Line]:
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


def database_line() -> Line:
    """Whether the database answers and is complete."""
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


def versions_line() -> Line:
    """The versions of the portal and of what it runs on."""
    database = ".".join(map(str, connection.get_database_version()))
    named = (
        ("Consumer Portal", settings.VERSION),
        ("Django", django.get_version()),
        ("Python", platform.python_version()),
        (connection.display_name, database),
    )
    text = ", ".join(f"{name} {version}" for name, version in named)
    return Line("versions", _("Versions"), text)


def _difference(one: MachineClock) -> str:
    text = (
        gettext("%(machine)s is %(seconds)s seconds ahead of the database")
        if one.ahead > 0
        else gettext("%(machine)s is %(seconds)s seconds behind the database")
    )
    return text % {"machine": one.machine, "seconds": round(abs(one.ahead))}


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
