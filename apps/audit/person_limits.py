"""Hourly limits for one person's searches, exports, new lists and denied pages.

Reaching a limit is recorded once per hour, not for each further request.
"""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.audit.audit_events import LIMIT_REACHED
from apps.audit.events import Event
from apps.audit.recording import record
from apps.core.actor import Actor
from apps.core.limits import Limit, network_of

SECONDS = 60 * 60


class Act(StrEnum):
    """The actions that are counted per person."""

    SEARCH = "search"
    EXPORT = "export"
    LIST = "list"
    DENIAL = "denial"


_REFUSALS = {
    Act.SEARCH: _("You have searched too often within the last hour. Wait a while, then search again."),
    Act.EXPORT: _("You have exported too often within the last hour. Wait a while, then export again."),
    Act.LIST: _("You have added too many lists within the last hour. Wait a while, then try again."),
}


def refusal(act: Act) -> str:
    """The form's error message when :func:`allows` returns False. Denied pages have a page of their own."""
    return str(_REFUSALS[act])


def allows(act: Act, actor: Actor) -> bool:
    """Count one act of the person and return whether it is within the limit. Call outside a transaction.

    An anonymous actor is counted by address.
    """
    who = ("person", actor.id) if actor.id else ("address", network_of(actor.origin.client_address))
    if Limit(f"person_{act}", _hourly_limit(act), SECONDS).acquire(*who) is not None:
        return True
    if Limit(f"person_{act}_recorded", 1, SECONDS).acquire(*who) is not None:
        with transaction.atomic():
            record(Event(LIMIT_REACHED, actor, data={"what": act.value}))
    return False


def _hourly_limit(act: Act) -> int:
    limits = {
        Act.SEARCH: settings.SEARCHES_PER_HOUR,
        Act.EXPORT: settings.EXPORTS_PER_HOUR,
        Act.LIST: settings.LISTS_PER_HOUR,
        Act.DENIAL: settings.DENIALS_PER_HOUR,
    }
    return int(limits[act])
