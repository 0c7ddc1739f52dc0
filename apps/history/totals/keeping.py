"""The worker keeps totals of the days, weeks and months that are over, in the time zones of the people.

Totals are only added and deleted, never changed. Those with a change in their period are deleted together
with the note of the change, and computed again from the submissions. Why this is safe with any number of
workers and writers is in decision 170.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.expressions import Combinable
from django.utils import timezone

from apps.accounts.models import User
from apps.consumers.models import Submission
from apps.core import clock
from apps.core.time_zones import find_zone
from apps.history.models import ChangedMoment, PeriodTotals
from apps.history.totals.counts import Texts, counted, from_text, merged, to_texts
from apps.history.totals.periods import Span, spans_to_keep
from apps.history.totals.triggers import missing_triggers

Days = tuple[Span, ...]

INTERVAL = 30.0
"""Seconds between two rounds that find nothing left to compute."""
ROUND_SECONDS = 0.5
"""How long one round computes, so that the worker's other duties are not delayed."""
BATCH = 10  # periods in one transaction, which on SQLite keeps others from writing
PAUSE_SECONDS = 0.02  # between two transactions, in which others can write
NOTES = 500  # read at once


class TotalsKeeper:
    """Keeps totals for one worker."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._rested_at = -INTERVAL

    def run_due(self) -> None:
        """Keep totals for :data:`ROUND_SECONDS`, if the last round was not finished or is long ago."""
        if time.monotonic() - self._rested_at < INTERVAL:
            return
        if keep_totals(now=clock.now(), stop=self._stop, seconds=ROUND_SECONDS):
            self._rested_at = time.monotonic()


def keep_totals(*, now: dt.datetime, stop: threading.Event | None = None, seconds: float = 3600.0) -> bool:
    """Delete totals that are no longer true and compute those that are missing; whether none is left.

    ``seconds``: how long. ``stop``: ends it early. While a trigger is missing, which the status shows,
    changes may not be noted: then all totals are deleted, and figures count rows.
    """
    stop, end = stop or threading.Event(), time.monotonic() + seconds
    if missing_triggers(connection):
        if PeriodTotals.objects.exists():
            PeriodTotals.objects.all().delete()
        return True
    delete_changed()
    missing = _missing(now)
    while batch := list(islice(missing, BATCH)):
        if stop.is_set() or time.monotonic() > end:
            return False
        _add(batch)
        stop.wait(PAUSE_SECONDS)
    return True


def delete_changed() -> None:
    """Delete the totals with a change in their period, and the notes of these changes."""
    while ChangedMoment.objects.exists():
        with transaction.atomic():
            _lock()
            _delete_changed()


def unchanged() -> Combinable:
    """The condition that no change is noted in the period of totals, which are true then."""
    changed = ChangedMoment.objects.filter(
        submitted_at__gte=OuterRef("begins"), submitted_at__lt=OuterRef("ends")
    )
    return ~Exists(changed)


def from_rows(span: Span) -> Texts:
    """The counts of a period, computed from its submissions."""
    return to_texts(counted(Submission.objects.filter(submitted_at__gte=span[0], submitted_at__lt=span[1])))


def _lock() -> None:
    """One worker at a time deletes notes or adds totals, until its transaction ends.

    Without it, one worker could delete the note of a change that another worker's totals have missed. On
    SQLite every transaction excludes other writers. Readers do not wait.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {PeriodTotals._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _delete_changed() -> None:
    # Exactly the notes that were read: a note that becomes visible afterwards belongs to a later round.
    notes = list(ChangedMoment.objects.order_by("id").values_list("id", flat=True)[:NOTES])
    changed = ChangedMoment.objects.filter(
        id__in=notes, submitted_at__gte=OuterRef("begins"), submitted_at__lt=OuterRef("ends")
    )
    PeriodTotals.objects.filter(Exists(changed)).delete()
    ChangedMoment.objects.filter(id__in=notes).delete()


def _add(missing: list[tuple[Span, Days]]) -> None:
    with transaction.atomic():
        _lock()
        _delete_changed()
        for (begins, ends), days in missing:
            if PeriodTotals.objects.filter(begins=begins, ends=ends).exists():
                continue  # another worker was quicker
            texts = _sum_of(days) if days else from_rows((begins, ends))
            if texts is not None:
                PeriodTotals.objects.create(
                    begins=begins, ends=ends, by_person=texts.by_person, by_group=texts.by_group
                )


def _sum_of(days: Days) -> Texts | None:
    """The counts of these days together; None if the totals of one are missing or not true."""
    within = PeriodTotals.objects.filter(unchanged(), begins__gte=days[0][0], ends__lte=days[-1][1])
    texts = {(begins, ends): text for begins, ends, text in within.values_list("begins", "ends", "by_group")}
    if not texts.keys() >= {*days}:
        return None
    return to_texts(merged(from_text(texts[day]) for day in days))


def _missing(now: dt.datetime) -> Iterator[tuple[Span, Days]]:
    """The periods without totals. Weeks and months come last: they are added up from their days."""
    earliest = Submission.objects.order_by("submitted_at").values_list("submitted_at", flat=True).first()
    if earliest is None:
        return
    known = set(PeriodTotals.objects.values_list("begins", "ends"))
    short: dict[Span, Days] = {}
    longer: dict[Span, Days] = {}
    for zone in _zones():
        first, today = (timezone.localtime(moment, zone).date() for moment in (earliest, now))
        days, of_zone = spans_to_keep(zone.key, first, today - dt.timedelta(days=1))
        short |= dict.fromkeys(days, ())
        longer |= of_zone
    yield from ((span, days) for span, days in (*short.items(), *longer.items()) if span not in known)


def _zones() -> list[ZoneInfo]:
    """The portal's time zone and those of the people who may sign in, as far as this machine has them."""
    chosen = User.objects.filter(is_active=True).exclude(time_zone="").values_list("time_zone", flat=True)
    found = map(find_zone, (settings.TIME_ZONE, *sorted(set(chosen.distinct()))))
    return [zone for zone in found if zone is not None]
