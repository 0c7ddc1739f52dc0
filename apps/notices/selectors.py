"""Queries for the status of the channels."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q

from apps.core import clock
from apps.notices.models import CHANNEL_OFF, Channel, Delivery, State

GIVEN_UP_SHOWN = dt.timedelta(days=7)
"""How long a delivery that was given up is shown."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a channel's deliveries say. ``given_up``: how many within ``GIVEN_UP_SHOWN``.

    ``failing_since``: None while the channel works. It fails while a delivery waits after a failed attempt,
    since the oldest of them, and while the last one that was completed was given up. ``problem``: why, as
    in ``Delivery``.
    """

    sent_at: dt.datetime | None
    waiting: int
    failing_since: dt.datetime | None
    problem: str
    given_up: int


def channel_state(channel: Channel) -> ChannelState:
    """The state of a channel."""
    recently = clock.now() - GIVEN_UP_SHOWN
    given_up = Q(state=State.GIVEN_UP, finished_at__gte=recently)
    failing = Q(state=State.WAITING) & ~Q(problem="")
    of_channel = Delivery.objects.filter(channel=channel)
    facts = of_channel.aggregate(
        sent_at=Max("finished_at", filter=Q(state=State.SENT)),
        waiting=Count("pk", filter=Q(state=State.WAITING)),
        failing_since=Min("created_at", filter=failing),
        given_up=Count("pk", filter=given_up),
    )
    tried = of_channel.filter(failing).order_by("-tried_at").values_list("problem", flat=True).first()
    last = last_completed(channel)
    if facts["failing_since"] is None and last is not None and last.state == State.GIVEN_UP:
        facts["failing_since"] = last.finished_at
        tried = last.problem
    return ChannelState(problem=tried or "", **facts)


def last_completed(channel: str) -> Delivery | None:
    """The last delivery of a channel that was sent, or given up for another reason than that it was off."""
    ended = Delivery.objects.filter(channel=channel).exclude(state=State.WAITING)
    return ended.exclude(problem=CHANNEL_OFF).order_by("-finished_at", "-id").first()
