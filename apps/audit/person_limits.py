"""How many searches, exports and refused pages one person may have in an hour.

That a limit is reached is recorded once in that hour, not for each further act.
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
    """What is counted for each person."""

    SEARCH = "search"
    EXPORT = "export"
    DENIAL = "denial"


_REFUSALS = {
    Act.SEARCH: _("You have searched very often within the last hour. Wait a while, then search again."),
    Act.EXPORT: _("You have exported very often within the last hour. Wait a while, then export again."),
}


def refusal(act: Act) -> str:
    """What the form says when :func:`allows` says no to a search or an export."""
    return str(_REFUSALS[act])


def allows(act: Act, actor: Actor) -> bool:
    """Count one act of the person; False where they have reached the limit. Call it outside a transaction.

    Somebody who is not signed in is counted by their address.
    """
    who = ("person", actor.id) if actor.id else ("address", network_of(actor.origin.client_address))
    if Limit(f"person_{act}", _most(act), SECONDS).take(*who) is not None:
        return True
    if Limit(f"person_{act}_recorded", 1, SECONDS).take(*who) is not None:
        with transaction.atomic():
            record(Event(LIMIT_REACHED, actor, data={"what": act.value}))
    return False


def _most(act: Act) -> int:
    most = {
        Act.SEARCH: settings.SEARCHES_PER_HOUR,
        Act.EXPORT: settings.EXPORTS_PER_HOUR,
        Act.DENIAL: settings.DENIALS_PER_HOUR,
    }
    return int(most[act])
