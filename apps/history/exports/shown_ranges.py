"""The submissions that an export may have shown, in the index for access reports."""

from __future__ import annotations

from django.db.models import Max

from apps.consumers import recording
from apps.consumers.models import UNBOUNDED, ShownKey, ShownRange, Submission
from apps.history.models import ACTIVE, Export

EXPORT_KEY = "export"
"""The kind of the keys under which the index finds the events of an export."""
OUT_OF_ORDER = 1_000
"""A submission can be stored after another with a higher row number. The numbers differ by less than this."""


def close_shown_ranges() -> int:
    """Set the last submission that exports which have ended may have shown. Returns the number of exports.

    The worker does it, not the end of an export: an end must be stored even if submissions cannot be read.
    """
    # Before the active exports are read: an export that starts in between has no range here.
    unbounded = [*ShownRange.objects.filter(last=UNBOUNDED).values_list("seq", flat=True)]
    if not unbounded:
        return 0
    active = Export.objects.filter(state__in=ACTIVE).values_list("public_id", flat=True)
    keys = [recording.key_of(EXPORT_KEY, public_id) for public_id in active]
    running = {*ShownKey.objects.filter(key__in=keys, seq__in=unbounded).values_list("seq", flat=True)}
    ended = [seq for seq in unbounded if seq not in running]
    if ended:
        newest = Submission.objects.aggregate(Max("pk"))["pk__max"] or 0
        recording.close_ranges(ended, newest + OUT_OF_ORDER)
    return len(ended)
