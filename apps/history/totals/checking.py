"""Compares totals with the rows of their period."""

from __future__ import annotations

from collections.abc import Iterator

from apps.history.models import PeriodTotals
from apps.history.totals.counts import Texts
from apps.history.totals.keeping import from_rows, unchanged


def checked_totals() -> Iterator[tuple[PeriodTotals, bool]]:
    """Each of the totals that readers may use now, and whether it equals the rows of its period.

    A total with a change since it was read is left out: no reader uses it any more.
    """
    valid = PeriodTotals.objects.filter(unchanged())
    for pk in list(valid.order_by("begins", "ends").values_list("pk", flat=True)):
        totals = valid.filter(pk=pk).first()
        if totals is None:
            continue
        stored = Texts(totals.by_person, totals.by_group)
        is_equal = from_rows((totals.begins, totals.ends)) == stored
        if is_equal or valid.filter(pk=pk).exists():
            yield totals, is_equal
