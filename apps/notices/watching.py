"""Watch the causes: open a notice when one begins, end it when it is over, and store their deliveries.

Any number of processes may watch: constraints admit each notice and each delivery once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.core import clock
from apps.core.connections import is_database_unavailable
from apps.notices.causes import Cause, Found, Search, registered
from apps.notices.channels import senders
from apps.notices.models import CHANNEL_OFF, About, Channel, Delivery, Notice, State, WatchedCause
from apps.notices.selectors import last_completed

logger = logging.getLogger(__name__)

LOOK_BACK = dt.timedelta(days=7)
"""Age up to which a momentary cause is reported: longer than any outage of the processes that watch."""
DELETE_AFTER = dt.timedelta(days=30)
"""Age at which ended notices are deleted. Exceeds ``LOOK_BACK``, so that no cause is reported again."""
GIVE_UP_AFTER = dt.timedelta(hours=48)
"""How long a delivery is retried after its first attempt, and how long it waits for a channel that is off."""


_off: set[str] = set()
"""Causes that are off and whose notices this process has already ended. It ends them only once: while the
settings are being changed, a machine that still has a cause on would open its notices again."""


class NotWatchedError(Exception):
    """Some causes could not be looked for; the others were. The message names them."""


def watch() -> None:
    """Look once for every cause that is switched on.

    Raises database errors, and ``NotWatchedError`` if the search for a cause failed; its exception is logged.
    """
    channels = tuple(one.channel for one in senders())
    if not channels:
        return
    failed = []
    for cause in registered():
        if cause.code not in settings.NOTICE_CAUSES:
            _stop_watching(cause.code)
            continue
        _off.discard(cause.code)
        try:
            _watch(cause, channels)
        except Exception as error:
            if is_database_unavailable(error):
                raise
            logger.exception("notice_cause_not_watched %s", cause.code)
            failed.append(cause.code)
    _give_up_deliveries_of_channels_that_are_off(channels)
    _delete_old()
    if failed:
        raise NotWatchedError(", ".join(failed))


def stop_watching() -> None:
    """Stop watching every cause: end its open notices, and delete its waiting deliveries.

    Since when it was watched is deleted too, so that what happens while no channel is on is never reported.
    """
    for cause in registered():
        _stop_watching(cause.code)


def _stop_watching(code: str) -> None:
    """Also end the open notices, because nobody sees when their causes end or begin again.

    Of any notice, what still waits is not sent: it would be sent when the cause or a channel is on again.
    """
    if code in _off:
        return
    WatchedCause.objects.filter(cause=code).delete()
    with transaction.atomic():
        # First, so that no other process ends one of them and stores deliveries after the next statement.
        Notice.objects.filter(cause=code, ended_at=None).update(ended_at=clock.now())
        Delivery.objects.filter(notice__cause=code, state=State.WAITING).delete()
    _off.add(code)


def _watch(cause: Cause, channels: Iterable[str]) -> None:
    now = clock.now()
    watched = WatchedCause.objects.get_or_create(cause=cause.code, defaults={"since": now})[0]
    since = max(watched.since, now - LOOK_BACK)
    if cause.momentary:
        # Older ones would be reported again after their notice is deleted.
        recent = {one.key: one for one in cause.find(Search(since)) if one.at is None or one.at >= since}
        _open_momentary(cause, recent, channels)
        return
    # Read before the search: a notice that another process opens meanwhile is not taken for one that is over.
    open_ = {one.key: one for one in Notice.objects.filter(cause=cause.code, ended_at=None)}
    found = {one.key: one for one in cause.find(Search(since, frozenset(open_)))}
    for key, one in found.items():
        if key not in open_:
            _open(cause, one, channels)
        elif open_[key].gone_since is not None:
            Notice.objects.filter(pk=open_[key].pk, ended_at=None).update(gone_since=None)
    _add_channels([open_[key] for key in open_.keys() & found.keys()], channels)
    for key, notice in open_.items():
        if key not in found:
            _end_if_due(cause, notice)


def _add_channels(notices: list[Notice], channels: Iterable[str]) -> None:
    """Deliver open notices also over channels that were switched on, again or later than the causes began."""
    _resume_given_up(notices, channels)
    _store_missing(notices, channels)


def _resume_given_up(notices: list[Notice], channels: Iterable[str]) -> None:
    """Deliver what was given up because its channel was off."""
    again = Delivery.objects.filter(
        notice__in=notices,
        about=About.OPENED,
        channel__in=channels,
        state=State.GIVEN_UP,
        problem=CHANNEL_OFF,
    )
    if again.exists():  # an UPDATE locks SQLite for writing
        now = clock.now()
        again.update(
            state=State.WAITING,
            created_at=now,
            due_at=now,
            finished_at=None,
            first_tried_at=None,
            attempts=0,
            problem="",
        )


def _store_missing(notices: list[Notice], channels: Iterable[str]) -> None:
    """Store the deliveries of channels that were off when a notice was opened."""
    known = {
        *Delivery.objects.filter(notice__in=notices, about=About.OPENED).values_list("notice_id", "channel")
    }
    for notice in notices:
        if missing := [one for one in channels if (notice.pk, one) not in known]:
            with contextlib.suppress(IntegrityError), transaction.atomic():  # another process was quicker
                # Locked, so that it does not end meanwhile.
                if Notice.objects.select_for_update(no_key=True).filter(pk=notice.pk, ended_at=None).exists():
                    _store_deliveries(notice, About.OPENED, missing, clock.now())


def _open_momentary(cause: Cause, found: dict[str, Found], channels: Iterable[str]) -> None:
    stored = Notice.objects.filter(cause=cause.code, momentary=True, key__in=[*found])
    known = {*stored.values_list("key", flat=True)} if found else set()
    for key, one in found.items():
        if key not in known:
            _open(cause, one, channels)


def _open(cause: Cause, found: Found, channels: Iterable[str]) -> None:
    """Store the notice and its deliveries; nothing if another process has stored it meanwhile."""
    now = clock.now()
    began = found.at or now
    try:
        with transaction.atomic():
            notice = Notice.objects.create(
                cause=cause.code,
                key=found.key,
                facts=found.stored_facts,
                path=found.path,
                opened_at=began,
                ended_at=began if cause.momentary else None,
                momentary=cause.momentary,
            )
            _store_deliveries(notice, About.OPENED, channels, now)
    except IntegrityError:
        open_ = Notice.objects.filter(cause=cause.code, key=found.key)
        if not open_.exists():
            raise
    else:
        logger.warning("notice_opened %s %s", cause.code, notice.public_id)


def _end_if_due(cause: Cause, notice: Notice) -> None:
    """End a notice whose cause was not found, once it has been gone for long enough."""
    now = clock.now()
    gone_since = notice.gone_since or now
    open_ = Notice.objects.filter(pk=notice.pk, ended_at=None)
    if now - gone_since < cause.ends_after:
        if notice.gone_since is None:
            open_.update(gone_since=now)
        return
    with transaction.atomic():
        has_ended = open_.update(gone_since=gone_since, ended_at=gone_since)
        if has_ended:
            begun = Delivery.objects.filter(notice=notice, about=About.OPENED).exclude(state=State.GIVEN_UP)
            _store_deliveries(notice, About.ENDED, begun.values_list("channel", flat=True), now)
    if has_ended:
        logger.info("notice_ended %s %s", cause.code, notice.public_id)


def _store_deliveries(notice: Notice, about: About, channels: Iterable[str], now: dt.datetime) -> None:
    Delivery.objects.bulk_create(
        Delivery(notice=notice, channel=channel, about=about, created_at=now, due_at=now)
        for channel in channels
    )


def _give_up_deliveries_of_channels_that_are_off(channels: Iterable[str]) -> None:
    """Give up deliveries of channels that the settings have switched off since."""
    now = clock.now()
    late = Delivery.objects.filter(state=State.WAITING, created_at__lt=now - GIVE_UP_AFTER)
    late = late.exclude(channel__in=channels)
    if late.exists():  # an UPDATE locks SQLite for writing
        late.update(state=State.GIVEN_UP, due_at=None, finished_at=now, problem=CHANNEL_OFF)


def _delete_old() -> None:
    """Delete what ended long ago, but keep the last result of each channel, which says whether it works."""
    old = Notice.objects.filter(ended_at__lt=clock.now() - DELETE_AFTER)
    old = old.exclude(deliveries__state=State.WAITING)
    if old.exists():
        last = [last_completed(channel) for channel in Channel]
        old = old.exclude(pk__in=[one.notice_id for one in last if one is not None])
    if old.exists():  # a DELETE locks SQLite for writing
        old.delete()
