"""Queries for the status of the channels."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q

from apps.core import clock
from apps.notices.models import Channel, Delivery, State

GIVEN_UP_SHOWN = dt.timedelta(days=7)
"""How long a delivery that was given up is shown."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a channel's deliveries say. ``failing_since``: the oldest that waits after a failed attempt."""

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
    last = of_channel.filter(failing).order_by("-tried_at").values_list("problem", flat=True).first()
    return ChannelState(problem=last or "", **facts)
