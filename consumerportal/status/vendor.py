"""Lines about Sitecore CDP: whether it accepts the credentials and can be read."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.consumers import labels
from apps.consumers.models import ConnectionHealth
from apps.consumers.reconciliation import circuit_breaker
from apps.core import clock
from consumerportal.status.line import Level, Line


def credentials_line() -> Line:
    """Whether Sitecore CDP accepts the credentials, by its last answer."""
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


def reconciliation_line() -> Line:
    """Whether reconciliation is on, and whether it fails."""
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
