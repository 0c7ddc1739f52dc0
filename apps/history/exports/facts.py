"""What an export is, in words: for the About sheet of its Excel file."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.history.exports import selections
from apps.history.models import Export


def facts_about(export: Export) -> tuple[tuple[str, str], ...]:
    """Label and text of each fact about an export, without the note and without values of a consumer."""
    facts = [
        (_("Export of submissions"), str(export.public_id)),
        (_("Exported by"), f"{export.person_name} ({export.person.username})"),
    ]
    if export.started_at:
        facts.append((_("Rows as of"), _time(export.started_at, export.zone)))
    facts.append((_("Period"), period_text(export)))
    facts += [(label, text) if text else (_("Filter"), label) for label, text in export.filters]
    everybody = export.selection["everybody"]
    facts.append((_("Scope"), _("everyone's submissions") if everybody else _("their own submissions")))
    if export.personal:
        facts.append((_("Reason for personal data"), str(export.get_reason_display())))
    return tuple(facts)


def period_text(export: Export) -> str:
    """From when until when the submissions of an export were sent, in its ``Export.zone``."""
    period = selections.period_of(export.selection)
    since, until = (
        _time(moment, export.zone) if moment else "" for moment in (period["since"], period["until"])
    )
    if since and until:
        return _("from %(since)s until before %(until)s") % {"since": since, "until": until}
    if since:
        return _("from %(since)s") % {"since": since}
    return _("until before %(until)s") % {"until": until} if until else _("all")


def _time(moment: dt.datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S} ({zone.key})"
