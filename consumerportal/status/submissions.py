"""Lines about submissions that somebody has to look at."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from django.db.models import Count, Min
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.consumers import altered_values
from apps.consumers.models import Submission
from apps.consumers.reconciliation import resolution
from apps.consumers.selectors import IS_UNKNOWN
from apps.core import clock
from consumerportal.status.line import Level, Line

OLD_UNKNOWN = datetime.timedelta(days=1)


def unknown_line() -> Line:
    """Submissions with an unknown outcome."""
    label = _("Unknown outcomes")
    open_ = Submission.objects.filter(IS_UNKNOWN)
    found = open_.aggregate(count=Count("pk"), oldest=Min("submitted_at"))
    if not found["count"]:
        return Line("unknowns", label, gettext("None"))
    old = clock.now() - found["oldest"] > OLD_UNKNOWN
    text = gettext("%(count)s open, oldest from") % found
    level = Level.CRITICAL if old else Level.WARNING
    return Line("unknowns", label, text, level, found["oldest"], for_supervisors=True)


def stuck_line() -> Line:
    """Submissions that the worker should have marked as unknown by now."""
    label = _("Stuck sending")
    found = resolution.stuck(by=resolution.WORKER_DELAY).aggregate(
        count=Count("pk"), oldest=Min("submitted_at")
    )
    if not found["count"]:
        return Line("stuck", label, gettext("None"))
    text = gettext("%(count)s not handled by the worker: check its log. The oldest is from") % found
    return Line("stuck", label, text, Level.CRITICAL, found["oldest"])


def contradicted_line() -> Line:
    """Resolutions that a later answer, check or outcome of the portal contradicts."""
    label = _("Resolutions that are contradicted")
    count = Submission.objects.filter(contradicted=True).count()
    if not count:
        return Line("contradicted", label, gettext("None"))
    return Line("contradicted", label, str(count), Level.WARNING, for_supervisors=True)


def doubtful_line() -> Line:
    """Created submissions with a doubt, which a supervisor has to check."""
    label = _("Created, to be checked by a supervisor")
    count = Submission.objects.exclude(doubt_code="").count()
    if not count:
        return Line("doubtful", label, gettext("None"))
    return Line("doubtful", label, str(count), Level.WARNING, for_supervisors=True)


def altered_values_lines() -> Iterator[Line]:
    """A line if submissions have values that were moved or altered in the database, as far as found."""
    count, is_all = altered_values.count_altered()
    if count:
        label = _("Submissions with a value that does not belong to them (see the audit log)")
        text = str(count) if is_all else gettext("at least %(n)s") % {"n": count}
        yield Line("altered_values", label, text, Level.WARNING)
